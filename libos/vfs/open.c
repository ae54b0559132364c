/* open(2), openat2(2), creat(2), mknod(2), truncate(2): files come into being and get their size. */
#include "libos/kernel/syscall.h"
#include "libos/mm/mm.h"
#include "libos/signal/signal.h"
#include "libos/vfs/namei.h"
#include <linux/capability.h>
#include <linux/inotify.h>
#include <linux/openat2.h>

#define O_VALID (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | 020000 | \
		 O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)

static long open_fd(int dirfd, const char *uname, u32 flags, u32 mode, u32 resolve)
{
	struct user_name u;
	struct file *f;
	int err, fd;

	if ((flags & O_TMPFILE) == O_TMPFILE && (flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	err = user_name_get(&u, uname);
	if (err)
		return err;
	f = do_open(dirfd, u.name, flags | O_LARGEFILE, mode, resolve);
	user_name_put(&u);
	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = fd_alloc(f, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL(open, const char *path, int flags, u32 mode)
{
	return open_fd(AT_FDCWD, path, flags & O_VALID, mode & 07777, 0);
}

SYSCALL(openat, int dirfd, const char *path, int flags, u32 mode)
{
	return open_fd(dirfd, path, flags & O_VALID, mode & 07777, 0);
}

SYSCALL(creat, const char *path, u32 mode)
{
	return open_fd(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode & 07777, 0);
}

SYSCALL(openat2, int dirfd, const char *path, struct open_how *uhow, size_t size)
{
	static const struct {
		u64 resolve;
		u32 lookup;
	} map[] = {
		{RESOLVE_BENEATH, LOOKUP_BENEATH}, {RESOLVE_IN_ROOT, LOOKUP_IN_ROOT},
		{RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINKS}, {RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGICLINKS},
		{RESOLVE_NO_XDEV, LOOKUP_NO_XDEV}, {RESOLVE_CACHED, 0},
	};
	struct open_how how = {0};
	u32 lookup = 0;
	u64 known = 0;

	if (size < sizeof(how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(&how, uhow, sizeof(how)))
		return -EFAULT;
	/* A larger structure is fine while what we do not know is zero (openat2(2), Extensibility). */
	for (size_t i = sizeof(how); i < size; i++) {
		u8 byte;

		if (get_user(byte, (u8 *)uhow + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	for (u32 i = 0; i < ARRAY_SIZE(map); i++) {
		known |= map[i].resolve;
		if (how.resolve & map[i].resolve)
			lookup |= map[i].lookup;
	}
	if ((how.flags & ~(u64)O_VALID) || (how.resolve & ~known) ||
	    (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	if (how.flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? how.mode & ~07777ull : how.mode)
		return -EINVAL;
	if ((how.flags & O_PATH) && (how.flags & ~(u64)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
		return -EINVAL;
	if ((how.resolve & RESOLVE_CACHED) && (how.flags & (O_TRUNC | O_CREAT | O_TMPFILE)))
		return -EAGAIN;
	return open_fd(dirfd, path, how.flags, how.mode, lookup);
}

int vfs_create(const struct path *dir, struct dentry *d, u32 mode, u64 rdev)
{
	struct inode *parent = dir->dentry->inode, *inode;
	int err;

	if (!parent->ops->create)
		return -EPERM;
	/* A set-group-id directory hands its group on (inode(7)). */
	err = parent->ops->create(parent, d->name, d->name_len, mode, rdev, &inode);
	if (err)
		return err;
	dcache_instantiate(d, inode);
	if (dentry_unhashed(d))
		dcache_insert(d);
	fsnotify(inode, d, IN_CREATE, 0);
	return 0;
}

static long do_mknod(int dirfd, const char *upath, u32 mode, u64 dev)
{
	struct parent p;
	struct dentry *d;
	long err;

	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!capable(CAP_MKNOD))
			return -EPERM;
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	err = path_parent(dirfd, upath, 0, &p);
	if (err)
		return err;
	mode &= ~current->process->fs->umask;
	mutex_lock(&p.dir.dentry->inode->lock);
	d = p.special ? ERR_PTR(-EEXIST) : child_lookup_locked(p.dir.dentry, p.name, p.len);
	if (IS_ERR(d)) {
		err = PTR_ERR(d);
	} else {
		err = d->inode ? -EEXIST : p.slash ? -ENOENT : path_writable(&p.dir);
		if (!err)
			err = may_create(&p.dir);
		if (!err)
			err = vfs_create(&p.dir, d, mode, dev);
		dentry_put(d);
	}
	mutex_unlock(&p.dir.dentry->inode->lock);
	parent_put(&p);
	return err;
}

SYSCALL(mknod, const char *path, u32 mode, unsigned int dev)
{
	return do_mknod(AT_FDCWD, path, mode, dev);
}

SYSCALL(mknodat, int dirfd, const char *path, u32 mode, unsigned int dev)
{
	return do_mknod(dirfd, path, mode, dev);
}

/* Set-user-id and set-group-id bits go when others change the content (as Linux's file_remove_privs). */
int vfs_truncate(struct inode *inode, struct file *f, u64 size)
{
	struct iattr attr = {.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = size, .mtime = now_real()};
	bool shrink = size < inode->size;
	int err;

	if (!inode->ops->setattr)
		return -EPERM;
	attr.ctime = attr.mtime;
	if ((inode->mode & (S_ISUID | S_ISGID)) && !capable(CAP_FSETID)) {
		attr.valid |= ATTR_MODE;
		attr.mode = inode->mode & ~(S_ISUID | (inode->mode & 010 ? S_ISGID : 0));
	}
	if (shrink)
		mm_truncate_notify(inode, size);
	mutex_lock(&inode->lock);
	err = inode->ops->setattr(inode, &attr);
	mutex_unlock(&inode->lock);
	return err;
}

/* RLIMIT_FSIZE: a signal, and EFBIG (setrlimit(2)). */
static int size_allowed(i64 size)
{
	if (size < 0)
		return -EINVAL;
	if ((u64)size > rlimit_soft(RLIMIT_FSIZE)) {
		signal_send_thread(current, SIGXFSZ, NULL);
		return -EFBIG;
	}
	return 0;
}

SYSCALL(truncate, const char *path, long size)
{
	struct inode *inode;
	struct path p;
	long err;

	if (size < 0)
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	inode = p.dentry->inode;
	if (S_ISDIR(inode->mode))
		err = -EISDIR;
	else if (!S_ISREG(inode->mode))
		err = -EINVAL;
	if (!err)
		err = path_writable(&p);
	if (!err)
		err = inode_permission(inode, 2);
	if (!err && (u64)size > inode->size)
		err = size_allowed(size);
	if (!err)
		err = vfs_truncate(inode, NULL, size);
	if (!err)
		fsnotify(inode, p.dentry, IN_MODIFY, 0);
	path_put(&p);
	return err;
}

SYSCALL(ftruncate, int fd, long size)
{
	struct file *f;
	long err = 0;

	if (size < 0)
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (!f->inode || !S_ISREG(f->inode->mode) || !FMODE_CAN_WRITE(f))
		err = -EINVAL;
	if (!err && (u64)size > f->inode->size)
		err = size_allowed(size);
	if (!err)
		err = vfs_truncate(f->inode, f, size);
	if (!err && f->path.dentry)
		fsnotify(f->inode, f->path.dentry, IN_MODIFY, 0);
	file_put(f);
	return err;
}
