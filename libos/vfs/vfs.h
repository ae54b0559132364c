/*
 * The virtual file system: inodes, dentries, mounts, open files, descriptor tables, and the calls of each file
 * system.  One struct file is one open file description (shared after dup and fork).
 */
#ifndef LIBOS_VFS_H
#define LIBOS_VFS_H

#include "libos/proc/proc.h"
#include <linux/fcntl.h>
#include <linux/stat.h>
#include <linux/eventpoll.h>

struct inode;
struct dentry;
struct mount;
struct super;
struct file;
struct poll_table;
struct kstatfs;
struct vma;
struct iovec;

#define NAME_MAX 255
#define PATH_MAX 4096

struct kstat {
	u64 ino, dev, rdev, size, blocks;
	u32 mode, nlink, uid, gid, blksize;
	i64 atime, mtime, ctime, btime;	/* ns since the epoch */
	u32 attributes, attributes_known; /* INODE_* of fileattr.c */
};

struct iattr {			/* setattr: what of it counts is in `valid` */
	u32 valid;		/* ATTR_* */
	u32 mode, uid, gid;
	u64 size;
	i64 atime, mtime, ctime;
};
#define ATTR_MODE 1
#define ATTR_UID 2
#define ATTR_GID 4
#define ATTR_SIZE 8
#define ATTR_ATIME 16
#define ATTR_MTIME 32
#define ATTR_CTIME 64

/* A guest or library OS buffer list for reads and writes; guest memory is reached by usercopy. */
struct iov_iter {
	const struct bz_iov *iov;
	u32 count;		/* entries left */
	size_t skip;		/* bytes of the first entry that are done */
	size_t left;		/* bytes left in all */
	bool kernel;		/* the buffers are the library OS's own */
	u32 flags;		/* O_NONBLOCK, O_APPEND: hold for this call as if the file had them; see io_flags */
};
void iov_iter_init(struct iov_iter *it, const struct bz_iov *iov, u32 n, bool kernel);
/* Move up to n bytes; returns how many were moved (fewer: EFAULT or the end).  Advances the iterator. */
size_t iov_copy_to(struct iov_iter *it, const void *src, size_t n);	/* a read: to the guest */
size_t iov_copy_from(struct iov_iter *it, void *dst, size_t n);		/* a write: from the guest */
size_t iov_copy_aside(struct iov_iter *it, void *dst, size_t n);	/* as the one before, past the caches (copy_aside) */
size_t iov_zero(struct iov_iter *it, size_t n);
#define IOV_MAX_HOST 16		/* entries that one host call gets at most */
/* Describe the next at most max bytes as at most n bz_iov for a host stream call; does not advance. */
u32 iov_host(const struct iov_iter *it, struct bz_iov *out, u32 n, size_t max);
void iov_advance(struct iov_iter *it, size_t n);
#define RW_MAX 0x7ffff000ul	/* read(2), NOTES */
#define IOV_FAST 8
/* Copy in and check a guest's vector into *out: `fast` (IOV_FAST entries) or a kmalloc that the caller frees, on errors too. */
long iov_load(const struct iovec *uiov, u64 count, struct bz_iov *fast, struct bz_iov **out);

/* Names in directories are (name, len), not NUL-terminated. */
struct inode_ops {
	/* A new reference in *out, or -ENOENT... */
	int (*lookup)(struct inode *dir, const char *name, u32 len, struct inode **out);
	int (*create)(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out); /* S_IFMT in mode */
	int (*symlink)(struct inode *dir, const char *name, u32 len, const char *target, struct inode **out);
	int (*link)(struct inode *dir, const char *name, u32 len, struct inode *inode);
	int (*unlink)(struct inode *dir, const char *name, u32 len, struct inode *inode);
	int (*rmdir)(struct inode *dir, const char *name, u32 len, struct inode *inode);
	int (*rename)(struct inode *olddir, const char *oldname, u32 oldlen, struct inode *inode, struct inode *newdir,
		      const char *newname, u32 newlen, struct inode *target, u32 flags); /* target may be null */
	int (*tmpfile)(struct inode *dir, u32 mode, struct inode **out);
	long (*readlink)(struct inode *inode, char *buf, size_t size);	/* length; no NUL */
	/* Follow a magic link (/proc/PID/fd/N, exe, cwd, root) straight to its path; null where links are texts. */
	int (*follow)(struct inode *inode, struct path *out);
	int (*getattr)(struct inode *inode, struct kstat *st);		/* null: from the inode's own fields */
	int (*setattr)(struct inode *inode, const struct iattr *attr);	/* permission was checked */
	int (*permission)(struct inode *inode, u32 mask);		/* null: by mode; mask 4 r, 2 w, 1 x */
	long (*getxattr)(struct inode *inode, const char *name, void *buf, size_t size);
	int (*setxattr)(struct inode *inode, const char *name, const void *val, size_t size, u32 flags);
	long (*listxattr)(struct inode *inode, char *buf, size_t size);
	int (*removexattr)(struct inode *inode, const char *name);
	/* Fill file->ops and file->priv for an open; null: inode->fops.  May replace file->inode's data. */
	int (*open)(struct inode *inode, struct file *file);
	/* Is a cached dentry of this directory still true?  null: always.  false: look it up again. */
	bool (*revalidate)(struct dentry *dentry);
	/* The same by what is known at `now` (the coarse monotonic clock), without locks or requests; false: ask revalidate. */
	bool (*still_true)(const struct dentry *dentry, i64 now);
	/* A mark of inotify's was made (on) or went: the file system may tell of changes by fsnotify_outside from now on, which
	 * INODE_TOLD says.  An error refuses the mark.  Null: nobody but guests changes it. */
	int (*watch)(struct inode *inode, bool on);
};

