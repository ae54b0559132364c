/*
 * hostfs's inside: host volumes behind the monitor.  An inode is a name in a granted tree (struct hostfs_node), its
 * attributes a copy that is asked for again when it may be stale.
 */
#ifndef LIBOS_HOSTFS_H
#define LIBOS_HOSTFS_H

#include "libos/vfs/vfs.h"

struct hostfs_sb {
	u32 root;
	u32 flags;		/* BZ_MOUNT_* */
	i64 fresh_ns;		/* how long an answer of the monitor counts as true */
	u32 open_streams;	/* atomic: kept open for files that nobody has open just now */
};

struct hostfs_dir;

struct hostfs_node {		/* inode->priv; inode->lock protects it */
	char *path;		/* in the tree, "" for its root */
	u32 path_len;
	i64 checked;		/* when attributes were last asked for */
	bz_stream stream;	/* open for reading, kept for the next open; -1: none */
	bool unlinked;
	u32 lookups;		/* misses, until a listing is worth its cost */
	struct hostfs_dir *listing; /* every name of the directory, or null */
};

static inline struct hostfs_node *hostfs_node(const struct inode *inode)
{
	return inode->priv;
}

static inline struct hostfs_sb *hostfs_sb(const struct inode *inode)
{
	return inode->sb->priv;
}

extern const struct inode_ops hostfs_dir_iops, hostfs_file_iops, hostfs_link_iops;	/* inode.c */
extern const struct file_ops hostfs_file_fops;	/* data.c */
extern const struct file_ops hostfs_dir_fops;	/* dir.c */

/* The name of an inode, or of `name` in it: path is fresh memory that the caller frees. */
bz_stream hostfs_stream_take(struct hnode *n, bool write);	/* one that is open already, or -1 */
void hostfs_stream_drop(struct hnode *n, bool write);
int hostfs_open(struct inode *inode, struct file *f);	/* data.c */
struct bz_name hostfs_name(const struct inode *inode);
char *hostfs_child_path(const struct inode *dir, const char *name, u32 len, u32 *path_len);
/* Takes `path`. */
struct inode *hostfs_inode(struct super *sb, char *path, u32 path_len, const struct bz_attr *attr);
void hostfs_set_attr(struct inode *inode, const struct bz_attr *attr);
int hostfs_refresh(struct inode *inode, bool force);	/* inode locked or not: a race costs a request, no more */

int hostfs_dir_lookup(struct inode *dir, const char *name, u32 len, struct inode **out);
void hostfs_dir_changed(struct inode *dir);	/* the library OS itself changed it: forget the listing */
bool hostfs_dir_revalidate(struct dentry *d);

#endif
