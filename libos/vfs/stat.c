/* stat(2), statx(2), access(2), statfs(2): what files are. */
#include "libos/kernel/syscall.h"
#include "libos/vfs/namei.h"
#include <asm/stat.h>
#include <asm/statfs.h>
#include <linux/capability.h>

static void stat_fill(const struct kstat *k, struct stat *st)
{
	*st = (struct stat){
		.st_dev = k->dev, .st_ino = k->ino, .st_nlink = k->nlink, .st_mode = k->mode, .st_uid = k->uid,
		.st_gid = k->gid, .st_rdev = k->rdev, .st_size = k->size, .st_blksize = k->blksize, .st_blocks = k->blocks,
		.st_atime = k->atime / NSEC_PER_SEC, .st_atime_nsec = k->atime % NSEC_PER_SEC,
		.st_mtime = k->mtime / NSEC_PER_SEC, .st_mtime_nsec = k->mtime % NSEC_PER_SEC,
		.st_ctime = k->ctime / NSEC_PER_SEC, .st_ctime_nsec = k->ctime % NSEC_PER_SEC,
	};
}

/* A descriptor without an inode (eventfd and the like) is stat'ed as Linux's anonymous inode. */
static int file_getattr(struct file *f, struct kstat *k)
{
	if (f->inode)
		return inode_getattr(f->inode, k);
	*k = (struct kstat){.dev = 14, .ino = 1057, .mode = 0600, .nlink = 1, .blksize = PAGE_SIZE};
	return 0;
}

static int fd_getattr(int fd, struct kstat *k)
{
	struct fd_use use = fd_use_any(fd);
	int err;

	if (!use.file)
		return -EBADF;
	err = file_getattr(use.file, k);
	fd_unuse(use);
	return err;
}

