/*
 * splice(2), tee(2), vmsplice(2).  Pages are not moved here but copied: the effect is the same.  As on Linux a call waits for the
 * first bytes (or the first room) alone, and moves what is there then.
 */
#include "libos/kernel/syscall.h"
#include "libos/pipe/internal.h"
#include "libos/signal/signal.h"
#include <linux/uio.h>

#define SPLICE_F_NONBLOCK 2
#define SPLICE_F_KNOWN 15
#define CHUNK 65536u

static void lock_two(struct pipe *a, struct pipe *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct pipe *a, struct pipe *b)
{
	mutex_unlock(&a->lock);
	mutex_unlock(&b->lock);
}

static ssize_t pipe_to_pipe(struct pipe *in, struct pipe *out, size_t n, bool nowait, bool keep)
{
	size_t done = 0;
	bool told;

	for (;;) {
		int ret = pipe_await_data(in, nowait);

		/* A pipe that nobody reads is broken, even where there is nothing to put into it. */
		if (ret == 0 && !READ_ONCE(out->readers))
			return signal_pipe_broken();
		if (ret <= 0)
			return ret;
		mutex_unlock(&in->lock);
		ret = pipe_await_room(out, nowait);
		if (ret <= 0)
			return ret;
		mutex_unlock(&out->lock);
		/* Both again, at once: another may have been faster with either. */
		lock_two(in, out);
		told = !out->used || out->polled;
		if (!in->held)
			done = pipe_transfer(in, out, n, keep);
		unlock_two(in, out);
		if (!done)
			continue;
		if (told)
			pipe_wake_readers(out);
		if (!keep)
			pipe_wake_writers(in);
		return done;
	}
}

/* One transfer between a buffer of the library OS and a file. */
static ssize_t buffer_rw(struct file *f, i64 *pos, char *buf, size_t n, u32 flags, bool write)
{
	struct bz_iov iov = {buf, n};
	struct iov_iter it;

	iov_iter_init(&it, &iov, 1, true);
	it.flags = flags;
	return vfs_rw(f, &it, pos, write);
}

static ssize_t file_to_pipe(struct file *in, i64 *pos, struct file *out, size_t n, bool nowait, char *buf)
{
	struct pipe *p = out->priv;
	ssize_t ret = pipe_await_room(p, nowait);

	if (ret <= 0)
		return ret;
	n = min(n, (size_t)(p->count - p->used) * PAGE_SIZE);
	mutex_unlock(&p->lock);
	ret = buffer_rw(in, pos, buf, n, 0, false);
	/* Another writer may have taken the room meanwhile: what was read waits for more. */
	return ret > 0 ? buffer_rw(out, NULL, buf, ret, 0, true) : ret;
}

/* The bytes stay in the pipe until the file has them, so that an error loses none; other readers wait for that long. */
static ssize_t pipe_to_file(struct file *in, struct file *out, i64 *pos, size_t n, bool nowait, char *buf)
{
	struct pipe *p = in->priv;
	ssize_t ret = pipe_await_data(p, nowait);

	if (ret <= 0)
		return ret;
	n = pipe_peek(p, buf, n);
	p->held = true;
	mutex_unlock(&p->lock);
	ret = buffer_rw(out, pos, buf, n, 0, true);
	mutex_lock(&p->lock);
	if (ret > 0)
		pipe_drop(p, ret);
	p->held = false;
	mutex_unlock(&p->lock);
	waitq_wake_all(&p->waitq, ~0u);
	return ret;
}

/* Directories and what Linux has anonymous inodes for (eventfd, epoll, pidfd ...) know no splicing. */
static bool can_splice(const struct file *f)
{
	if (f->anon_name && !strncmp(f->anon_name, "anon_inode:", 11))
		return false;
	return !f->inode || !S_ISDIR(f->inode->mode);
}

