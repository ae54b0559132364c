/*
 * Open files of overlays: each holds an open file of the layer that has the data, and passes calls on to it.  Unlike
 * Linux's overlayfs, a file that was opened for reading before it was copied up reads the copy from then on, as POSIX
 * would have it; mappings made before keep showing the lower file.
 */
#include "libos/overlay/overlay.h"
#include <linux/fs.h>

struct ofile {			/* file->priv */
	struct file *now;	/* of the layer that had the data when it was last used */
	struct file *before;	/* of the lower layer, kept until the end: another thread may be in it */
	bool upper;
};

static struct file *open_real(struct file *f, struct inode *real)
{
	return real_file(real, f->flags & ~(O_CREAT | O_EXCL | O_TRUNC));
}

int overlay_open(struct inode *inode, struct file *f)
{
	struct ofile *of;
	int err = 0;

	if (!S_ISREG(inode->mode))
		return 0;
	if (FMODE_CAN_WRITE(f))
		err = overlay_copy_up(inode, ~0ull);
	if (err)
		return err;
	of = kzalloc(sizeof(*of));
	if (!of)
		return -ENOMEM;
	of->upper = onode_upper(inode) != NULL;
	of->now = open_real(f, onode_real(inode));
	if (IS_ERR(of->now)) {
		err = PTR_ERR(of->now);
		kfree(of);
		return err;
	}
	f->priv = of;
	return 0;
}

/* The file was copied up since it was opened: go on with the copy. */
static struct file *follow_copy(struct file *f)
{
	struct overlay *o = overlay_of(f->inode);
	struct ofile *of = f->priv;
	struct file *fresh;

	fresh = open_real(f, onode_upper(f->inode));
	if (IS_ERR(fresh))
		return of->now;
	mutex_lock(&o->copy_lock);
	if (!of->upper) {
		of->before = of->now;
		__atomic_store_n(&of->now, fresh, __ATOMIC_RELEASE);
		__atomic_store_n(&of->upper, true, __ATOMIC_RELEASE);
		fresh = NULL;
	}
	mutex_unlock(&o->copy_lock);
	file_put(fresh);
	return of->now;
}

static inline struct file *real_of(struct file *f)
{
	struct ofile *of = f->priv;
	struct file *real = __atomic_load_n(&of->now, __ATOMIC_ACQUIRE);

	if (unlikely(!of->upper && onode_upper(f->inode)))
		real = follow_copy(f);
	/* What fcntl changed counts for the real file too. */
	if (unlikely(real->flags != f->flags))
		real->flags = f->flags;
	return real;
}

static ssize_t file_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct file *real = real_of(f);
	ssize_t n = real->ops->read(real, it, pos);

	if (n > 0 && !(f->flags & O_NOATIME))
		inode_touch_atime(real->inode);
	return n;
}

static ssize_t file_lend(struct file *f, u64 pos, size_t n, lend_fn take, void *arg)
{
	struct file *real = real_of(f);

	return real->ops->lend ? real->ops->lend(real, pos, n, take, arg) : -EOPNOTSUPP;
}

static ssize_t file_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct file *real = real_of(f);
	ssize_t n = real->ops->write ? real->ops->write(real, it, pos) : -EINVAL;

	if (n > 0) {
		f->inode->size = real->inode->size;
		f->inode->mtime = real->inode->mtime;
		f->inode->ctime = real->inode->ctime;
		f->inode->mode = real->inode->mode;
	}
	return n;
}

/* As the generic one of lseek(2) where the layer has none of its own. */
static i64 seek_plain(struct file *real, i64 off, int whence)
{
	struct kstat st;

	if (whence == SEEK_CUR)
		off += real->pos;
	if (whence > SEEK_CUR && inode_getattr(real->inode, &st))
		return -EIO;
	if (whence == SEEK_END)
		off += st.size;
	if (whence == SEEK_DATA || whence == SEEK_HOLE) {
		if (off < 0 || (u64)off >= st.size)
			return -ENXIO;
		off = whence == SEEK_HOLE ? (i64)st.size : off;
	}
	return off < 0 ? -EINVAL : off;
}

static i64 file_llseek(struct file *f, i64 off, int whence)
{
	struct file *real = real_of(f);
	i64 ret;

	/* f->lock is held: nobody else uses the real file's offset. */
	real->pos = f->pos;
	ret = real->ops->llseek ? real->ops->llseek(real, off, whence) : seek_plain(real, off, whence);
	if (ret >= 0)
		f->pos = ret;
	return ret;
}

static i64 file_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 flags, u64 off)
{
	struct file *real = real_of(f);

	return real->ops->mmap ? real->ops->mmap(real, addr, len, prot, flags, off) : -ENODEV;
}

static int file_fsync(struct file *f, bool data_only)
{
	struct file *real = real_of(f);

	return real->ops->fsync ? real->ops->fsync(real, data_only) : 0;
}

static int file_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
	struct file *real = real_of(f);
	int err = real->ops->fallocate ? real->ops->fallocate(real, mode, off, len) : -EOPNOTSUPP;

	onode_sync(f->inode);
	return err;
}

/* Only an upper file can be seen, and locked, from outside. */
static int file_lock(struct file *f, struct bz_lock *l)
{
	struct file *real = real_of(f);

	if (((struct ofile *)f->priv)->upper && real->ops->lock)
		return real->ops->lock(real, l);
	if (l->flags & BZ_LOCK_TEST)
		l->type = 2;
	return 0;
}

static void file_release(struct file *f)
{
	struct ofile *of = f->priv;

	if (!of)
		return;
	file_put(of->now);
	file_put(of->before);
	kfree(of);
}

static i64 file_image_offset(struct file *f, u64 pos)
{
	struct file *real = real_of(f);

	return real->ops->image_offset ? real->ops->image_offset(real, pos) : 0;
}

static bool file_host_identity(struct file *f, struct host_identity *id)
{
	struct file *real = real_of(f);

	return real->ops->host_identity && real->ops->host_identity(real, id);
}

const struct file_ops overlay_file_fops = {
	.host_identity = file_host_identity,
	.image_offset = file_image_offset,
	.read = file_read,
	.write = file_write,
	.lend = file_lend,
	.llseek = file_llseek,
	.mmap = file_mmap,
	.fsync = file_fsync,
	.fallocate = file_fallocate,
	.lock = file_lock,
	.release = file_release,
};
