/*
 * Copy-up: before something of the lower layer changes, it is copied to the upper one, with all directories above it.
 * overlay->copy_lock makes it happen once; what is not complete has no name yet in the upper layer.
 */
#include "libos/overlay/overlay.h"

#define CHUNK 65536
#define NAMES_SIZE 65536

struct file *real_file(struct inode *real, u32 flags)
{
	struct file *f;
	int err = 0;

	if (!real->fops)
		return ERR_PTR(-ENXIO);
	f = file_alloc(real->fops, real, flags, NULL);
	if (!f)
		return ERR_PTR(-ENOMEM);
	if (real->ops->open)
		err = real->ops->open(real, f);
	if (err) {
		/* It was never open. */
		f->flags |= O_PATH;
		file_put(f);
		return ERR_PTR(err);
	}
	return f;
}

static ssize_t write_all(struct file *to, char *buf, size_t n, i64 *pos)
{
	struct bz_iov iov = {buf, n};
	struct iov_iter it;
	ssize_t put;

	iov_iter_init(&it, &iov, 1, true);
	while (it.left) {
		put = to->ops->write(to, &it, pos);
		if (put <= 0)
			return put ? put : -EIO;
	}
	return n;
}

static int copy_data(struct inode *from, struct inode *to, u64 size)
{
	char *buf = kmalloc(CHUNK);
	struct file *in, *out;
	i64 pos = 0;
	int err = 0;

	if (!buf)
		return -ENOMEM;
	in = real_file(from, O_RDONLY);
	out = IS_ERR(in) ? in : real_file(to, O_WRONLY);
	if (IS_ERR(out)) {
		err = PTR_ERR(out);
	} else {
		while (!err && (u64)pos < size) {
			ssize_t n = file_read_kernel(in, buf, min(size - pos, (u64)CHUNK), pos);

			if (n <= 0) {
				err = n;
				break;
			}
			n = write_all(out, buf, n, &pos);
			err = n < 0 ? n : 0;
		}
		file_put(out);
	}
	if (!IS_ERR(in))
		file_put(in);
	kfree(buf);
	return err;
}

/* What the upper layer cannot hold (trusted. on a volume) is left behind, as with cp -a. */
static void copy_xattrs(struct inode *from, struct inode *to)
{
	char *names, *value;
	long n, at, len;

	if (!from->ops->listxattr || !from->ops->getxattr || !to->ops->setxattr || from->ops->listxattr(from, NULL, 0) <= 0)
		return;
	names = kmalloc(NAMES_SIZE);
	value = kmalloc(NAMES_SIZE);
	n = names && value ? from->ops->listxattr(from, names, NAMES_SIZE) : 0;
	for (at = 0; at < n; at += strlen(names + at) + 1) {
		if (is_private_xattr(names + at))
			continue;
		len = from->ops->getxattr(from, names + at, value, NAMES_SIZE);
		if (len >= 0)
			to->ops->setxattr(to, names + at, value, len, 0);
	}
	kfree(names);
	kfree(value);
}

static int set_locked(struct inode *inode, const struct iattr *attr)
{
	int err;

	mutex_lock(&inode->lock);
	err = inode->ops->setattr(inode, attr);
	mutex_unlock(&inode->lock);
	return err;
}

static int copy_attributes(struct overlay *o, struct inode *from, struct inode *to)
{
	struct iattr owner = {.valid = ATTR_UID | ATTR_GID, .uid = from->uid, .gid = from->gid};
	struct iattr rest = {.valid = ATTR_ATIME | ATTR_MTIME, .mode = from->mode, .atime = from->atime,
			     .mtime = from->mtime};
	int err = 0;

	if (from->uid != to->uid || from->gid != to->gid)
		err = set_locked(to, &owner);
	/* On a volume all files belong to the one user that the sandbox is. */
	if (err && !o->on_disk)
		return err;
	if (!S_ISLNK(from->mode))
		rest.valid |= ATTR_MODE;
	err = set_locked(to, &rest);
	return S_ISLNK(from->mode) ? 0 : err;
}

