/* Directories: reading them, and making, removing and linking names.  Renaming is in rename.c. */
#include "libos/kernel/syscall.h"
#include "libos/landlock/landlock.h"
#include "libos/vfs/fileattr.h"
#include "libos/vfs/namei.h"
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/inotify.h>

/* --- getdents(2) --- */

struct dirent64 {
	u64 ino;
	i64 off;
	u16 reclen;
	u8 type;
	char name[];
} __packed;

struct dirent_old {
	u64 ino, off;
	u16 reclen;
	char name[];
} __packed;

struct fill {
	char *ubuf;
	size_t left, done;
	bool old;
	int err;
};

static bool fill_entry(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next)
{
	struct fill *f = arg;
	u8 rec[ROUND_UP(sizeof(struct dirent64) + NAME_MAX + 2, 8)] __attribute__((aligned(8)));
	u16 size;

	if (f->old) {
		struct dirent_old *d = (void *)rec;

		/* The type stands in the record's last byte (getdents(2)). */
		size = ROUND_UP(sizeof(*d) + len + 2, 8);
		memset(rec, 0, size);
		*d = (struct dirent_old){.ino = ino, .off = next, .reclen = size};
		memcpy(d->name, name, len);
		rec[size - 1] = dtype;
	} else {
		struct dirent64 *d = (void *)rec;

		size = ROUND_UP(sizeof(*d) + len + 1, 8);
		memset(rec, 0, size);
		*d = (struct dirent64){.ino = ino, .off = next, .reclen = size, .type = dtype};
		memcpy(d->name, name, len);
	}
	if (size > f->left) {
		if (!f->done)
			f->err = -EINVAL;
		return false;
	}
	if (copy_to_user(f->ubuf + f->done, rec, size)) {
		f->err = -EFAULT;
		return false;
	}
	f->done += size;
	f->left -= size;
	return true;
}

static long do_getdents(int fd, void *ubuf, unsigned int n, bool old)
{
	struct fill fill = {.ubuf = ubuf, .left = n, .old = old};
	struct fd_use use = fd_use(fd);
	struct file *f = use.file;
	i64 pos;
	long err;

	if (!f)
		return -EBADF;
	if (!f->inode || !S_ISDIR(f->inode->mode) || !f->ops->readdir) {
		fd_unuse(use);
		return -ENOTDIR;
	}
	mutex_lock(&f->lock);
	if (!READ_ONCE(f->inode->nlink)) {
		err = -ENOENT;
	} else {
		pos = f->pos;
		err = f->ops->readdir(f, &pos, fill_entry, &fill);
		f->pos = pos;
		inode_touch_atime(f->inode);
	}
	mutex_unlock(&f->lock);
	fd_unuse(use);
	if (fill.done)
		return fill.done;
	return err ? err : fill.err;
}

SYSCALL(getdents, int fd, void *dirent, unsigned int n)
{
	return do_getdents(fd, dirent, n, true);
}

SYSCALL(getdents64, int fd, void *dirent, unsigned int n)
{
	return do_getdents(fd, dirent, n, false);
}

/* --- making --- */

static long do_mkdir(int dirfd, const char *upath, u32 mode)
{
	struct parent p;
	struct dentry *d;
	long err = path_parent(dirfd, upath, 0, &p);

	if (err)
		return err;
	if (p.special) {
		parent_put(&p);
		return -EEXIST;
	}
	mode = (mode & 01777) & ~current->process->fs->umask;
	mutex_lock(&p.dir.dentry->inode->lock);
	d = child_lookup_locked(p.dir.dentry, p.name, p.len);
	if (IS_ERR(d)) {
		err = PTR_ERR(d);
	} else {
		err = d->inode ? -EEXIST : path_writable(&p.dir);
		if (!err)
			err = landlock_may(&p.dir, LANDLOCK_ACCESS_FS_MAKE_DIR);
		if (!err)
			err = may_create(&p.dir);
		if (!err)
			err = vfs_create(&p.dir, d, S_IFDIR | mode, 0);
		dentry_put(d);
	}
	mutex_unlock(&p.dir.dentry->inode->lock);
	parent_put(&p);
	return err;
}

SYSCALL(mkdir, const char *path, u32 mode)
{
	return do_mkdir(AT_FDCWD, path, mode);
}

SYSCALL(mkdirat, int dirfd, const char *path, u32 mode)
{
	return do_mkdir(dirfd, path, mode);
}

