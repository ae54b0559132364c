/* chmod(2), chown(2), utimensat(2), umask(2): changing what files are. */
#include "libos/kernel/syscall.h"
#include "libos/vfs/fileattr.h"
#include "libos/vfs/namei.h"
#include <linux/capability.h>
#include <linux/inotify.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/utime.h>

/* utimensat(2), which the kernel headers leave to libc. */
#define UTIME_NOW ((1l << 30) - 1)
#define UTIME_OMIT ((1l << 30) - 2)

static int set_attr(const struct path *p, struct iattr *attr)
{
	struct inode *inode = p->dentry->inode;
	int err = path_writable(p);

	if (err)
		return err;
	if (!inode->ops->setattr)
		return -EPERM;
	if (!(attr->valid & ATTR_CTIME)) {
		attr->valid |= ATTR_CTIME;
		attr->ctime = now_real();
	}
	mutex_lock(&inode->lock);
	err = inode->ops->setattr(inode, attr);
	mutex_unlock(&inode->lock);
	if (!err)
		fsnotify(inode, p->dentry, IN_ATTRIB, 0);
	return err;
}

/* By name, or by descriptor. */
static int attr_path(int dirfd, const char *upath, u32 lookup, struct path *out)
{
	return path_lookup_user(dirfd, upath, lookup, out);
}

static int fd_path(int fd, struct path *out)
{
	struct file *f = fd_get(fd);

	if (!f)
		return -EBADF;
	if (!f->path.dentry) {
		file_put(f);
		return -EINVAL;
	}
	*out = f->path;
	path_get(out);
	file_put(f);
	return 0;
}

static int do_chmod(const struct path *p, u32 mode)
{
	struct inode *inode = p->dentry->inode;
	struct iattr attr = {.valid = ATTR_MODE, .mode = (inode->mode & S_IFMT) | (mode & 07777)};

	if (S_ISLNK(inode->mode))
		return -EOPNOTSUPP;
	if (path_writable(p))
		return -EROFS;
	if (inode_is_fixed(inode))
		return -EPERM;
	if (!inode_owner_or_capable(inode))
		return -EPERM;
	if (!inode_in_group(inode) && !capable(CAP_FSETID))
		attr.mode &= ~S_ISGID;
	return set_attr(p, &attr);
}

static long chmod_at(int dirfd, const char *upath, u32 mode, u32 lookup)
{
	struct path p;
	long err = attr_path(dirfd, upath, lookup, &p);

	if (err)
		return err;
	err = do_chmod(&p, mode);
	path_put(&p);
	return err;
}

SYSCALL(chmod, const char *path, u32 mode)
{
	return chmod_at(AT_FDCWD, path, mode, LOOKUP_FOLLOW);
}

SYSCALL(fchmodat, int dirfd, const char *path, u32 mode)
{
	return chmod_at(dirfd, path, mode, LOOKUP_FOLLOW);
}