struct inode {
	ref_t refs;
	struct mutex lock;	/* RANK_INODE: directory content, size, attributes */
	const struct inode_ops *ops;
	const struct file_ops *fops;
	struct super *sb;
	u64 ino;
	u32 mode, uid, gid, nlink;
	u64 rdev, size, blocks;
	i64 atime, mtime, ctime, btime;
	u32 flags;		/* INODE_*; upper bits are the file system's own */
	struct list mappings;	/* mm's: vmas of this inode */
	struct flock_list *locks; /* vfs/locks.c */
	struct inotify_marks *marks; /* vfs/inotify.c */
	struct lease *leases;	/* vfs/lease.c */
	struct dnotify *dnotify; /* vfs/dnotify.c */
	u64 dir_version;	/* directories: what the dentries of names in it are stamped with */
	struct pipe *fifo;	/* pipe/: a FIFO's buffer while it is open */
	struct inode *bound;	/* overlay and others: the inode that holds the data */
	u32 deny_write, writers; /* atomic: processes that execute it; descriptions that may write it (ETXTBSY) */
	u32 readers;		/* atomic: descriptions that may not */
	u32 map_count;		/* atomic: vmas that map it; 0 lets truncation skip the search */
	u32 map_writable;	/* atomic: those that may write it: F_SEAL_WRITE has to wait for them */
	union { void *priv; u64 priv_word; };
};

#define INODE_LINKABLE 2u	/* made by O_TMPFILE without O_EXCL: may get its first name by linkat */

#define INODE_IMMUTABLE 8u	/* fileattr.c */
#define INODE_APPEND 16u
#define INODE_NODUMP 32u
#define INODE_NOATIME 64u

#define INODE_TOLD 4u		/* atomic: see inode_ops.watch */
#define INODE_OWN_OPEN 1	/* inode->flags: ops->open decides, whatever the type (host streams given as stdio) */

struct super_ops {
	void (*evict)(struct inode *inode);	/* the last reference went: free what is behind it */
	int (*statfs)(struct super *sb, struct kstatfs *st);
	void (*sync)(struct super *sb);
};

struct kstatfs {
	u64 type, bsize, blocks, bfree, bavail, files, ffree, namelen, flags;
};

struct super {
	const struct super_ops *ops;
	const char *fstype;	/* as /proc/mounts prints it */
	const char *source;
	u64 dev;
	struct inode *root;
	struct mutex rename_lock; /* RANK_RENAME */
	u64 next_ino;
	u32 flags;		/* SB_* */
	void *priv;
};
#define SB_RDONLY 1
#define SB_NOCACHE 2		/* negative or positive dentries must be revalidated */
#define SB_NOATIME 4
#define SB_FILEATTR 8		/* its files have attributes (fileattr.c) */

struct dentry {
	ref_t refs;
	struct dentry *parent;	/* referenced; the root's is itself */
	struct inode *inode;	/* null: negative */
	struct super *sb;
	struct list hash, children, sibling, lru;
	struct mount *mounted;	/* what is mounted here, or null */
	u64 stamp;		/* for revalidate: the directory's dir_version when the name was looked up; then the file system's own */
	u32 name_hash;
	u16 name_len;
	u16 flags;
	char *name;
};

struct mount {
	struct super *sb;
	struct dentry *root;
	struct mount *parent;
	struct dentry *at;	/* where it is mounted (in parent) */
	u32 flags;		/* MNT_* */
	u32 id;
	struct list node;	/* all mounts */
};
#define MNT_RDONLY 1
#define MNT_NOEXEC 2
#define MNT_NOSUID 4
#define MNT_NODEV 8