/* The order of Linux's do_splice. */
static ssize_t do_splice(struct file *in, i64 *uin, struct file *out, i64 *uout, size_t n, u32 flags)
{
	bool from = file_is_pipe(in), to = file_is_pipe(out), nowait = flags & SPLICE_F_NONBLOCK;
	i64 *upos = from ? uout : uin, pos = 0;
	ssize_t ret;
	char *buf;

	if (!FMODE_CAN_READ(in) || !FMODE_CAN_WRITE(out))
		return -EBADF;
	if ((uin && from) || (uout && to))
		return -ESPIPE;
	if (!from && !to)
		return -EINVAL;
	if (from && to) {
		if (in->priv == out->priv)
			return -EINVAL;
		return pipe_to_pipe(in->priv, out->priv, n, nowait || ((in->flags | out->flags) & O_NONBLOCK), false);
	}
	if (from && (out->flags & O_APPEND))
		return -EINVAL;
	if (upos && get_user(pos, upos))
		return -EFAULT;
	if ((upos && pos < 0) || !can_splice(from ? out : in))
		return -EINVAL;
	n = min(n, (size_t)CHUNK);
	buf = kmalloc(n);
	if (!buf)
		return -ENOMEM;
	if (from)
		ret = pipe_to_file(in, out, upos ? &pos : NULL, n, nowait || (in->flags & O_NONBLOCK), buf);
	else
		ret = file_to_pipe(in, upos ? &pos : NULL, out, n, nowait || (out->flags & O_NONBLOCK), buf);
	kfree(buf);
	return ret >= 0 && upos && put_user(pos, upos) ? -EFAULT : ret;
}

SYSCALL(splice, int in_fd, i64 *uin, int out_fd, i64 *uout, size_t n, unsigned int flags)
{
	struct file *in, *out;
	ssize_t ret = -EBADF;

	if (!n)
		return 0;
	if (flags & ~SPLICE_F_KNOWN)
		return -EINVAL;
	in = fd_get(in_fd);
	out = fd_get(out_fd);
	if (in && out)
		ret = do_splice(in, uin, out, uout, n, flags);
	file_put(in);
	file_put(out);
	return ret;
}

SYSCALL(tee, int in_fd, int out_fd, size_t n, unsigned int flags)
{
	struct file *in, *out;
	ssize_t ret = -EBADF;

	if (flags & ~SPLICE_F_KNOWN)
		return -EINVAL;
	if (!n)
		return 0;
	in = fd_get(in_fd);
	out = fd_get(out_fd);
	if (!in || !out || !FMODE_CAN_READ(in) || !FMODE_CAN_WRITE(out))
		ret = -EBADF;
	else if (!file_is_pipe(in) || !file_is_pipe(out) || in->priv == out->priv)
		ret = -EINVAL;
	else
		ret = pipe_to_pipe(in->priv, out->priv, n,
				   (flags & SPLICE_F_NONBLOCK) || ((in->flags | out->flags) & O_NONBLOCK), true);
	file_put(in);
	file_put(out);
	return ret;
}

/* Guest memory into a pipe (waits for the first room alone) or out of it; only the call's own flag keeps it from waiting. */
static ssize_t do_vmsplice(struct file *f, struct iov_iter *it, bool nowait)
{
	bool write = FMODE_CAN_WRITE(f);
	struct pipe *p = f->priv;
	ssize_t ret;

	if (!it->left)
		return 0;
	ret = write ? pipe_await_room(p, nowait) : pipe_await_data(p, nowait);
	if (ret <= 0)
		return ret;
	ret = write ? pipe_put(p, it, false) : pipe_get(p, it);
	mutex_unlock(&p->lock);
	if (write)
		pipe_wake_readers(p);
	else
		pipe_wake_writers(p);
	return ret;
}

SYSCALL(vmsplice, int fd, const struct iovec *uiov, unsigned long count, unsigned int flags)
{
	struct bz_iov fast[IOV_FAST], *iov = fast;
	struct iov_iter it;
	struct file *f;
	ssize_t ret;

	if (flags & ~SPLICE_F_KNOWN)
		return -EINVAL;
	f = fd_get(fd);
	if (!f || !file_is_pipe(f)) {
		file_put(f);
		return -EBADF;
	}
	ret = iov_load(uiov, count, fast, &iov);
	if (!ret) {
		iov_iter_init(&it, iov, count, false);
		ret = do_vmsplice(f, &it, flags & SPLICE_F_NONBLOCK);
	}
	if (iov != fast)
		kfree(iov);
	file_put(f);
	return ret;
}
