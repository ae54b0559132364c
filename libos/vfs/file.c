/* Open file descriptions: making, opening, releasing.  file->lock protects pos; refs says how many descriptors and
 * mappings share it. */
#include "libos/epoll/epoll.h"
#include "libos/pipe/pipe.h"
#include "libos/vfs/lease.h"
#include "libos/vfs/locks.h"
#include "libos/vfs/namei.h"
#include "libos/vfs/owner.h"
#include <linux/inotify.h>

struct file *file_alloc(const struct file_ops *ops, struct inode *inode, u32 flags, void *priv)
{
	struct file *f = kzalloc(sizeof(*f));

	if (!f)
		return NULL;
	f->refs = 1;
	mutex_init(&f->lock, RANK_FILE);
	f->ops = ops;
	f->inode = inode;
	if (inode)
		inode_get(inode);
	f->flags = flags;
	f->stream = -1;
	f->priv = priv;
	list_init(&f->epoll_items);
	return f;
}

struct file *file_alloc_anon(const struct file_ops *ops, const char *anon_name, u32 flags, void *priv)
{
	struct file *f = file_alloc(ops, NULL, flags, priv);

	if (f)
		f->anon_name = anon_name;
	return f;
}

static u32 close_event(const struct file *f)
{
	return FMODE_CAN_WRITE(f) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE;
}

void file_put(struct file *f)
{
	if (!f || !ref_put(&f->refs))
		return;
	epoll_file_released(f);
	async_release(f);
	if (f->inode && !(f->flags & O_PATH)) {
		locks_release(f);
		lease_release(f);
		dnotify_release(f);
		if (f->path.dentry)
			fsnotify(f->inode, f->path.dentry, close_event(f), 0);
	}
	if (f->ops && f->ops->release && !(f->flags & O_PATH))
		f->ops->release(f);
	if (f->writer)
		__atomic_fetch_sub(&f->inode->writers, 1, __ATOMIC_RELAXED);
	if (f->reader)
		__atomic_fetch_sub(&f->inode->readers, 1, __ATOMIC_RELAXED);
	path_put(&f->path);
	inode_put(f->inode);
	kfree(f);
}

static const struct file_ops no_ops;

static int open_inode(struct file *f, struct inode *inode)
{
	if (inode->flags & INODE_OWN_OPEN)
		return inode->ops->open(inode, f);
	if (S_ISCHR(inode->mode))
		return chrdev_open(inode, f);
	if (S_ISFIFO(inode->mode))
		return fifo_open(inode, f);
	if (S_ISBLK(inode->mode) || S_ISSOCK(inode->mode))
		return -ENXIO;
	f->ops = inode->fops ? inode->fops : &no_ops;
	return inode->ops && inode->ops->open ? inode->ops->open(inode, f) : 0;
}

struct file *file_open_path(const struct path *p, u32 flags)
{
	struct inode *inode = p->dentry->inode;
	struct file *f = file_alloc(&no_ops, inode, flags & ~(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC), NULL);
	int err = 0;

	if (!f)
		return ERR_PTR(-ENOMEM);
	f->path = *p;
	path_get(&f->path);
	if (flags & O_PATH) {
		f->flags = flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW);
		return f;
	}
	/* A program that runs is not written to, and what is written is not run: exec looks at `writers`. */
	if (S_ISREG(inode->mode) && FMODE_CAN_WRITE(f)) {
		if (__atomic_load_n(&inode->deny_write, __ATOMIC_SEQ_CST)) {
			err = -ETXTBSY;
		} else {
			__atomic_fetch_add(&inode->writers, 1, __ATOMIC_SEQ_CST);
			f->writer = true;
		}
	} else if (S_ISREG(inode->mode)) {
		__atomic_fetch_add(&inode->readers, 1, __ATOMIC_SEQ_CST);
		f->reader = true;
	}
	if (!err && unlikely(READ_ONCE(inode->leases)))
		err = lease_break(inode, f->writer || (flags & O_TRUNC), flags);
	if (!err && (flags & O_TRUNC) && S_ISREG(inode->mode)) {
		err = vfs_truncate(inode, f, 0);
		if (!err)
			fsnotify(inode, p->dentry, IN_MODIFY, 0);
	}
	if (!err)
		err = open_inode(f, inode);
	f->flags &= ~O_NOCTTY;
	if (err) {
		/* It was never open: no release, no close event. */
		f->ops = &no_ops;
		f->flags |= O_PATH;
		file_put(f);
		return ERR_PTR(err);
	}
	fsnotify(inode, p->dentry, IN_OPEN, 0);
	return f;
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t n, i64 pos)
{
	struct bz_iov iov = {buf, n};
	struct iov_iter it;
	ssize_t done = 0;

	if (!f->ops->read)
		return -EINVAL;
	iov_iter_init(&it, &iov, 1, true);
	while (it.left) {
		ssize_t got = f->ops->read(f, &it, &pos);

		if (got <= 0)
			return done ? done : got;
		done += got;
	}
	return done;
}
