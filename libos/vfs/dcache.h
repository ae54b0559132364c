/* The dentry cache's inside, for name resolution and mounts. */
#ifndef LIBOS_DCACHE_H
#define LIBOS_DCACHE_H

#include "libos/vfs/vfs.h"

/* Takes the inode reference (inode may be null: a negative dentry); on no list yet. */
struct dentry *dentry_alloc(struct dentry *parent, const char *name, u32 len, struct inode *inode);
struct dentry *dcache_find(struct dentry *parent, const char *name, u32 len);	/* referenced, or null */
bool dcache_walk(struct path *at, const char *name, bool follow);	/* at: referenced only if true */
void dcache_insert(struct dentry *d);
void dcache_unhash(struct dentry *d);		/* its name is gone; it lives on while it is referenced */
bool dentry_unhashed(const struct dentry *d);
/* The directory that d is in, referenced, and its name there (NAME_MAX + 1 bytes; or null), as of one moment: a rename may change both
 * at any time.  Of a root itself its own inode. */
struct inode *dentry_directory(struct dentry *d, char *name);
u64 dentry_parent_ino(struct dentry *d);
void dcache_instantiate(struct dentry *d, struct inode *inode);	/* negative -> positive, and found by its name; takes the reference */
void dcache_prune(struct dentry *dir);		/* forget unused children */
/* Rename: d gets a new parent and name.  Both directories' inodes are locked. */
int dcache_move(struct dentry *d, struct dentry *parent, const char *name, u32 len);
/* outside, if not null: it does not lie below the root. */
char *dcache_path(const struct path *p, const struct path *root, char *buf, size_t size, bool *outside);

#endif
