/* File locks (locks.c): what descriptors and fcntl need of them. */
#ifndef LIBOS_LOCKS_H
#define LIBOS_LOCKS_H

#include "libos/vfs/vfs.h"

/* fcntl(2): F_GETLK, F_SETLK, F_SETLKW and the F_OFD_ forms.  `arg` is the guest's struct flock. */
long locks_fcntl(struct file *f, u32 cmd, u64 arg);
/* A process closed a descriptor of f: its POSIX locks on that file go, as POSIX has it. */
void locks_close(struct file *f);
/* The last reference to f went: its flock and OFD locks go. */
void locks_release(struct file *f);
/* The inode's memory goes. */
void locks_free(struct inode *inode);

#endif
