/* Pipes (pipe.c) and FIFOs (fifo.c), and moving data through them (splice.c). */
#ifndef LIBOS_PIPE_H
#define LIBOS_PIPE_H

#include "libos/vfs/vfs.h"

struct pipe;

int fifo_open(struct inode *inode, struct file *file);
long pipe_set_size(struct file *f, u64 size);
long pipe_get_size(struct file *f);
bool file_is_pipe(const struct file *f);

#endif
