/* Name resolution's inside, for the calls that create, remove and rename. */
#ifndef LIBOS_NAMEI_H
#define LIBOS_NAMEI_H

#include "libos/vfs/dcache.h"

/* A directory and the last component of a name in it. */
struct parent {
	struct path dir;	/* referenced */
	char name[NAME_MAX + 1];
	u32 len;
	bool slash;		/* the name ended with a slash */
	bool special;		/* it was empty, `.`, `..` or `/`: name is that */
};

int path_walk(int dirfd, const char *name, u32 flags, struct path *out);	/* path_lookup, component by component */
int path_parent(int dirfd, const char *uname, u32 flags, struct parent *out);	/* guest string */
int path_parent_kernel(int dirfd, const char *name, u32 flags, struct parent *out);
void parent_put(struct parent *p);
/* The child dentry (maybe negative), referenced; dir->inode is locked by the caller. */
struct dentry *child_lookup_locked(struct dentry *dir, const char *name, u32 len);
struct dentry *child_lookup(struct dentry *dir, const char *name, u32 len);
/* Write access to a path's file system: 0 or -EROFS. */
int path_writable(const struct path *p);
/* May the current process add (victim null) or remove `victim` in dir?  As Linux's may_create, may_delete. */
int may_create(const struct path *dir);
int may_delete(const struct path *dir, struct inode *victim, bool is_dir);
/* A guest's name for the length of a call, on the stack if it is short. */
struct user_name {
	char *name;
	char small[256];
};
int user_name_get(struct user_name *u, const char *uname);	/* 0 or -errno */
void user_name_put(struct user_name *u);
char *user_path(const char *uname, int *err);	/* a copy in fresh memory; -ENOENT when empty unless err says so */
/* open(2): resolve and, with O_CREAT, make.  resolve: LOOKUP_ restrictions of openat2. */
struct file *do_open(int dirfd, const char *name, u32 flags, u32 mode, u32 resolve);
int vfs_create(const struct path *dir, struct dentry *d, u32 mode, u64 rdev);	/* dir inode locked */
/* denied.c: `rest` of a name was not found in dir, a directory of the root; told to the operator if it may be the host's. */
void denied_note(const struct path *dir, const char *rest);
void denied_watch(void);
int vfs_unlink(struct parent *p);	/* p->dir inode locked */
int vfs_make_socket(const char *name, u32 mode, struct path *made);	/* kernel string; the umask takes from mode */
int vfs_symlink(struct parent *p, const char *target);	/* p->dir inode locked */
int vfs_truncate(struct inode *inode, struct file *f, u64 size);

#endif
