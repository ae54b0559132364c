/* What the parts of hostfs share: volumes of the host, reached through stream calls by name. */
#ifndef LIBOS_HOSTFS_H
#define LIBOS_HOSTFS_H

#include "libos/vfs/vfs.h"

/* A directory as it was enumerated; shared by the node and open directories. */
struct listing {
	ref_t refs;
	u32 count, size;
	struct hent **ents;	/* in the host's order: a position is an index */
	u32 *buckets, mask;	/* heads of chains by name; index + 1, 0 ends */
	i64 time;		/* monotonic: when it was asked for */
};

struct hent {
	u32 next, hash;
	u32 len;
	bool spoiled;		/* we changed the file since: the attributes are out of date */
	struct bz_attr attr;
	char name[];
};

/* A stream that open files of a node share; the offset is theirs. */
struct hstream {
	bz_stream s;		/* -1: none */
	u32 users;
};

/* Another name of a file with several, for when the one in use is removed. */
struct halias {
	struct halias *next;
	struct inode *parent;	/* referenced */
	u32 len;
	char name[];
};
#define HALIAS_MAX 8

/* inode->priv */
struct hnode {
	struct inode *inode;
	struct list hash;	/* nodes by (dev, ino); hostfs_lock, as all up to `lock_stream` */
	u64 dev, ino;
	i64 btime;
	struct inode *parent;	/* referenced; where it was last found; null for the root */
	char *name;
	u32 name_len;
	struct halias *aliases;
	bool gone;		/* its last name was removed */
	bool lost;		/* it has names, but none that we know */
	struct hstream rd, wr;
	struct list idle;	/* rd is open and unused */
	bz_stream lock_stream;	/* locks of the whole sandbox on this file, -1: none yet */
	bool lock_shared;	/* it is `wr`, and counts as a user of it */
	u32 open_files;		/* atomic but for the last one */
	i64 attr_time;		/* monotonic: the attributes are taken for true from then on; 0: they are out of date */
	i64 known;		/* monotonic: what was told before that is older than what we know */
	struct listing *listing; /* directories: what they hold, or null */
	u32 singles;		/* names that were asked for one by one since */
	i64 checked;		/* monotonic: when the directory's times were last compared */
	i64 seen_mtime, seen_ctime; /* its times then */
	struct hwatch *watch;	/* watch.c: it is watched, or null */
	bool racy;		/* it had changed so shortly before that a later change may show the same times */
};

struct hostfs {
	u32 root;		/* the host's number of the volume */
	bool is_file, immutable;
	bool unwatched;		/* the host watches nothing in it */
	i64 ttl;		/* how long an answer is taken for true, ns */
	i64 news;		/* monotonic: when the host last told of a change: attributes from before are out of date */
};

static inline struct hostfs *hostfs_of(const struct inode *inode)
{
	return inode->sb->priv;
}

static inline struct hnode *hnode_of(const struct inode *inode)
{
	return inode->priv;
}

extern struct mutex hostfs_lock;	/* RANK_OBJECT; held over no host call */

/* A name for the host: built from where the nodes were found.  Freed with hname_put. */
struct hname {
	struct bz_name n;
	char *buf;
};
int hname_of(struct inode *inode, struct hname *h);
int hname_child(struct inode *dir, const char *name, u32 len, struct hname *h);
void hname_put(struct hname *h);

/* node.c */
/* `at`: monotonic time at which the attributes were asked for. */
struct inode *hnode_get(struct super *sb, struct inode *dir, const char *name, u32 len, const struct bz_attr *a, i64 at);
void hnode_attr(struct inode *inode, const struct bz_attr *a, i64 at);
void hnode_changed(struct inode *inode);		/* by ourselves: what was told so far is out of date */
int hnode_refresh(struct inode *inode, bool force);
bool hnode_is(const struct inode *inode, const struct bz_attr *a);
void hnode_found(struct inode *inode, struct inode *dir, const char *name, u32 len);	/* it has this name */
void hnode_renamed(struct inode *inode, struct inode *olddir, const char *oldname, u32 oldlen, struct inode *newdir,
		   const char *newname, u32 newlen);
void hnode_unlinked(struct inode *inode, struct inode *dir, const char *name, u32 len);
extern const struct inode_ops hostfs_inode_ops;

/* dir.c */
void listing_put(struct listing *l);
void hostfs_dir_spoil(struct inode *dir, const char *name, u32 len); /* hostfs_lock held: this entry's attributes */
void hostfs_dir_forget(struct inode *dir);	/* we changed it ourselves */
void hostfs_dir_news(struct inode *dir);	/* somebody changed names in it */
u32 hostfs_name_hash(const char *name, u32 len);
int hostfs_lookup(struct inode *dir, const char *name, u32 len, struct inode **out);
bool hostfs_revalidate(struct dentry *d);
bool hostfs_still_true(const struct dentry *d, i64 now);
extern const struct file_ops hostfs_dir_fops;

/* data.c */
bz_stream hostfs_stream_take(struct hnode *n, bool write);	/* one that is open already, or -1 */
void hostfs_stream_drop(struct hnode *n, bool write);
void hostfs_idle_close(struct hnode *n);	/* a stream that waits for its next user */
int hostfs_open(struct inode *inode, struct file *f);
void hostfs_offer(struct inode *inode, bz_stream s);	/* a stream for reading that the next open may use */
void hostfs_adopt(struct inode *inode, bz_stream s);	/* a stream that creating the file has opened for writing */
int hostfs_resize(struct inode *inode, u64 size);
void hostfs_streams_close(struct hnode *n);
extern const struct file_ops hostfs_file_fops;

/* watch.c */
int hostfs_watch(struct inode *inode, bool on);
void hostfs_closing(struct hnode *n);		/* a stream for writing is about to be closed */

/* name.c */
int hostfs_create_node(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out);
int hostfs_symlink(struct inode *dir, const char *name, u32 len, const char *target, struct inode **out);
int hostfs_link(struct inode *dir, const char *name, u32 len, struct inode *inode);
int hostfs_unlink(struct inode *dir, const char *name, u32 len, struct inode *inode);
int hostfs_rmdir(struct inode *dir, const char *name, u32 len, struct inode *inode);
int hostfs_rename(struct inode *olddir, const char *oldname, u32 oldlen, struct inode *inode, struct inode *newdir,
		  const char *newname, u32 newlen, struct inode *target, u32 flags);
int hostfs_tmpfile(struct inode *dir, u32 mode, struct inode **out);

#endif
