/* Extended attributes of in-memory files: a list an inode, under inode->lock. */
#include "libos/tmpfs/tmpfs.h"
#include <linux/xattr.h>

static struct tmpfs_xattr *find(struct inode *inode, const char *name)
{
	struct tmpfs_xattr *x;

	list_for_each(x, &tmpfs_node(inode)->xattrs, node)
		if (!strcmp(x->name, name))
			return x;
	return NULL;
}

static void remove(struct tmpfs_xattr *x)
{
	list_del(&x->node);
	kfree(x->value);
	kfree(x);
}

long tmpfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct tmpfs_xattr *x;
	long ret = -ENODATA;

	mutex_lock(&inode->lock);
	x = find(inode, name);
	if (x) {
		ret = x->size;
		if (size && size < x->size)
			ret = -ERANGE;
		else if (size)
			memcpy(buf, x->value, x->size);
	}
	mutex_unlock(&inode->lock);
	return ret;
}

int tmpfs_setxattr(struct inode *inode, const char *name, const void *val, size_t size, u32 flags)
{
	struct tmpfs_xattr *x = kmalloc(sizeof(*x) + strlen(name) + 1), *old;
	int err = 0;

	if (!x)
		return -ENOSPC;
	x->value = kmalloc(size ? size : 1);
	if (!x->value) {
		kfree(x);
		return -ENOSPC;
	}
	memcpy(x->value, val, size);
	x->size = size;
	strlcpy(x->name, name, strlen(name) + 1);
	mutex_lock(&inode->lock);
	old = find(inode, name);
	if (old && (flags & XATTR_CREATE))
		err = -EEXIST;
	else if (!old && (flags & XATTR_REPLACE))
		err = -ENODATA;
	if (!err) {
		if (old)
			remove(old);
		list_add_tail(&x->node, &tmpfs_node(inode)->xattrs);
		WRITE_ONCE(inode->ctime, now_real());
	}
	mutex_unlock(&inode->lock);
	if (err) {
		kfree(x->value);
		kfree(x);
	}
	return err;
}

long tmpfs_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct tmpfs_xattr *x;
	size_t used = 0;

	mutex_lock(&inode->lock);
	list_for_each(x, &tmpfs_node(inode)->xattrs, node) {
		size_t n = strlen(x->name) + 1;

		if (size && used + n <= size)
			memcpy(buf + used, x->name, n);
		used += n;
	}
	mutex_unlock(&inode->lock);
	return size && used > size ? -ERANGE : (long)used;
}

int tmpfs_removexattr(struct inode *inode, const char *name)
{
	struct tmpfs_xattr *x;

	mutex_lock(&inode->lock);
	x = find(inode, name);
	if (x) {
		remove(x);
		inode->ctime = now_real();
	}
	mutex_unlock(&inode->lock);
	return x ? 0 : -ENODATA;
}

void tmpfs_xattr_free(struct inode *inode)
{
	struct tmpfs_xattr *x, *tmp;

	list_for_each_safe(x, tmp, &tmpfs_node(inode)->xattrs, node)
		remove(x);
}