struct path {
	struct mount *mount;
	struct dentry *dentry;	/* referenced */
};

/* What a file is on the host. */
struct host_identity {
	u64 dev, ino, size;
	i64 mtime, ctime;
};

/* Takes bytes where they lie, without waiting: how many of them, or -errno.  They may not be kept, and reading them may fault. */
typedef ssize_t (*lend_fn)(void *arg, const void *mem, size_t n);

struct file_ops {
	/* *pos is the file's offset for read(2), a copy for pread(2); streams ignore it.  Bytes or -errno. */
	ssize_t (*read)(struct file *f, struct iov_iter *it, i64 *pos);
	ssize_t (*write)(struct file *f, struct iov_iter *it, i64 *pos);
	/* At most n bytes at pos go to `take` where they lie, in one piece, so that they are not copied for it: what it gives.
	 * -EOPNOTSUPP (or null): they have to be read. */
	ssize_t (*lend)(struct file *f, u64 pos, size_t n, lend_fn take, void *arg);
	i64 (*llseek)(struct file *f, i64 off, int whence);	/* null: the generic one by inode size */
	/* One entry at a time into emit until it says stop (returns false); *pos is opaque but for 0. */
	int (*readdir)(struct file *f, i64 *pos,
		       bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next), void *arg);
	/* EPOLL bits that hold now; registers with pt (may be null) where to wait for changes. */
	u32 (*poll)(struct file *f, struct poll_table *pt);
	long (*ioctl)(struct file *f, u32 cmd, u64 arg);	/* -ENOTTY by default */
	/* Map [off, off+len) at addr by a host call (under mm->lock, replacing what is there).  mapflags: BZ_MAP_SHARED for a
	 * shared mapping, 0 for a private one.  prot: BZ_PROT_*, which are the guest's.  Returns bytes that are backed (rounded up to pages; the
	 * rest of the range is mapped without access by mm), or -errno.  Null: -ENODEV. */
	i64 (*mmap)(struct file *f, u64 addr, u64 len, u32 prot, u32 mapflags, u64 off);
	void (*mapped)(struct file *f, int add);		/* a vma of it came (1) or went (-1); mm->lock may be held */
	/* Where byte `pos` stands in the image, or 0; null: not there. */
	i64 (*image_offset)(struct file *f, u64 pos);
	/* Of a file of the host's: what it is there, as far as is known.  False, or null: it is none. */
	bool (*host_identity)(struct file *f, struct host_identity *id);
	int (*fsync)(struct file *f, bool data_only);
	int (*fallocate)(struct file *f, u32 mode, u64 off, u64 len);
	int (*open)(struct file *f);				/* character devices: called by chrdev_open */
	int (*flush)(struct file *f);				/* each close(2) of a descriptor */
	void (*release)(struct file *f);			/* the last reference went */
	void (*owned)(struct file *f);				/* it has an owner, or O_ASYNC, from now on (async.c); may be null */
	int (*lock)(struct file *f, struct bz_lock *l);		/* on host volumes; null: vfs/locks.c alone */
	void (*show_fdinfo)(struct file *f, char *buf, size_t size); /* extra lines of /proc/PID/fdinfo/N */
};

struct file {
	ref_t refs;
	struct mutex lock;	/* RANK_FILE: pos */
	const struct file_ops *ops;
	struct path path;	/* dentry null for anonymous files */
	struct inode *inode;	/* referenced; null for some anonymous files */
	u32 flags;		/* O_* status flags and access mode */
	i64 pos;
	u32 version;		/* pipe/: a FIFO's reader: the writers that it has seen, 0 if any counts */
	bz_stream stream;	/* host stream behind it, or -1 */
	void *priv;
	const char *anon_name;	/* "anon_inode:[eventfd]", "pipe:[ino]" prefix for /proc/PID/fd */
	struct file_owner {
		i32 pid, sig;	/* F_SETOWN, F_SETSIG; pid 0: nobody's */
		u32 type;	/* F_OWNER_* */
		u32 uid, euid;	/* of who set it */
	} owner;
	struct async *async;	/* O_ASYNC: vfs/async.c */
	struct list epoll_items; /* epoll/: items that watch this file; file->lock */
	bool writer;		/* counted in inode->writers: the file cannot be executed meanwhile */
	bool reader;		/* counted in inode->readers */
	bool owns_stream;	/* closing it closes the host's stream that it waits for, at once and for all */
};

