/*
 * Extended attributes: setxattr(2), getxattr(2), listxattr(2), removexattr(2) and their l and f forms.  The rules of
 * namespaces are here (xattr(7)); storage is each file system's own.
 */
#include "libos/kernel/syscall.h"
#include "libos/vfs/fileattr.h"
#include "libos/vfs/vfs.h"
#include <linux/capability.h>
#include <linux/inotify.h>
#include <linux/limits.h>
#include <linux/xattr.h>

#define READ_MASK 4
#define WRITE_MASK 2

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

static int name_from_user(char *name, const char *uname)
{
	long n = strncpy_from_user(name, uname, XATTR_NAME_MAX + 1);

	if (n == -EFAULT)
		return -EFAULT;
	return n <= 0 ? -ERANGE : 0;
}

/* May the current process do this to the attribute?  As Linux's xattr_permission. */
static int check(const struct path *p, const char *name, u32 mask)
{
	struct inode *inode = p->dentry->inode;
	int err;

	if (mask == WRITE_MASK && ((p->mount && (p->mount->flags & MNT_RDONLY)) || (inode->sb->flags & SB_RDONLY)))
		return -EROFS;
	if (mask == WRITE_MASK && inode_is_fixed(inode))
		return -EPERM;
	if (has_prefix(name, XATTR_TRUSTED_PREFIX))
		return capable(CAP_SYS_ADMIN) ? 0 : mask == WRITE_MASK ? -EPERM : -ENODATA;
	if (has_prefix(name, XATTR_SECURITY_PREFIX))
		return mask == WRITE_MASK && !capable(CAP_SYS_ADMIN) ? -EPERM : 0;
	if (has_prefix(name, XATTR_SYSTEM_PREFIX))
		return -EOPNOTSUPP;
	if (!has_prefix(name, XATTR_USER_PREFIX)) {
		/* No namespace of this name: permission first, as Linux does. */
		err = inode_permission(inode, mask);
		return err ? err : -EOPNOTSUPP;
	}
	if (!S_ISREG(inode->mode) && !S_ISDIR(inode->mode))
		return mask == WRITE_MASK ? -EPERM : -ENODATA;
	if (S_ISDIR(inode->mode) && (inode->mode & S_ISVTX) && mask == WRITE_MASK &&
	    current->process->cred.fsuid != inode->uid && !capable(CAP_FOWNER))
		return -EPERM;
	err = inode_permission(inode, mask);
	return err ? err : name[strlen(XATTR_USER_PREFIX)] ? 0 : -EINVAL;
}

