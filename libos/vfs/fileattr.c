/*
 * File attributes, ioctl_iflags(2): immutable, append-only, no dump, no access times; file_getattr(2) of Linux 6.17.  Where a
 * file system has them (SB_FILEATTR) they are bits of inode->flags, and who changes something looks at them there.
 */
#include "libos/vfs/fileattr.h"
#include "libos/kernel/syscall.h"
#include "libos/vfs/namei.h"
#include <linux/capability.h>
#include <linux/fs.h>

static const struct {
	u32 inode, fs, fsx;
} bits[] = {
	{INODE_IMMUTABLE, FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE},
	{INODE_APPEND, FS_APPEND_FL, FS_XFLAG_APPEND},
	{INODE_NODUMP, FS_NODUMP_FL, FS_XFLAG_NODUMP},
	{INODE_NOATIME, FS_NOATIME_FL, FS_XFLAG_NOATIME},
};
#define INODE_ATTRS (INODE_IMMUTABLE | INODE_APPEND | INODE_NODUMP | INODE_NOATIME)

static bool has_attrs(const struct inode *inode)
{
	return inode && inode->sb && (inode->sb->flags & SB_FILEATTR) && (S_ISREG(inode->mode) || S_ISDIR(inode->mode));
}

static u32 to_user(const struct inode *inode, bool fsx)
{
	u32 v = 0;

	for (u32 i = 0; i < ARRAY_SIZE(bits); i++)
		if (READ_ONCE(inode->flags) & bits[i].inode)
			v |= fsx ? bits[i].fsx : bits[i].fs;
	return v;
}

static long set(const struct path *p, u32 user, bool fsx)
{
	struct inode *inode = p->dentry->inode;
	u32 wanted = 0;
	long err = path_writable(p);

	if (err)
		return err;
	if (!inode_owner_or_capable(inode))
		return -EPERM;
	for (u32 i = 0; i < ARRAY_SIZE(bits); i++) {
		u32 bit = fsx ? bits[i].fsx : bits[i].fs;

		wanted |= user & bit ? bits[i].inode : 0;
		user &= ~bit;
	}
	mutex_lock(&inode->lock);
	if (((inode->flags ^ wanted) & (INODE_IMMUTABLE | INODE_APPEND)) && !capable(CAP_LINUX_IMMUTABLE))
		err = -EPERM;
	else if (user)
		err = -EOPNOTSUPP;
	if (!err) {
		__atomic_store_n(&inode->flags, (inode->flags & ~INODE_ATTRS) | wanted, __ATOMIC_RELAXED);
		inode->ctime = now_real();
	}
	mutex_unlock(&inode->lock);
	return err;
}

long fileattr_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct fsxattr x = {0};
	u32 v;

	if (!has_attrs(f->inode) || !f->path.dentry)
		return -ENOTTY;
	switch (cmd) {
	case FS_IOC_GETFLAGS:
		return put_user(to_user(f->inode, false), (u32 *)arg);
	case FS_IOC_SETFLAGS:
		return get_user(v, (u32 *)arg) ? -EFAULT : set(&f->path, v, false);
	case FS_IOC_FSGETXATTR:
		x.fsx_xflags = to_user(f->inode, true);
		return copy_to_user((void *)arg, &x, sizeof(x));
	}
	if (copy_from_user(&x, (void *)arg, sizeof(x)))
		return -EFAULT;
	return x.fsx_extsize || x.fsx_projid || x.fsx_cowextsize ? -EOPNOTSUPP : set(&f->path, x.fsx_xflags, true);
}

/* --- file_getattr(2), file_setattr(2) --- */

struct file_attr_layout {
	u64 xflags;
	u32 extsize, nextents, projid, cowextsize;
};

static long named(int dirfd, const char *upath, u32 flags, struct path *p)
{
	long err;

	if (flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = path_lookup_user(dirfd, upath, (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
			       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), p);
	if (!err && !has_attrs(p->dentry->inode)) {
		path_put(p);
		err = -EOPNOTSUPP;
	}
	return err;
}

static long check_size(size_t size)
{
	return size > PAGE_SIZE ? -E2BIG : size < sizeof(struct file_attr_layout) ? -EINVAL : 0;
}

SYSCALL(file_getattr, int dirfd, const char *path, struct file_attr_layout *uattr, size_t size, unsigned int flags)
{
	struct file_attr_layout a = {0};
	struct path p;
	long err = flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL : check_size(size);

	if (!err)
		err = named(dirfd, path, flags, &p);
	if (err)
		return err;
	a.xflags = to_user(p.dentry->inode, true);
	path_put(&p);
	if (size > sizeof(a) && clear_user((char *)uattr + sizeof(a), size - sizeof(a)))
		return -EFAULT;
	return copy_to_user(uattr, &a, sizeof(a));
}

SYSCALL(file_setattr, int dirfd, const char *path, const struct file_attr_layout *uattr, size_t size, unsigned int flags)
{
	struct file_attr_layout a;
	struct path p;
	long err = flags & ~(u32)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? -EINVAL : check_size(size);

	if (err)
		return err;
	if (copy_from_user(&a, uattr, sizeof(a)))
		return -EFAULT;
	for (size_t at = sizeof(a); at < size; at++) {
		u8 b;

		if (get_user(b, (const u8 *)uattr + at))
			return -EFAULT;
		if (b)
			return -E2BIG;
	}
	err = named(dirfd, path, flags, &p);
	if (err)
		return err;
	err = a.xflags >> 32 || a.extsize || a.projid || a.cowextsize ? -EOPNOTSUPP : set(&p, a.xflags, true);
	path_put(&p);
	return err;
}