#define FMODE_CAN_READ(f) (((f)->flags & O_ACCMODE) != O_WRONLY && !((f)->flags & O_PATH))
#define FMODE_CAN_WRITE(f) ((((f)->flags & O_ACCMODE) == O_WRONLY || ((f)->flags & O_ACCMODE) == O_RDWR) && !((f)->flags & O_PATH))

/* The status flags that hold for a read or write: the file's and the call's (preadv2, splice). */
static inline u32 io_flags(const struct file *f, const struct iov_iter *it)
{
	return READ_ONCE(f->flags) | it->flags;
}

/* --- files and descriptors (vfs/file.c, vfs/fdtable.c) --- */
struct file *file_alloc(const struct file_ops *ops, struct inode *inode, u32 flags, void *priv);
struct file *file_alloc_anon(const struct file_ops *ops, const char *anon_name, u32 flags, void *priv);
static inline void file_get(struct file *f)
{
	ref_get(&f->refs);
}
void file_put(struct file *f);
struct file *fd_get(int fd);		/* referenced; null: -EBADF.  O_PATH files are not returned */
struct file *fd_get_any(int fd);	/* O_PATH files too */
/* A file for the length of one call, not counted where nobody but the calling thread can close it: null file: -EBADF. */
struct fd_use {
	struct file *file;
	bool counted;
};
struct fd_use fd_use(int fd);		/* as fd_get */
struct fd_use fd_use_any(int fd);
static inline void fd_unuse(struct fd_use u)
{
	if (unlikely(u.counted))
		file_put(u.file);
}
/* Nobody else has the file open, so that its offset needs no lock. */
static inline bool fd_use_alone(struct fd_use u)
{
	return !u.counted && READ_ONCE(u.file->refs) == 1;
}
int fd_alloc(struct file *f, u32 min, bool cloexec); /* takes the caller's reference on success; -EMFILE */
int fd_publish(struct file *f, bool cloexec); /* the least free one; takes the reference in any case; f may be an ERR_PTR */
int fd_install_at(int fd, struct file *f, bool cloexec); /* dup2; takes the reference on success */
int fd_close(int fd);
struct files *files_create(void);
struct files *files_copy(struct files *old);	/* fork */
void files_get(struct files *fs);		/* clone with CLONE_FILES */
void files_put(struct files *fs);
int files_unshare(void);	/* the current process gets a table of its own */
void files_close_on_exec(struct files *fs);
/* Walk the table of a process (procfs): the first open descriptor >= fd, or -1; *f referenced. */
int files_next(struct files *fs, int fd, struct file **f);

struct fs_context {
	ref_t refs;
	struct mutex lock;
	struct path root, cwd;
	u32 umask;
};
struct fs_context *fs_context_create(void);	/* at the root, umask from boot */
struct fs_context *fs_context_copy(struct fs_context *fs);
void fs_context_put(struct fs_context *fs);

/* --- poll (vfs/poll.c) --- */
struct poll_table {
	u32 events;		/* what the caller waits for */
	/* Called by file_ops.poll. */
	void (*queue)(struct poll_table *pt, struct file *f, struct waitq *q);
	u32 (*stream)(struct poll_table *pt, struct file *f, bz_stream s); /* see poll_stream */
};
#define POLL_ASK (~0u)
static inline void poll_wait(struct poll_table *pt, struct file *f, struct waitq *q)
{
	if (pt && pt->queue)
		pt->queue(pt, f, q);
}
/* Which of these events hold of a host's stream.  Who waits for many has asked the host for all of them at once, or will do: what is not
 * known yet is told later, and makes the file be asked again.  Otherwise the host is asked, which takes three calls. */
static inline u32 poll_stream(struct poll_table *pt, struct file *f, bz_stream s, u32 events)
{
	u32 known = pt && pt->stream ? pt->stream(pt, f, s) : POLL_ASK;
	int ready;

	if (known != POLL_ASK)
		return known & (events | BZ_WAIT_ERR | BZ_WAIT_HUP);
	ready = host->stream_wait(s, events, 0);
	return ready > 0 ? ready : 0;
}

