/* read(2), write(2) and their kin: vectors, offsets, sync.  One path, vfs_rw, serves all of them. */
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/vfs/poll.h"
#include "libos/vfs/vfs.h"
#include <linux/fs.h>

#include <linux/inotify.h>
#include <linux/uio.h>


static void note_access(struct file *f, bool write)
{
	if (!f->path.dentry)
		return;
	if (!write && !(f->flags & O_NOATIME))
		inode_touch_atime(f->inode);
	fsnotify(f->inode, f->path.dentry, write ? IN_MODIFY : IN_ACCESS, 0);
}

/* Stop a write at the file size limit. */
static int limit_write(struct file *f, struct iov_iter *it, i64 pos)
{
	u64 limit = rlimit_soft(RLIMIT_FSIZE), left;

	if (!f->inode || !S_ISREG(f->inode->mode) || limit == ~0ull)
		return 0;
	if (io_flags(f, it) & O_APPEND)
		pos = f->inode->size;
	if ((u64)pos >= limit && it->left) {
		signal_send_thread(current, SIGXFSZ, NULL);
		return -EFBIG;
	}
	left = limit - pos;
	it->left = min(it->left, left);
	return 0;
}

static bool seekable(const struct file *f)
{
	return f->inode && (S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode) || S_ISBLK(f->inode->mode));
}

static ssize_t finish_write(struct file *f, ssize_t n)
{
	if (n > 0 && (f->flags & (O_SYNC | O_DSYNC)) && f->ops->fsync) {
		int err = f->ops->fsync(f, (f->flags & O_SYNC) != O_SYNC);

		if (err)
			return err;
	}
	return n;
}