static int fill(struct overlay *o, struct inode *lower, struct inode *upper, u64 size)
{
	int err = 0;

	if (S_ISREG(lower->mode))
		err = copy_data(lower, upper, min(size, lower->size));
	if (err)
		return err;
	copy_xattrs(lower, upper);
	if (!o->on_disk)
		upper->ino = lower->ino;
	return copy_attributes(o, lower, upper);
}

/* The upper inode under a name that is not the final one (a regular file on a volume), or without any. */
static int make_aside(struct overlay *o, struct inode *dir, struct inode *lower, char *temp, struct inode **out)
{
	if (!o->on_disk)
		return dir->ops->tmpfile(dir, lower->mode, out);
	snprintf(temp, 40, ".bartizan-copy-%08x", __atomic_add_fetch(&o->serial, 1, __ATOMIC_RELAXED));
	return dir->ops->create(dir, temp, strlen(temp), S_IFREG | 0600, 0, out);
}

static int copy_regular(struct overlay *o, struct onode *n, struct inode *dir, u64 size, struct inode **out)
{
	char temp[40] = "";
	struct inode *upper;
	int err;

	mutex_lock(&dir->lock);
	err = make_aside(o, dir, n->lower, temp, &upper);
	mutex_unlock(&dir->lock);
	if (err)
		return err;
	err = fill(o, n->lower, upper, size);
	mutex_lock(&dir->lock);
	if (!err && !n->unlinked && temp[0])
		err = dir->ops->rename(dir, temp, strlen(temp), upper, dir, n->name, n->name_len, NULL, 0);
	else if (!err && !n->unlinked)
		err = dir->ops->link(dir, n->name, n->name_len, upper);
	if (temp[0] && (err || n->unlinked))
		dir->ops->unlink(dir, temp, strlen(temp), upper);
	mutex_unlock(&dir->lock);
	if (err)
		inode_put(upper);
	else
		*out = upper;
	return err;
}

static int copy_other(struct overlay *o, struct onode *n, struct inode *dir, struct inode **out)
{
	struct inode *upper;
	char *text = NULL;
	long len;
	int err = 0;

	if (n->unlinked)
		return -ENOENT;
	if (S_ISLNK(n->lower->mode)) {
		text = kmalloc(PATH_MAX);
		len = text ? n->lower->ops->readlink(n->lower, text, PATH_MAX - 1) : -ENOMEM;
		if (len >= 0)
			text[len] = 0;
		else
			err = len;
	}
	mutex_lock(&dir->lock);
	if (!err)
		err = text ? dir->ops->symlink(dir, n->name, n->name_len, text, &upper)
			   : dir->ops->create(dir, n->name, n->name_len, n->lower->mode, n->lower->rdev, &upper);
	mutex_unlock(&dir->lock);
	kfree(text);
	if (err)
		return err;
	err = fill(o, n->lower, upper, 0);
	if (err)
		inode_put(upper);
	else
		*out = upper;
	return err;
}

/* The copy_lock is held, and the directory above is in the upper layer. */
static int copy_one(struct overlay *o, struct inode *inode, u64 size)
{
	struct onode *n = onode_of(inode);
	struct inode *dir = n->parent ? onode_upper(n->parent) : o->upper->root, *upper = NULL;
	int err;

	if (S_ISREG(inode->mode))
		err = copy_regular(o, n, dir, size, &upper);
	else
		err = copy_other(o, n, dir, &upper);
	if (err)
		return err;
	__atomic_store_n(&n->upper, upper, __ATOMIC_RELEASE);
	onode_rehash(inode);
	onode_sync(inode);
	return 0;
}

int overlay_copy_up(struct inode *inode, u64 size)
{
	struct overlay *o = overlay_of(inode);
	int err = 0;

	if (onode_upper(inode))
		return 0;
	mutex_lock(&o->copy_lock);
	/* From the top down, one directory a round: no recursion. */
	while (!err && !onode_upper(inode)) {
		struct inode *i = inode;

		while (onode_of(i)->parent && !onode_upper(onode_of(i)->parent))
			i = onode_of(i)->parent;
		err = copy_one(o, i, i == inode ? size : 0);
	}
	mutex_unlock(&o->copy_lock);
	return err;
}