/* --- names (vfs/namei.c) --- */
#define LOOKUP_FOLLOW 1		/* follow a link at the end */
#define LOOKUP_EMPTY 2		/* an empty path means dirfd itself */
#define LOOKUP_PARENT 4		/* stop at the parent; the last component is in *last */
#define LOOKUP_DIRECTORY 8
#define LOOKUP_BENEATH 16
#define LOOKUP_IN_ROOT 32
#define LOOKUP_NO_SYMLINKS 64
#define LOOKUP_NO_MAGICLINKS 128
#define LOOKUP_NO_XDEV 256
#define LOOKUP_OPEN 512		/* the last component is to be opened for reading: see thread->lookup_open */
int path_lookup(int dirfd, const char *name, u32 flags, struct path *out);	/* kernel string */
int path_lookup_user(int dirfd, const char *uname, u32 flags, struct path *out);	/* guest string */
void path_get(struct path *p);
void path_put(struct path *p);
/* Absolute path as seen from the process's root into buf; returns a pointer into buf, or an ERR_PTR. */
char *path_string(const struct path *p, char *buf, size_t size);
struct file *file_open(int dirfd, const char *name, u32 flags, u32 mode);		/* kernel string; or ERR_PTR */
struct file *file_open_path(const struct path *p, u32 flags);
int inode_permission(struct inode *inode, u32 mask);
int vfs_getattr(const struct path *p, struct kstat *st);
ssize_t file_read_kernel(struct file *f, void *buf, size_t n, i64 pos);
/* What read(2) and write(2) do; a null position is the file's own. */
ssize_t vfs_rw(struct file *f, struct iov_iter *it, i64 *pos, bool write);
/* Copy up to n bytes; a null position is the file's own. */
ssize_t vfs_copy(struct file *in, i64 *ipos, struct file *out, i64 *opos, size_t n);
struct dentry *dentry_get(struct dentry *d);
void dentry_put(struct dentry *d);

/* --- inodes (vfs/inode.c) --- */
struct inode *inode_alloc(struct super *sb, u32 mode);	/* one reference; times now; ino from the super */
static inline void inode_get(struct inode *i)
{
	ref_get(&i->refs);
}
void inode_put(struct inode *i);
int inode_getattr(struct inode *inode, struct kstat *st);
void inode_apply(struct inode *inode, const struct iattr *attr);	/* into the inode's own fields; not the size */
bool inode_owner_or_capable(const struct inode *inode);	/* fsuid owns it, or CAP_FOWNER */
bool inode_in_group(const struct inode *inode);
void inode_touch_atime(struct inode *i);		/* relatime */
void inode_touch_mtime(struct inode *i);		/* mtime and ctime; also IN_MODIFY where watched */

/* --- mounts (vfs/mount.c): built from bz_start at boot --- */
struct mount *mount_at(struct super *sb, const char *guest_path, u32 flags);
/* Which of bz_start's ports this is, a socket of the host's; or -1. */
int host_socket_number(const struct inode *inode);
extern struct mount *root_mount;
extern bool mounts_failed;	/* something was granted and could not be mounted: nothing is to run without it */
extern struct list all_mounts;			/* mount->node, in the order of mounting */
struct super *tmpfs_create(u64 size_limit, u32 root_mode);
/* An unlinked file of `size` zero bytes (memfd, MAP_SHARED|MAP_ANONYMOUS, SysV): open for reading and writing. */
struct file *tmpfs_anon_file(const char *name, u64 size, u32 flags);	/* O_* flags; or ERR_PTR */
struct super *erofs_mount(u64 base, u64 size);		/* the image, mapped at base */
/* BZ_MOUNT_* flags; attr: of the volume's root, null or without BZ_ATTR_BASIC to ask for them. */
struct super *hostfs_create(u32 root, u32 flags, bool is_file, const struct bz_attr *attr);
struct super *overlay_create(struct super *lower, struct super *upper);
struct super *procfs_create(void);
struct super *devfs_create(void);
struct super *devpts_create(void);
struct super *sysfs_create(void);

/* Device numbers register their files (devfs/). */
int chrdev_open(struct inode *inode, struct file *file);	/* opening a character device node: by inode->rdev; -ENXIO */
#define CHRDEV_ANY_MINOR ~0u
int chrdev_register(u32 major, u32 minor, const char *name, u32 mode, const struct file_ops *fops);

/* inotify (vfs/inotify.c): IN_* mask of what happened to inode (and, in its parent, to name). */
#define IN_RENAMED_HERE 0x10000000u		/* beside IN_MOVED_FROM: within the same directory */
void fsnotify(struct inode *inode, struct dentry *dentry, u32 mask, u32 cookie);
u32 fsnotify_cookie(void);
/* For file systems that hear of changes (INODE_TOLD): to the marks of this inode alone; name of what is in it, or len 0. */
void fsnotify_outside(struct inode *inode, u32 mask, u32 cookie, const char *name, u32 len);
void fsnotify_lost(struct inode *inode);	/* they do not know what they missed */
void fsnotify_reap(void);			/* after either, without locks: lets go of inodes whose marks went */
extern void (*fsnotify_collect)(void);		/* the file system that hears of changes takes what there is; null: none does */
extern u32 fsnotify_watchers;			/* who wants to hear of anything at all */

#endif
