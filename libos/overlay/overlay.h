/*
 * The overlay's inside: a read-only lower tree (the image, or a volume) under a writable upper one (in the arena, or a
 * volume).  An inode of the overlay (struct onode) stands in front of the real inodes, and stays the same when its file is
 * copied up.
 */
#ifndef LIBOS_OVERLAY_H
#define LIBOS_OVERLAY_H

#include "libos/proc/identity.h"
#include "libos/vfs/vfs.h"

#define OVERLAY_BUCKETS 1024

struct overlay {		/* super->priv */
	struct super *lower, *upper;
	bool on_disk;		/* the upper layer is a volume: marks are kept in user.overlay. attributes */
	bool changes;		/* a layer may change from outside: cached names are looked up again */
	struct mutex copy_lock;	/* RANK_OBJECT: one copy-up at a time; taken under an overlay inode's lock, above the
				 * real inodes' locks */
	struct mutex lock;	/* RANK_DCACHE: table, names and parents of nodes */
	struct list table[OVERLAY_BUCKETS];
	u32 serial;		/* of temporary names */
	struct identity_watch owners;
};

struct onode {			/* inode->priv */
	struct inode *inode;
	struct inode *lower;	/* referenced, or null; never changes */
	struct inode *upper;	/* referenced, or null; set once, by copy-up */
	struct inode *parent;	/* referenced: the overlay directory and the name under which it is copied up */
	char *name;
	u32 name_len;
	u64 ino;
	bool unlinked;		/* it has no name any more (or never had): it is copied up without one */
	struct list hash;
};

static inline struct overlay *overlay_of(const struct inode *inode)
{
	return inode->sb->priv;
}

static inline struct onode *onode_of(const struct inode *inode)
{
	return inode->priv;
}

static inline struct inode *onode_upper(const struct inode *inode)
{
	return __atomic_load_n(&onode_of(inode)->upper, __ATOMIC_ACQUIRE);
}

/* The inode that has the data and the attributes now. */
static inline struct inode *onode_real(const struct inode *inode)
{
	struct inode *upper = onode_upper(inode);

	return upper ? upper : onode_of(inode)->lower;
}

/* super.c */
/* The overlay's inode for these real ones; takes their references, also when it fails (null: no memory). */
struct inode *onode_get(struct super *sb, struct inode *upper, struct inode *lower, struct inode *dir, const char *name,
			u32 len);
void onode_sync(struct inode *inode);		/* copy the real inode's attributes */
void onode_moved(struct inode *inode, struct inode *dir, const char *name, u32 len);
void onode_rehash(struct inode *inode);		/* its real inode is another one now */
int real_lookup(struct inode *dir, const char *name, u32 len, struct inode **out);	/* locks dir; -ENOENT */

/* marks.c: what a layer says beside its files */
bool is_whiteout(const struct overlay *o, struct inode *inode);
bool is_opaque(const struct overlay *o, struct inode *dir);
int whiteout_make(struct overlay *o, struct inode *dir, const char *name, u32 len);	/* dir: upper, locked */
int opaque_set(struct overlay *o, struct inode *dir);
bool is_private_xattr(const char *name);

/* copyup.c */
int overlay_copy_up(struct inode *inode, u64 size);	/* at most `size` bytes of its data are wanted */
struct file *real_file(struct inode *real, u32 flags);	/* or an ERR_PTR */

/* names.c */
extern const struct inode_ops overlay_dir_iops, overlay_file_iops, overlay_link_iops;
int overlay_lookup(struct inode *dir, const char *name, u32 len, struct inode **out);

/* dir.c */
struct merged;
int merged_read(struct inode *dir, struct merged **out);	/* the names in both layers */
bool merged_empty(const struct merged *m);
void merged_free(struct merged *m);
extern const struct file_ops overlay_dir_fops;

/* file.c */
int overlay_open(struct inode *inode, struct file *f);
extern const struct file_ops overlay_file_fops;

#endif