int vfs_symlink(struct parent *p, const char *target)
{
	struct inode *dir = p->dir.dentry->inode, *inode;
	struct dentry *d = p->special ? ERR_PTR(-EEXIST) : child_lookup_locked(p->dir.dentry, p->name, p->len);
	long err;

	if (IS_ERR(d))
		return PTR_ERR(d);
	err = d->inode ? -EEXIST : p->slash ? -ENOENT : path_writable(&p->dir);
	if (!err)
		err = landlock_may(&p->dir, LANDLOCK_ACCESS_FS_MAKE_SYM);
	if (!err)
		err = may_create(&p->dir);
	if (!err)
		err = dir->ops->symlink ? dir->ops->symlink(dir, p->name, p->len, target, &inode) : -EPERM;
	if (!err) {
		dcache_instantiate(d, inode);
		fsnotify(inode, d, IN_CREATE, 0);
	}
	dentry_put(d);
	return err;
}

static long do_symlink(const char *utarget, int dirfd, const char *upath)
{
	struct parent p;
	int err;
	char *target = user_path(utarget, &err);

	if (!target)
		return err;
	err = *target ? path_parent(dirfd, upath, 0, &p) : -ENOENT;
	if (!err) {
		mutex_lock(&p.dir.dentry->inode->lock);
		err = vfs_symlink(&p, target);
		mutex_unlock(&p.dir.dentry->inode->lock);
		parent_put(&p);
	}
	kfree(target);
	return err;
}

SYSCALL(symlink, const char *target, const char *path)
{
	return do_symlink(target, AT_FDCWD, path);
}

SYSCALL(symlinkat, const char *target, int dirfd, const char *path)
{
	return do_symlink(target, dirfd, path);
}

