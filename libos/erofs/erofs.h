/* What the parts of the EROFS reader share. */
#ifndef LIBOS_EROFS_H
#define LIBOS_EROFS_H

#include "libos/erofs/format.h"
#include "libos/vfs/vfs.h"

struct erofs_sb {
	const u8 *base;		/* the image, mapped read-only */
	u64 size;
	u64 meta, xattrs;	/* byte offsets */
	i64 build_time;		/* ns */
	u64 inos;
};

/* inode->priv */
struct erofs_inode {
	u64 body;		/* offset of what follows the inode and its xattrs: inline data or chunk map */
	u64 xattr;		/* offset of the inline xattr area */
	u32 xattr_size;
	u32 start;		/* first block, or chunk format */
	u8 layout;
	void *tail;		/* a page with a copy of the inline tail, made when it is first mapped */
};

static inline struct erofs_sb *erofs_sb(const struct super *sb)
{
	return sb->priv;
}

static inline struct erofs_inode *erofs_node(const struct inode *inode)
{
	return inode->priv;
}

/* Copy from the image: 0, or -EIO where it is out of bounds or the file behind the mapping was truncated. */
int erofs_copy(const struct erofs_sb *sb, void *dst, u64 off, size_t n);
int erofs_inode_get(struct super *sb, u64 nid, struct inode **out);
/* Where byte `pos` of a file lies: offset in the image with *len bytes contiguous there, or 0 for a hole of *len. */
int erofs_map(struct inode *inode, u64 pos, u64 *off, u64 *len);
/* Read into library OS memory: bytes (short only at the end of the file) or -errno. */
ssize_t erofs_read_kernel(struct inode *inode, void *buf, size_t n, u64 pos);

extern const struct inode_ops erofs_dir_inode_ops, erofs_file_inode_ops, erofs_link_inode_ops;	/* inode.c */
extern const struct file_ops erofs_file_fops;		/* data.c */
extern const struct file_ops erofs_dir_fops;		/* dir.c */
int erofs_lookup(struct inode *dir, const char *name, u32 len, struct inode **out);
long erofs_getxattr(struct inode *inode, const char *name, void *buf, size_t size);	/* xattr.c */
long erofs_listxattr(struct inode *inode, char *buf, size_t size);

#endif
