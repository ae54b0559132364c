/*
 * What the EROFS reader needs of the rest of the library OS, for tests and fuzzers: inodes from malloc, reads into plain
 * memory.  An image is a buffer; erofs_copy's fault-safe copy is a memcpy here, so that a sanitizer sees each access.
 */
#ifndef EROFS_HARNESS_H
#define EROFS_HARNESS_H

#include "libos/erofs/erofs.h"

/* Walks the whole tree, reading everything: calls fn for each path if it is not null.  Number of inodes, or -errno. */
typedef void (*harness_fn)(void *arg, const char *path, struct inode *inode, const char *data, size_t len);
long harness_walk(struct super *super, harness_fn fn, void *arg);
void harness_unmount(struct super *super);

#endif