static long do_set(const struct path *p, const char *uname, const void *uvalue, size_t size, int flags)
{
	struct inode *inode = p->dentry->inode;
	char name[XATTR_NAME_MAX + 1];
	void *value = NULL;
	long err = name_from_user(name, uname);

	if (flags & ~(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	if (err)
		return err;
	if (size > XATTR_SIZE_MAX)
		return -E2BIG;
	if (size) {
		value = kmalloc(size);
		if (!value)
			return -ENOMEM;
		if (copy_from_user(value, uvalue, size)) {
			kfree(value);
			return -EFAULT;
		}
	}
	err = check(p, name, WRITE_MASK);
	if (!err)
		err = inode->ops->setxattr ? inode->ops->setxattr(inode, name, value, size, flags) : -EOPNOTSUPP;
	kfree(value);
	if (!err)
		fsnotify(inode, p->dentry, IN_ATTRIB, 0);
	return err;
}

static long do_get(const struct path *p, const char *uname, void *uvalue, size_t size)
{
	struct inode *inode = p->dentry->inode;
	char name[XATTR_NAME_MAX + 1];
	void *value = NULL;
	long n = name_from_user(name, uname);

	if (n)
		return n;
	size = min(size, (size_t)XATTR_SIZE_MAX);
	if (size && !(value = kzalloc(size)))
		return -ENOMEM;
	n = check(p, name, READ_MASK);
	if (!n)
		n = inode->ops->getxattr ? inode->ops->getxattr(inode, name, value, size) : -EOPNOTSUPP;
	if (n > 0 && size && copy_to_user(uvalue, value, n))
		n = -EFAULT;
	kfree(value);
	return n;
}

/* Names in the trusted. space are shown to CAP_SYS_ADMIN only: drop them in place. */
static long hide_trusted(char *list, long n)
{
	long out = 0;

	for (long i = 0; i < n;) {
		long len = strlen(list + i) + 1;

		if (!has_prefix(list + i, XATTR_TRUSTED_PREFIX)) {
			memmove(list + out, list + i, len);
			out += len;
		}
		i += len;
	}
	return out;
}

static long do_list(const struct path *p, char *ulist, size_t size)
{
	struct inode *inode = p->dentry->inode;
	char *list = NULL;
	long n;

	if (!inode->ops->listxattr)
		return 0;
	size = min(size, (size_t)XATTR_LIST_MAX);
	if (size && !(list = kmalloc(size)))
		return -ENOMEM;
	n = inode->ops->listxattr(inode, list, size);
	if (n > 0 && size) {
		if (!capable(CAP_SYS_ADMIN))
			n = hide_trusted(list, n);
		if (copy_to_user(ulist, list, n))
			n = -EFAULT;
	}
	kfree(list);
	return n;
}

static long do_remove(const struct path *p, const char *uname)
{
	struct inode *inode = p->dentry->inode;
	char name[XATTR_NAME_MAX + 1];
	long err = name_from_user(name, uname);

	if (!err)
		err = check(p, name, WRITE_MASK);
	if (!err)
		err = inode->ops->removexattr ? inode->ops->removexattr(inode, name) : -EOPNOTSUPP;
	if (!err)
		fsnotify(inode, p->dentry, IN_ATTRIB, 0);
	return err;
}

/* Each call in its three forms: by name, by name without following a link at the end, by descriptor. */
#define BY_NAME(flags, call)                                                                                 \
	struct path p;                                                                                       \
	long ret = path_lookup_user(AT_FDCWD, path, (flags), &p);                                            \
                                                                                                             \
	if (ret)                                                                                             \
		return ret;                                                                                  \
	ret = (call);                                                                                        \
	path_put(&p);                                                                                        \
	return ret

#define BY_FD(call)                                                                                          \
	struct file *f = fd_get(fd);                                                                         \
	struct path p;                                                                                       \
	long ret;                                                                                            \
                                                                                                             \
	if (!f)                                                                                              \
		return -EBADF;                                                                               \
	p = f->path;                                                                                         \
	ret = p.dentry ? (call) : -EOPNOTSUPP;                                                               \
	file_put(f);                                                                                         \
	return ret

SYSCALL(setxattr, const char *path, const char *name, const void *value, size_t size, int flags)
{
	BY_NAME(LOOKUP_FOLLOW, do_set(&p, name, value, size, flags));
}

SYSCALL(lsetxattr, const char *path, const char *name, const void *value, size_t size, int flags)
{
	BY_NAME(0, do_set(&p, name, value, size, flags));
}

SYSCALL(fsetxattr, int fd, const char *name, const void *value, size_t size, int flags)
{
	BY_FD(do_set(&p, name, value, size, flags));
}

SYSCALL(getxattr, const char *path, const char *name, void *value, size_t size)
{
	BY_NAME(LOOKUP_FOLLOW, do_get(&p, name, value, size));
}

SYSCALL(lgetxattr, const char *path, const char *name, void *value, size_t size)
{
	BY_NAME(0, do_get(&p, name, value, size));
}

SYSCALL(fgetxattr, int fd, const char *name, void *value, size_t size)
{
	BY_FD(do_get(&p, name, value, size));
}

SYSCALL(listxattr, const char *path, char *list, size_t size)
{
	BY_NAME(LOOKUP_FOLLOW, do_list(&p, list, size));
}

SYSCALL(llistxattr, const char *path, char *list, size_t size)
{
	BY_NAME(0, do_list(&p, list, size));
}

SYSCALL(flistxattr, int fd, char *list, size_t size)
{
	BY_FD(do_list(&p, list, size));
}

SYSCALL(removexattr, const char *path, const char *name)
{
	BY_NAME(LOOKUP_FOLLOW, do_remove(&p, name));
}

SYSCALL(lremovexattr, const char *path, const char *name)
{
	BY_NAME(0, do_remove(&p, name));
}

SYSCALL(fremovexattr, int fd, const char *name)
{
	BY_FD(do_remove(&p, name));
}
