/* Pipes and FIFOs (pipe.c, fifo.c), and moving data through them (splice.c). */
#ifndef LIBOS_PIPE_H
#define LIBOS_PIPE_H

#include "libos/vfs/vfs.h"

struct pipe;

int fifo_open(struct inode *inode, struct file *file);
long pipe_set_size(struct file *f, u64 size);
long pipe_get_size(struct file *f);
bool file_is_pipe(const struct file *f);
ssize_t pipe_tee(struct file *in, struct file *out, size_t n, bool nowait);	/* both are pipes */
ssize_t vfs_copy(struct file *in, i64 *ipos, struct file *out, i64 *opos, size_t n);	/* vfs/rw.c */

#endif