SYSCALL(fchmodat2, int dirfd, const char *path, u32 mode, unsigned int flags)
{
	if (flags & ~(unsigned int)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return chmod_at(dirfd, path, mode, (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			(flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0));
}

SYSCALL(fchmod, int fd, u32 mode)
{
	struct path p;
	long err = fd_path(fd, &p);

	if (err)
		return err;
	err = do_chmod(&p, mode);
	path_put(&p);
	return err;
}

static int may_chown(const struct inode *inode, u32 uid, u32 gid)
{
	const struct cred *c = &current->process->cred;

	if (capable(CAP_CHOWN))
		return 0;
	if (uid != ~0u && (uid != inode->uid || c->fsuid != inode->uid))
		return -EPERM;
	if (gid != ~0u) {
		struct inode as = {.gid = gid};

		if (c->fsuid != inode->uid || (gid != inode->gid && !inode_in_group(&as)))
			return -EPERM;
	}
	return 0;
}

static int do_chown(const struct path *p, u32 uid, u32 gid)
{
	struct inode *inode = p->dentry->inode;
	struct iattr attr = {0};
	int err = path_writable(p);

	if (!err && inode_is_fixed(inode))
		err = -EPERM;
	if (!err)
		err = may_chown(inode, uid, gid);
	if (err)
		return err;
	if (uid != ~0u) {
		attr.valid |= ATTR_UID;
		attr.uid = uid;
	}
	if (gid != ~0u) {
		attr.valid |= ATTR_GID;
		attr.gid = gid;
	}
	/* A program must not keep its set-id bits when it changes hands (chown(2)). */
	if (!S_ISDIR(inode->mode) && (inode->mode & (S_ISUID | S_ISGID))) {
		attr.valid |= ATTR_MODE;
		attr.mode = inode->mode & ~(S_ISUID | (inode->mode & 010 ? S_ISGID : 0));
	}
	return set_attr(p, &attr);
}

static long chown_at(int dirfd, const char *upath, u32 uid, u32 gid, u32 lookup)
{
	struct path p;
	long err = attr_path(dirfd, upath, lookup, &p);

	if (err)
		return err;
	err = do_chown(&p, uid, gid);
	path_put(&p);
	return err;
}

SYSCALL(chown, const char *path, u32 uid, u32 gid)
{
	return chown_at(AT_FDCWD, path, uid, gid, LOOKUP_FOLLOW);
}

SYSCALL(lchown, const char *path, u32 uid, u32 gid)
{
	return chown_at(AT_FDCWD, path, uid, gid, 0);
}

SYSCALL(fchownat, int dirfd, const char *path, u32 uid, u32 gid, int flags)
{
	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return chown_at(dirfd, path, uid, gid,
			(flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0));
}

SYSCALL(fchown, int fd, u32 uid, u32 gid)
{
	struct path p;
	long err = fd_path(fd, &p);

	if (err)
		return err;
	err = do_chown(&p, uid, gid);
	path_put(&p);
	return err;
}

/* Times are kept in nanoseconds, for 292 years each way; what is beyond becomes the last of them, as where Linux's file systems end. */
static i64 kept_time(const struct __kernel_timespec *t)
{
	const i64 most = (i64)(~0ull >> 1) / NSEC_PER_SEC - 1;

	return t->tv_sec > most ? most * NSEC_PER_SEC : t->tv_sec < -most ? -most * NSEC_PER_SEC : t->tv_sec * NSEC_PER_SEC + t->tv_nsec;
}

/* times null: now.  As utimensat(2) has it, "now" asks for write access only, anything else for ownership. */
static int do_utimes(const struct path *p, const struct __kernel_timespec *times)
{
	struct inode *inode = p->dentry->inode;
	struct iattr attr = {.valid = ATTR_ATIME | ATTR_MTIME};
	i64 now = now_real();
	bool only_now = true;
	int err;

	attr.atime = attr.mtime = now;
	for (int i = 0; times && i < 2; i++) {
		u32 bit = i ? ATTR_MTIME : ATTR_ATIME;
		i64 *field = i ? &attr.mtime : &attr.atime;

		if (times[i].tv_nsec == UTIME_OMIT) {
			attr.valid &= ~bit;
			only_now = false;
		} else if (times[i].tv_nsec != UTIME_NOW) {
			*field = kept_time(&times[i]);
			only_now = false;
		}
	}
	if (!(attr.valid & (ATTR_ATIME | ATTR_MTIME)))
		return 0;
	err = path_writable(p);
	if (err)
		return err;
	if ((inode->flags & INODE_IMMUTABLE) || ((inode->flags & INODE_APPEND) && !only_now))
		return -EPERM;
	if (!inode_owner_or_capable(inode)) {
		if (!only_now)
			return -EPERM;
		if (inode_permission(inode, 2))
			return -EACCES;
	}
	return set_attr(p, &attr);
}

static bool time_ok(const struct __kernel_timespec *t)
{
	return t->tv_nsec == UTIME_NOW || t->tv_nsec == UTIME_OMIT || (t->tv_nsec >= 0 && t->tv_nsec < NSEC_PER_SEC);
}

static long utimes_at(int dirfd, const char *upath, const struct __kernel_timespec *times, u32 lookup)
{
	struct path p;
	struct file *f;
	long err;

	if (!upath) {
		f = fd_get(dirfd);
		if (!f)
			return -EBADF;
		err = f->path.dentry ? do_utimes(&f->path, times) : -EINVAL;
		file_put(f);
		return err;
	}
	err = attr_path(dirfd, upath, lookup, &p);
	if (err)
		return err;
	err = do_utimes(&p, times);
	path_put(&p);
	return err;
}

SYSCALL(utimensat, int dirfd, const char *path, const struct __kernel_timespec *utimes, int flags)
{
	struct __kernel_timespec t[2];

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (utimes) {
		if (copy_from_user(t, utimes, sizeof(t)))
			return -EFAULT;
		if (!time_ok(&t[0]) || !time_ok(&t[1]))
			return -EINVAL;
	}
	if (!path && dirfd == AT_FDCWD)
		return -EFAULT;
	if (!path && flags)
		return -EINVAL;
	return utimes_at(dirfd, path, utimes ? t : NULL,
			 (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) | (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0));
}

static long utimes_us(int dirfd, const char *upath, const struct __kernel_old_timeval *utimes)
{
	struct __kernel_old_timeval tv[2];
	struct __kernel_timespec t[2];

	if (utimes) {
		if (copy_from_user(tv, utimes, sizeof(tv)))
			return -EFAULT;
		for (int i = 0; i < 2; i++) {
			if (tv[i].tv_usec < 0 || tv[i].tv_usec >= 1000000)
				return -EINVAL;
			t[i].tv_sec = tv[i].tv_sec;
			t[i].tv_nsec = tv[i].tv_usec * 1000;
		}
	}
	return utimes_at(dirfd, upath, utimes ? t : NULL, LOOKUP_FOLLOW);
}

SYSCALL(utimes, const char *path, const struct __kernel_old_timeval *times)
{
	return utimes_us(AT_FDCWD, path, times);
}

SYSCALL(futimesat, int dirfd, const char *path, const struct __kernel_old_timeval *times)
{
	return utimes_us(dirfd, path, times);
}

SYSCALL(utime, const char *path, const struct utimbuf *utimes)
{
	struct __kernel_timespec t[2] = {{0}};
	struct utimbuf u;

	if (utimes) {
		if (copy_from_user(&u, utimes, sizeof(u)))
			return -EFAULT;
		t[0].tv_sec = u.actime;
		t[1].tv_sec = u.modtime;
	}
	return utimes_at(AT_FDCWD, path, utimes ? t : NULL, LOOKUP_FOLLOW);
}

SYSCALL(umask, u32 mask)
{
	struct fs_context *fs = current->process->fs;
	u32 old;

	mutex_lock(&fs->lock);
	old = fs->umask;
	fs->umask = mask & 0777;
	mutex_unlock(&fs->lock);
	return old;
}