/* Common to newfstatat and statx: by name, or by descriptor with an empty name. */
static int at_getattr(int dirfd, const char *upath, u32 flags, struct kstat *k)
{
	struct path p;
	char first;
	int err;

	if ((flags & AT_EMPTY_PATH) && dirfd >= 0 && upath) {
		if (get_user(first, upath))
			return -EFAULT;
		if (!first)
			return fd_getattr(dirfd, k);
	}
	if ((flags & AT_EMPTY_PATH) && !upath)
		return fd_getattr(dirfd, k);
	err = path_lookup_user(dirfd, upath, (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &p);
	if (err)
		return err;
	err = vfs_getattr(&p, k);
	path_put(&p);
	return err;
}

static long put_stat(int err, const struct kstat *k, struct stat *ust)
{
	struct stat st;

	if (err)
		return err;
	stat_fill(k, &st);
	return copy_to_user(ust, &st, sizeof(st));
}

SYSCALL(stat, const char *path, struct stat *st)
{
	struct kstat k;
	int err = at_getattr(AT_FDCWD, path, 0, &k);

	return put_stat(err, &k, st);
}

SYSCALL(lstat, const char *path, struct stat *st)
{
	struct kstat k;
	int err = at_getattr(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, &k);

	return put_stat(err, &k, st);
}

SYSCALL(fstat, int fd, struct stat *st)
{
	struct kstat k;
	int err = fd_getattr(fd, &k);

	return put_stat(err, &k, st);
}

SYSCALL(newfstatat, int dirfd, const char *path, struct stat *st, int flags)
{
	struct kstat k;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	err = at_getattr(dirfd, path, flags, &k);
	return put_stat(err, &k, st);
}

static void statx_time(struct statx_timestamp *t, i64 ns)
{
	t->tv_sec = ns / NSEC_PER_SEC;
	t->tv_nsec = ns % NSEC_PER_SEC;
}

static u64 statx_attributes(u32 flags)
{
	return (flags & INODE_IMMUTABLE ? STATX_ATTR_IMMUTABLE : 0) | (flags & INODE_APPEND ? STATX_ATTR_APPEND : 0) |
	       (flags & INODE_NODUMP ? STATX_ATTR_NODUMP : 0);
}

SYSCALL(statx, int dirfd, const char *path, int flags, unsigned int mask, struct statx *ux)
{
	struct statx x = {0};
	struct kstat k;
	int err;

	if ((mask & STATX__RESERVED) || (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE))
		return -EINVAL;
	err = at_getattr(dirfd, path, flags, &k);
	if (err)
		return err;
	x.stx_mask = STATX_BASIC_STATS | (k.btime ? STATX_BTIME : 0);
	x.stx_blksize = k.blksize;
	x.stx_attributes = statx_attributes(k.attributes);
	x.stx_attributes_mask = statx_attributes(k.attributes_known);
	x.stx_nlink = k.nlink;
	x.stx_uid = k.uid;
	x.stx_gid = k.gid;
	x.stx_mode = k.mode;
	x.stx_ino = k.ino;
	x.stx_size = k.size;
	x.stx_blocks = k.blocks;
	statx_time(&x.stx_atime, k.atime);
	statx_time(&x.stx_btime, k.btime);
	statx_time(&x.stx_ctime, k.ctime);
	statx_time(&x.stx_mtime, k.mtime);
	x.stx_rdev_major = k.rdev >> 8 & 0xfff;
	x.stx_rdev_minor = (k.rdev & 0xff) | (k.rdev >> 12 & 0xfff00);
	x.stx_dev_major = k.dev >> 8 & 0xfff;
	x.stx_dev_minor = (k.dev & 0xff) | (k.dev >> 12 & 0xfff00);
	return copy_to_user(ux, &x, sizeof(x));
}

/* access(2) asks with the real ids and the capabilities that go with them, where these are others.  -ENOMEM. */
static int ask_as_real(struct thread *t)
{
	const struct cred *c = &t->process->cred;
	struct cred *real;

	if (c->uid == c->fsuid && c->gid == c->fsgid)
		return 0;
	real = kmalloc(sizeof(*real));
	if (!real)
		return -ENOMEM;
	mutex_lock(&t->process->lock);
	*real = *c;
	mutex_unlock(&t->process->lock);
	real->fsuid = real->uid;
	real->fsgid = real->gid;
	real->cap_effective = real->uid ? 0 : real->cap_permitted;
	t->cred_override = real;
	return 0;
}

static int may_access(const struct path *p, int mode)
{
	struct inode *inode = p->dentry->inode;
	int err;

	if (!mode)
		return 0;
	if ((mode & 1) && S_ISREG(inode->mode) && p->mount && (p->mount->flags & MNT_NOEXEC))
		return -EACCES;
	err = inode_permission(inode, mode);
	if (!err && (mode & 2) && !S_ISCHR(inode->mode) && !S_ISFIFO(inode->mode) && !S_ISSOCK(inode->mode))
		err = path_writable(p);
	return err;
}

static long do_access(int dirfd, const char *upath, int mode, int flags)
{
	struct thread *t = current;
	struct path p;
	long err;

	if ((mode & ~7) || (flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
		return -EINVAL;
	err = flags & AT_EACCESS ? 0 : ask_as_real(t);
	if (err)
		return err;
	err = path_lookup_user(dirfd, upath, (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &p);
	if (!err) {
		err = may_access(&p, mode);
		path_put(&p);
	}
	kfree((void *)t->cred_override);
	t->cred_override = NULL;
	return err;
}

SYSCALL(access, const char *path, int mode)
{
	return do_access(AT_FDCWD, path, mode, 0);
}

SYSCALL(faccessat, int dirfd, const char *path, int mode)
{
	return do_access(dirfd, path, mode, 0);
}

SYSCALL(faccessat2, int dirfd, const char *path, int mode, int flags)
{
	return do_access(dirfd, path, mode, flags);
}

static long put_statfs(struct super *sb, u32 mount_flags, struct statfs *ust)
{
	struct kstatfs k = {.type = 0x01021994, .bsize = PAGE_SIZE, .namelen = NAME_MAX};
	struct statfs st = {0};
	int err = sb && sb->ops->statfs ? sb->ops->statfs(sb, &k) : 0;

	if (err)
		return err;
	st.f_type = k.type;
	st.f_bsize = st.f_frsize = k.bsize;
	st.f_blocks = k.blocks;
	st.f_bfree = k.bfree;
	st.f_bavail = k.bavail;
	st.f_files = k.files;
	st.f_ffree = k.ffree;
	st.f_namelen = k.namelen;
	st.f_fsid.val[0] = sb ? sb->dev : 0;
	/* ST_VALID | ST_RELATIME, and ST_RDONLY, NOSUID, NODEV, NOEXEC where it is so. */
	st.f_flags = 0x20 | 0x1000 | ((mount_flags & MNT_RDONLY) || (sb && (sb->flags & SB_RDONLY)) ? 1 : 0) |
		     (mount_flags & MNT_NOSUID ? 2 : 0) | (mount_flags & MNT_NODEV ? 4 : 0) | (mount_flags & MNT_NOEXEC ? 8 : 0);
	return copy_to_user(ust, &st, sizeof(st));
}

SYSCALL(statfs, const char *path, struct statfs *st)
{
	struct path p;
	long err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = put_statfs(p.dentry->sb, p.mount ? p.mount->flags : 0, st);
	path_put(&p);
	return err;
}

SYSCALL(fstatfs, int fd, struct statfs *st)
{
	struct file *f = fd_get_any(fd);
	long err;

	if (!f)
		return -EBADF;
	err = put_statfs(f->inode ? f->inode->sb : NULL, f->path.mount ? f->path.mount->flags : 0, st);
	file_put(f);
	return err;
}
