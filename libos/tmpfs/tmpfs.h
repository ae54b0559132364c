/* tmpfs's inside: data in windows of the arena, directories as hash tables. */
#ifndef LIBOS_TMPFS_H
#define LIBOS_TMPFS_H

#include "libos/vfs/vfs.h"

/*
 * A file's data is a table of chunks: chunk 0 is the first page, chunk k the 2^(k-1) pages from page 2^(k-1) on, and from
 * 4 MiB on all have 4 MiB.  A growing file never moves, a large one needs few mappings, a sparse one little of the arena; a
 * page costs memory when it is first written.  Bits tell which pages have data.
 */
struct tmpfs_chunk {
	void *mem;		/* null: a hole */
	union {
		u64 word;	/* of a chunk of at most 64 pages */
		u64 *words;
	};
};

struct tmpfs_sb {
	u64 limit_pages;	/* 0: none but the arena's */
	u64 used_pages;		/* atomic: pages that have data */
};

struct tmpfs_entry {		/* one name in a directory */
	struct list hash, order;
	struct inode *inode;	/* referenced */
	u64 cookie;		/* readdir position, ascending in order */
	u32 hash_value;
	u16 len;
	char name[];
};

struct tmpfs_xattr {
	struct list node;
	u32 size;
	char *value;
	char name[];
};

struct tmpfs_node {		/* inode->priv */
	struct list xattrs;
	union {
		struct {
			struct tmpfs_chunk *chunk;
			u32 count;	/* of the table */
			struct mutex lock; /* RANK_DCACHE: the table and its bits */
			bool mapped;	/* ever: memory must not go to another file while this one lives */
			u32 seals;
		} file;
		struct {
			struct list *buckets, order;
			u32 bucket_count, count;
			u64 next_cookie;
			struct inode *parent;	/* not referenced: a directory outlives its children's use of it */
		} dir;
		char *link;
	};
};

static inline struct tmpfs_node *tmpfs_node(const struct inode *inode)
{
	return inode->priv;
}

extern const struct file_ops tmpfs_file_fops, tmpfs_dir_fops;
extern const struct inode_ops tmpfs_dir_iops, tmpfs_file_iops, tmpfs_link_iops;
struct inode *tmpfs_inode(struct super *sb, u32 mode, u64 rdev);
int tmpfs_file_resize(struct inode *inode, u64 size);	/* inode locked */
u64 tmpfs_file_pages(struct inode *inode, u64 from, u64 to); /* of [from, to), those that have data */
void tmpfs_file_free(struct inode *inode);
void tmpfs_dir_free(struct inode *inode);
int tmpfs_dir_init(struct inode *inode, struct inode *parent);
long tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size);
int tmpfs_setxattr(struct inode *inode, const char *name, const void *val, size_t size, u32 flags);
long tmpfs_listxattr(struct inode *inode, char *buf, size_t size);
int tmpfs_removexattr(struct inode *inode, const char *name);
void tmpfs_xattr_free(struct inode *inode);

#endif