/* upos null: at the file's own offset; `alone`: which nobody else moves. */
static ssize_t do_rw(struct file *f, struct iov_iter *it, i64 *upos, bool write, bool alone)
{
	bool own = !upos && seekable(f);
	i64 copy = 0, *pos = upos ? upos : own ? &f->pos : &copy;
	ssize_t n;
	int err;

	if (write ? !FMODE_CAN_WRITE(f) : !FMODE_CAN_READ(f))
		return -EBADF;
	if (f->inode && S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (write ? !f->ops->write : !f->ops->read)
		return -EINVAL;
	it->left = min(it->left, RW_MAX);
	own &= !alone;
	if (own)
		mutex_lock(&f->lock);
	err = write ? limit_write(f, it, *pos) : 0;
	n = err ? err : write ? f->ops->write(f, it, pos) : f->ops->read(f, it, pos);
	if (own)
		mutex_unlock(&f->lock);
	if (n > 0)
		note_access(f, write);
	return write ? finish_write(f, n) : n;
}

ssize_t vfs_rw(struct file *f, struct iov_iter *it, i64 *upos, bool write)
{
	return do_rw(f, it, upos, write, false);
}

static ssize_t rw_fd(int fd, void *buf, size_t n, i64 *pos, bool write)
{
	struct bz_iov iov = {buf, n};
	struct iov_iter it;
	struct fd_use use = fd_use(fd);
	struct file *f = use.file;
	ssize_t ret;

	if (!f)
		return -EBADF;
	if (pos && !seekable(f) && !(f->inode && S_ISCHR(f->inode->mode) && f->ops->llseek)) {
		ret = -ESPIPE;
	} else if (!access_ok(buf, n)) {
		ret = (write ? !FMODE_CAN_WRITE(f) : !FMODE_CAN_READ(f)) ? -EBADF : -EFAULT;
	} else {
		iov_iter_init(&it, &iov, 1, false);
		ret = do_rw(f, &it, pos, write, fd_use_alone(use));
	}
	fd_unuse(use);
	return ret;
}

SYSCALL(read, int fd, void *buf, size_t n)
{
	return rw_fd(fd, buf, n, NULL, false);
}

SYSCALL(write, int fd, const void *buf, size_t n)
{
	return rw_fd(fd, (void *)buf, n, NULL, true);
}

SYSCALL(pread64, int fd, void *buf, size_t n, i64 pos)
{
	return pos < 0 ? -EINVAL : rw_fd(fd, buf, n, &pos, false);
}

SYSCALL(pwrite64, int fd, const void *buf, size_t n, i64 pos)
{
	return pos < 0 ? -EINVAL : rw_fd(fd, (void *)buf, n, &pos, true);
}

static ssize_t rwv(int fd, const struct iovec *uiov, u64 count, i64 *pos, u32 flags, bool write)
{
	struct bz_iov fast[IOV_FAST], *iov = fast;
	struct fd_use use = fd_use(fd);
	struct file *f = use.file;
	struct iov_iter it;
	ssize_t ret;

	if (!f)
		return -EBADF;
	if (pos && !seekable(f)) {
		fd_unuse(use);
		return -ESPIPE;
	}
	if (flags & ~(u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND)) {
		fd_unuse(use);
		return -EOPNOTSUPP;
	}
	ret = iov_load(uiov, count, fast, &iov);
	if (!ret) {
		iov_iter_init(&it, iov, count, false);
		if (!it.left && (write ? FMODE_CAN_WRITE(f) : FMODE_CAN_READ(f)))
			goto out;
		if ((flags & RWF_NOWAIT) && !seekable(f))
			it.flags |= O_NONBLOCK;
		if (write && (flags & RWF_APPEND))
			it.flags |= O_APPEND;
		ret = do_rw(f, &it, pos, write, fd_use_alone(use));
		if (ret > 0 && write && (flags & (RWF_DSYNC | RWF_SYNC)) && f->ops->fsync)
			f->ops->fsync(f, !(flags & RWF_SYNC));
	}
out:
	if (iov != fast)
		kfree(iov);
	fd_unuse(use);
	return ret;
}

SYSCALL(readv, int fd, const struct iovec *iov, unsigned long count)
{
	return rwv(fd, iov, count, NULL, 0, false);
}

SYSCALL(writev, int fd, const struct iovec *iov, unsigned long count)
{
	return rwv(fd, iov, count, NULL, 0, true);
}

SYSCALL(preadv, int fd, const struct iovec *iov, unsigned long count, i64 pos)
{
	return pos < 0 ? -EINVAL : rwv(fd, iov, count, &pos, 0, false);
}

SYSCALL(pwritev, int fd, const struct iovec *iov, unsigned long count, i64 pos)
{
	return pos < 0 ? -EINVAL : rwv(fd, iov, count, &pos, 0, true);
}

SYSCALL(preadv2, int fd, const struct iovec *iov, unsigned long count, i64 pos, u64 pos_high, int flags)
{
	if (pos == -1)
		return rwv(fd, iov, count, NULL, flags, false);
	return pos < 0 ? -EINVAL : rwv(fd, iov, count, &pos, flags, false);
}

SYSCALL(pwritev2, int fd, const struct iovec *iov, unsigned long count, i64 pos, u64 pos_high, int flags)
{
	if (pos == -1)
		return rwv(fd, iov, count, NULL, flags, true);
	return pos < 0 ? -EINVAL : rwv(fd, iov, count, &pos, flags, true);
}

/* --- offsets --- */

static i64 generic_llseek(struct file *f, i64 off, int whence)
{
	struct kstat st;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		off += f->pos;
		break;
	case SEEK_END:
		if (inode_getattr(f->inode, &st))
			return -EIO;
		off += st.size;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		/* One run of data, as a file system without holes answers (lseek(2)). */
		if (S_ISDIR(f->inode->mode))
			return -EINVAL;
		if (inode_getattr(f->inode, &st))
			return -EIO;
		if (off < 0 || (u64)off >= st.size)
			return -ENXIO;
		if (whence == SEEK_HOLE)
			off = st.size;
		break;
	default:
		return -EINVAL;
	}
	if (off < 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

SYSCALL(lseek, int fd, i64 off, unsigned int whence)
{
	struct fd_use use = fd_use(fd);
	struct file *f = use.file;
	bool alone;
	i64 ret;

	if (!f)
		return -EBADF;
	alone = fd_use_alone(use);
	if (whence > SEEK_HOLE) {
		ret = -EINVAL;
	} else {
		if (!alone)
			mutex_lock(&f->lock);
		if (f->ops->llseek)
			ret = f->ops->llseek(f, off, whence);
		else
			ret = seekable(f) ? generic_llseek(f, off, whence) : -ESPIPE;
		if (!alone)
			mutex_unlock(&f->lock);
	}
	fd_unuse(use);
	return ret;
}

/* --- moving data between files --- */

#define COPY_CHUNK 65536

/* A few buffers are used again: mapping one and giving it back for each small file costs more than moving the bytes. */
#define COPY_BUFFERS 8
static char *copy_buffers[COPY_BUFFERS];

static char *copy_buffer_take(void)
{
	for (u32 i = 0; i < COPY_BUFFERS; i++) {
		char *buf = READ_ONCE(copy_buffers[i]) ? __atomic_exchange_n(&copy_buffers[i], NULL, __ATOMIC_ACQ_REL) : NULL;

		if (buf)
			return buf;
	}
	return kmalloc(COPY_CHUNK);
}

static void copy_buffer_give(char *buf)
{
	for (u32 i = 0; i < COPY_BUFFERS && buf; i++) {
		char *none = NULL;

		if (__atomic_compare_exchange_n(&copy_buffers[i], &none, buf, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return;
	}
	kfree(buf);
}

static ssize_t copy_chunk(struct file *in, i64 *ipos, struct file *out, i64 *opos, char *buf, size_t n)
{
	struct bz_iov iov = {buf, n};
	struct iov_iter it;
	ssize_t got, put = 0;

	iov_iter_init(&it, &iov, 1, true);
	got = vfs_rw(in, &it, ipos, false);
	if (got <= 0)
		return got;
	while (put < got) {
		struct bz_iov rest = {buf + put, got - put};
		ssize_t w;

		iov_iter_init(&it, &rest, 1, true);
		w = vfs_rw(out, &it, opos, true);
		if (w <= 0) {
			/* What was read and not written goes back. */
			if (ipos)
				*ipos -= got - put;
			else if (seekable(in))
				in->pos -= got - put;
			return put ? put : w;
		}
		put += w;
	}
	return put;
}

struct loan {
	struct file *to;
	bool full; /* it took less than there was */
};

static ssize_t take_lent(void *arg, const void *mem, size_t n)
{
	struct bz_iov iov = {(void *)mem, n};
	struct loan *l = arg;
	struct iov_iter it;
	ssize_t ret;

	iov_iter_init(&it, &iov, 1, true);
	it.flags = O_NONBLOCK; /* locks are held */
	ret = vfs_rw(l->to, &it, NULL, true);
	l->full = ret == -EAGAIN || (ret > 0 && (size_t)ret < n);
	return ret;
}

/*
 * Without a buffer in between, where `in` can lend its bytes: to sockets and pipes, which take them without waiting and lock nothing that comes
 * before files.  Bytes, or an error; -EOPNOTSUPP: by copying, which also waits where that is called for.
 */
static ssize_t lend(struct file *in, i64 *ipos, struct loan *l, size_t n)
{
	i64 *pos = ipos ? ipos : &in->pos;
	struct inode *to = l->to->inode;
	ssize_t ret = -EOPNOTSUPP;

	if (!in->ops->lend || !to || !(S_ISSOCK(to->mode) || S_ISFIFO(to->mode)))
		return ret;
	if (!ipos)
		mutex_lock(&in->lock);
	if (*pos >= 0)
		ret = in->ops->lend(in, *pos, n, take_lent, l);
	if (ret > 0)
		*pos += ret;
	if (!ipos)
		mutex_unlock(&in->lock);
	if (ret > 0)
		note_access(in, false);
	/* -EFAULT: it is shorter than it was. */
	return !ret || ret == -EFAULT || (ret == -EAGAIN && !(l->to->flags & O_NONBLOCK)) ? -EOPNOTSUPP : ret;
}

/* A pipe is waited for until there is some room in it, and gets what that holds (Linux's splice_file_to_pipe). */
static int await_pipe(struct file *out)
{
	int err = out->flags & O_NONBLOCK ? 0 : poll_file_wait(out, EPOLLOUT | EPOLLERR, BZ_NO_DEADLINE);

	return err == -EINTR ? -ERESTARTSYS : err;
}

ssize_t vfs_copy(struct file *in, i64 *ipos, struct file *out, i64 *opos, size_t n)
{
	struct loan loan = {.to = out};
	size_t done = 0;
	bool last = false, to_pipe = out->inode && S_ISFIFO(out->inode->mode);
	char *buf = NULL;
	ssize_t ret = 0;

	n = min(n, RW_MAX);
	while (done < n && !last) {
		size_t want = min(n - done, (size_t)COPY_CHUNK);

		ret = to_pipe ? await_pipe(out) : 0;
		if (!ret)
			ret = lend(in, ipos, &loan, n - done);
		last = loan.full && (out->flags & O_NONBLOCK);
		if (ret == -EOPNOTSUPP) {
			buf = buf ? buf : copy_buffer_take();
			ret = buf ? copy_chunk(in, ipos, out, opos, buf, want) : -ENOMEM;
			last = ret < (ssize_t)want;
		}
		if (ret <= 0)
			break;
		done += ret;
		last |= to_pipe || signal_is_pending();
	}
	copy_buffer_give(buf);
	return done ? (ssize_t)done : ret;
}

SYSCALL(sendfile, int out_fd, int in_fd, i64 *uoff, size_t n)
{
	struct file *in = fd_get(in_fd), *out = fd_get(out_fd);
	i64 pos = 0;
	ssize_t ret = 0;

	if (!in || !out)
		ret = -EBADF;
	else if (!FMODE_CAN_READ(in) || !FMODE_CAN_WRITE(out))
		ret = -EBADF;
	else if (uoff && get_user(pos, uoff))
		ret = -EFAULT;
	else if (uoff && !seekable(in))
		ret = -ESPIPE;
	else if (pos < 0 || (out->flags & O_APPEND) || !seekable(in))
		ret = -EINVAL;
	if (!ret) {
		ret = vfs_copy(in, uoff ? &pos : NULL, out, NULL, n);
		if (uoff && ret >= 0 && put_user(pos, uoff))
			ret = -EFAULT;
	}
	file_put(in);
	file_put(out);
	return ret;
}

/* The order of Linux's generic_copy_file_checks.  *n becomes what there is to copy. */
static int copy_range_check(struct file *in, struct file *out, i64 ipos, i64 opos, size_t *n)
{
	struct kstat st;

	if (!in->inode || !out->inode)
		return -EINVAL;
	if (S_ISDIR(in->inode->mode) || S_ISDIR(out->inode->mode))
		return -EISDIR;
	if (!S_ISREG(in->inode->mode) || !S_ISREG(out->inode->mode))
		return -EINVAL;
	if (!FMODE_CAN_READ(in) || !FMODE_CAN_WRITE(out) || (out->flags & O_APPEND))
		return -EBADF;
	if (ipos < 0 || opos < 0)
		return -EINVAL;
	if (ipos + (i64)*n < ipos || opos + (i64)*n < opos)
		return -EOVERFLOW;
	if (inode_getattr(in->inode, &st))
		return -EIO;
	*n = (u64)ipos >= st.size ? 0 : min((u64)*n, st.size - ipos);
	if (in->inode == out->inode && ipos < opos + (i64)*n && opos < ipos + (i64)*n)
		return -EINVAL;
	return 0;
}

SYSCALL(copy_file_range, int in_fd, i64 *uin, int out_fd, i64 *uout, size_t n, unsigned int flags)
{
	struct file *in = fd_get(in_fd), *out = fd_get(out_fd);
	i64 ipos = in ? in->pos : 0, opos = out ? out->pos : 0;
	ssize_t ret = 0;

	if (!in || !out)
		ret = -EBADF;
	else if ((uin && get_user(ipos, uin)) || (uout && get_user(opos, uout)))
		ret = -EFAULT;
	else
		ret = flags ? -EINVAL : copy_range_check(in, out, ipos, opos, &n);
	if (!ret) {
		ret = vfs_copy(in, uin ? &ipos : NULL, out, uout ? &opos : NULL, n);
		if (ret > 0 && ((uin && put_user(ipos, uin)) || (uout && put_user(opos, uout))))
			ret = -EFAULT;
	}
	file_put(in);
	file_put(out);
	return ret;
}

/* --- to disk --- */

static long sync_fd(int fd, bool data_only)
{
	struct file *f = fd_get(fd);
	long ret = 0;

	if (!f)
		return -EBADF;
	if (!f->inode || S_ISFIFO(f->inode->mode) || S_ISSOCK(f->inode->mode) || S_ISCHR(f->inode->mode))
		ret = -EINVAL;
	else if (f->ops->fsync)
		ret = f->ops->fsync(f, data_only);
	file_put(f);
	return ret;
}

SYSCALL(fsync, int fd)
{
	return sync_fd(fd, false);
}

SYSCALL(fdatasync, int fd)
{
	return sync_fd(fd, true);
}

SYSCALL(sync_file_range, int fd, i64 off, i64 n, unsigned int flags)
{
	struct file *f = fd_get(fd);
	long ret;

	if (!f)
		return -EBADF;
	if ((flags & ~7u) || off < 0 || n < 0)
		ret = -EINVAL;
	else if (!f->inode || !(S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode) || S_ISBLK(f->inode->mode) || S_ISLNK(f->inode->mode)))
		ret = -ESPIPE;
	else
		ret = flags && f->ops->fsync ? f->ops->fsync(f, true) : 0;
	file_put(f);
	return ret;
}

SYSCALL0(sync)
{
	struct mount *m;

	list_for_each(m, &all_mounts, node)
		if (m->sb->ops->sync)
			m->sb->ops->sync(m->sb);
	return 0;
}

SYSCALL(syncfs, int fd)
{
	struct file *f = fd_get(fd);

	if (!f)
		return -EBADF;
	if (f->inode && f->inode->sb && f->inode->sb->ops->sync)
		f->inode->sb->ops->sync(f->inode->sb);
	file_put(f);
	return 0;
}

SYSCALL(readahead, int fd, i64 off, size_t n)
{
	struct file *f = fd_get(fd);
	long ret = 0;

	if (!f || !FMODE_CAN_READ(f))
		ret = -EBADF;
	else if (!f->inode || !S_ISREG(f->inode->mode))
		ret = -EINVAL;
	file_put(f);
	return ret;
}

SYSCALL(fadvise64, int fd, i64 off, size_t n, int advice)
{
	struct file *f = fd_get(fd);
	long ret = 0;

	if (!f)
		return -EBADF;
	if (f->inode && S_ISFIFO(f->inode->mode))
		ret = -ESPIPE;
	else if (advice < 0 || advice > 5 || (i64)n < 0)
		ret = -EINVAL;
	file_put(f);
	return ret;
}

SYSCALL(fallocate, int fd, int mode, i64 off, i64 n)
{
	struct file *f;
	i64 end;
	long ret;

	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (off < 0 || n <= 0)
		ret = -EINVAL;
	else if (mode & ~0x7f)
		ret = -EOPNOTSUPP;
	else if ((mode & 2) && !(mode & 1))	/* PUNCH_HOLE without KEEP_SIZE */
		ret = -EOPNOTSUPP;
	else if (!FMODE_CAN_WRITE(f))
		ret = -EBADF;
	else if (f->inode && ((f->inode->flags & INODE_IMMUTABLE) || ((f->inode->flags & INODE_APPEND) && (mode & ~1))))
		ret = -EPERM;
	else if (!f->inode || S_ISFIFO(f->inode->mode))
		ret = -ESPIPE;
	else if (S_ISDIR(f->inode->mode))
		ret = -EISDIR;
	else if (!S_ISREG(f->inode->mode))
		ret = -ENODEV;
	else if (__builtin_add_overflow(off, n, &end))
		ret = -EFBIG;
	else if (!(mode & 1) && (u64)end > rlimit_soft(RLIMIT_FSIZE)) {
		signal_send_thread(current, SIGXFSZ, NULL);
		ret = -EFBIG;
	} else
		ret = f->ops->fallocate ? f->ops->fallocate(f, mode, off, n) : -EOPNOTSUPP;
	if (!ret && f->path.dentry)
		fsnotify(f->inode, f->path.dentry, IN_MODIFY, 0);
	file_put(f);
	return ret;
}