/* proc(5), protected_hardlinks: what one could not write oneself is not linked to. */
static int may_link(struct inode *inode)
{
	if (inode_owner_or_capable(inode))
		return 0;
	if (!S_ISREG(inode->mode) || (inode->mode & S_ISUID) || (inode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		return -EPERM;
	return inode_permission(inode, 6) ? -EPERM : 0;
}

static long link_in(struct parent *p, const struct path *from)
{
	struct inode *dir = p->dir.dentry->inode, *inode = from->dentry->inode;
	struct dentry *d = p->special ? ERR_PTR(-EEXIST) : child_lookup_locked(p->dir.dentry, p->name, p->len);
	long err;

	if (IS_ERR(d))
		return PTR_ERR(d);
	err = d->inode ? -EEXIST : p->slash ? -ENOENT : path_writable(&p->dir);
	if (!err && (from->mount != p->dir.mount || from->dentry->sb != dir->sb))
		err = -EXDEV;
	if (!err)
		err = may_link(inode);
	if (!err && unlikely(landlock_mine())) {
		struct path parent = {from->mount, from->dentry->parent};

		err = landlock_refuse_move(landlock_mine(), &parent, from->dentry, &p->dir, d, false, false);
	}
	if (!err)
		err = may_create(&p->dir);
	if (!err && (S_ISDIR(inode->mode) || inode_is_fixed(inode)))
		err = -EPERM;
	if (!err && !READ_ONCE(inode->nlink) && !(READ_ONCE(inode->flags) & INODE_LINKABLE))
		err = -ENOENT;
	if (!err)
		err = dir->ops->link ? dir->ops->link(dir, p->name, p->len, inode) : -EPERM;
	if (!err) {
		if (READ_ONCE(inode->flags) & INODE_LINKABLE)
			__atomic_and_fetch(&inode->flags, ~INODE_LINKABLE, __ATOMIC_RELAXED);
		inode_get(inode);
		dcache_instantiate(d, inode);
		fsnotify(inode, NULL, IN_ATTRIB, 0);
		fsnotify(inode, d, IN_CREATE, 0);
	}
	dentry_put(d);
	return err;
}

static long do_link(int fromfd, const char *ufrom, int tofd, const char *uto, int flags)
{
	struct parent p;
	struct path from;
	long err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && !capable(CAP_DAC_READ_SEARCH))
		return -ENOENT;
	err = path_lookup_user(fromfd, ufrom, (flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) |
			       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &from);
	if (err)
		return err;
	err = path_parent(tofd, uto, 0, &p);
	if (!err) {
		mutex_lock(&p.dir.dentry->inode->lock);
		err = link_in(&p, &from);
		mutex_unlock(&p.dir.dentry->inode->lock);
		parent_put(&p);
	}
	path_put(&from);
	return err;
}

SYSCALL(link, const char *from, const char *to)
{
	return do_link(AT_FDCWD, from, AT_FDCWD, to, 0);
}

SYSCALL(linkat, int fromfd, const char *from, int tofd, const char *to, int flags)
{
	return do_link(fromfd, from, tofd, to, flags);
}

/* --- removing --- */

static int special_error(const struct parent *p, bool directory)
{
	if (!directory)
		return -EISDIR;
	if (p->len == 1)
		return -EINVAL;
	return p->len == 2 ? -ENOTEMPTY : -EBUSY;
}

/* The name is gone from the file system: drop it from the cache, and tell. */
static void forget(struct dentry *d, bool directory)
{
	struct inode *inode = d->inode;

	if (directory)
		dcache_prune(d);
	dcache_unhash(d);
	if (!directory)
		fsnotify(inode, NULL, IN_ATTRIB, 0);	/* its count of links */
	if (directory || !READ_ONCE(inode->nlink))
		fsnotify(inode, NULL, IN_DELETE_SELF, 0);
	fsnotify(inode, d, IN_DELETE, 0);
}

static int remove_in(struct parent *p, bool directory)
{
	struct inode *dir = p->dir.dentry->inode;
	struct dentry *d = child_lookup_locked(p->dir.dentry, p->name, p->len);
	int err;

	if (IS_ERR(d))
		return PTR_ERR(d);
	if (!d->inode) {
		err = -ENOENT;
	} else if (!directory && p->slash) {
		err = S_ISDIR(d->inode->mode) ? -EISDIR : -ENOTDIR;
	} else {
		err = path_writable(&p->dir);
		if (!err)
			err = landlock_may(&p->dir, directory ? LANDLOCK_ACCESS_FS_REMOVE_DIR : LANDLOCK_ACCESS_FS_REMOVE_FILE);
		if (!err)
			err = may_delete(&p->dir, d->inode, directory);
		if (!err && d->mounted)
			err = -EBUSY;
		if (!err && directory)
			err = dir->ops->rmdir ? dir->ops->rmdir(dir, p->name, p->len, d->inode) : -EPERM;
		else if (!err)
			err = dir->ops->unlink ? dir->ops->unlink(dir, p->name, p->len, d->inode) : -EPERM;
	}
	if (!err)
		forget(d, directory);
	dentry_put(d);
	return err;
}

int vfs_unlink(struct parent *p)
{
	return remove_in(p, false);
}

static long do_remove(int dirfd, const char *upath, bool directory)
{
	struct parent p;
	long err = path_parent(dirfd, upath, 0, &p);

	if (err)
		return err;
	if (p.special) {
		err = special_error(&p, directory);
	} else {
		mutex_lock(&p.dir.dentry->inode->lock);
		err = remove_in(&p, directory);
		mutex_unlock(&p.dir.dentry->inode->lock);
	}
	parent_put(&p);
	return err;
}

SYSCALL(unlink, const char *path)
{
	return do_remove(AT_FDCWD, path, false);
}

SYSCALL(rmdir, const char *path)
{
	return do_remove(AT_FDCWD, path, true);
}

SYSCALL(unlinkat, int dirfd, const char *path, int flags)
{
	if (flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return do_remove(dirfd, path, flags & AT_REMOVEDIR);
}

/* --- links' texts --- */

static long do_readlink(int dirfd, const char *upath, char *ubuf, int n)
{
	struct inode *inode;
	char first;
	struct path p;
	char *buf;
	long ret;

	if (n <= 0)
		return -EINVAL;
	ret = path_lookup_user(dirfd, upath, LOOKUP_EMPTY, &p);
	if (ret)
		return ret;
	inode = p.dentry->inode;
	buf = kmalloc(PATH_MAX);
	if (!buf)
		ret = -ENOMEM;
	else if (!S_ISLNK(inode->mode) || !inode->ops->readlink)
		ret = !get_user(first, upath) && !first ? -ENOENT : -EINVAL;
	else
		ret = inode->ops->readlink(inode, buf, PATH_MAX);
	if (ret > 0) {
		inode_touch_atime(inode);
		ret = min(ret, (long)n);
		if (copy_to_user(ubuf, buf, ret))
			ret = -EFAULT;
	}
	kfree(buf);
	path_put(&p);
	return ret;
}

SYSCALL(readlink, const char *path, char *buf, int n)
{
	return do_readlink(AT_FDCWD, path, buf, n);
}

SYSCALL(readlinkat, int dirfd, const char *path, char *buf, int n)
{
	return do_readlink(dirfd, path, buf, n);
}
