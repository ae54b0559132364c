/* mq_open(2), mq_unlink(2): names in the file system of queues, wherever /dev/mqueue leads for the program. */
#include "libos/kernel/syscall.h"
#include "libos/mqueue/mqueue.h"
#include "libos/vfs/namei.h"
#include <linux/inotify.h>

/* A name without a slash, in the root of the file system. */
static int load_name(const char *uname, struct parent *p)
{
	long len = strncpy_from_user(p->name, uname, sizeof(p->name));

	/* A volume in place of /dev, where nothing can be mounted. */
	if (!mqueue_mount)
		return -ENOSYS;
	if (len < 0)
		return len;
	if (!len)
		return -ENOENT;
	if (strchr(p->name, '/') || !strcmp(p->name, ".") || !strcmp(p->name, ".."))
		return -EACCES;
	p->len = len;
	p->dir = (struct path){mqueue_mount, mqueue_mount->root};
	return 0;
}

static int open_existing(const struct inode *inode, int flags)
{
	static const u32 mask[] = {[O_RDONLY] = 4, [O_WRONLY] = 2, [O_RDWR] = 6};

	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return -EEXIST;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	return inode_permission((struct inode *)inode, mask[flags & O_ACCMODE]);
}

static int create(const struct parent *p, struct dentry *d, u32 mode, const struct mq_attr *attr)
{
	struct inode *inode;
	int err = may_create(&p->dir);

	if (!err)
		err = mqueue_create(p->dir.dentry->inode, p->name, p->len, mode, attr, &inode);
	if (err)
		return err;
	dcache_instantiate(d, inode);
	fsnotify(inode, d, IN_CREATE, 0);
	return 0;
}

/* The root's inode is locked. */
static struct dentry *find_or_create(const struct parent *p, int flags, u32 mode, const struct mq_attr *attr)
{
	struct dentry *d = child_lookup_locked(p->dir.dentry, p->name, p->len);
	int err;

	if (IS_ERR(d))
		return d;
	if (d->inode)
		err = open_existing(d->inode, flags);
	else
		err = flags & O_CREAT ? create(p, d, mode & ~current->process->fs->umask, attr) : -ENOENT;
	if (!err)
		return d;
	dentry_put(d);
	return ERR_PTR(err);
}

SYSCALL(mq_open, const char *uname, int flags, u32 mode, const struct mq_attr *uattr)
{
	struct mq_attr attr;
	struct dentry *d;
	struct parent p;
	struct path path;
	struct file *f;
	int fd;

	if (uattr && copy_from_user(&attr, uattr, sizeof(attr)))
		return -EFAULT;
	fd = load_name(uname, &p);
	if (fd)
		return fd;
	mutex_lock(&p.dir.dentry->inode->lock);
	d = find_or_create(&p, flags, mode & 07777, uattr ? &attr : NULL);
	mutex_unlock(&p.dir.dentry->inode->lock);
	if (IS_ERR(d))
		return PTR_ERR(d);
	path = (struct path){mqueue_mount, d};
	f = file_open_path(&path, flags & (O_ACCMODE | O_NONBLOCK));
	dentry_put(d);
	return fd_publish(f, true);
}

SYSCALL(mq_unlink, const char *uname)
{
	struct parent p;
	int err = load_name(uname, &p);

	if (err)
		return err;
	p.slash = p.special = false;
	mutex_lock(&p.dir.dentry->inode->lock);
	err = vfs_unlink(&p);
	mutex_unlock(&p.dir.dentry->inode->lock);
	return err;
}
