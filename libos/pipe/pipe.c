/* Pipes: pipe(7).  File operations over the slots of ring.c; pipe(2) and the size.  pipe->lock protects everything. */
#include "libos/pipe/internal.h"
#include "libos/kernel/sysctl.h"
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/magic.h>

#define MAX_SIZE READ_ONCE(max_size)

static i64 max_size = 1048576;

static const struct sysctl settings[] = {{"fs", "pipe-max-size", &max_size, PAGE_SIZE, 1ll << 31}};

static void pipe_settings(void)
{
	sysctl_register(settings, ARRAY_SIZE(settings));
}
INITCALL(INIT_CORE, pipe_settings);

int pipe_await_data(struct pipe *p, bool nowait)
{
	mutex_lock(&p->lock);
	while (!p->used || p->held) {
		bool eof = !p->used && !p->writers, wait = p->held || !nowait;

		mutex_unlock(&p->lock);
		if (eof)
			return 0;
		if (!wait)
			return -EAGAIN;
		if (WAIT_EVENT(&p->waitq, pipe_readable(p), BZ_NO_DEADLINE))
			return -ERESTARTSYS;
		mutex_lock(&p->lock);
	}
	return 1;
}

int pipe_await_room(struct pipe *p, bool nowait)
{
	mutex_lock(&p->lock);
	while (p->readers && pipe_full(p)) {
		mutex_unlock(&p->lock);
		if (nowait)
			return -EAGAIN;
		if (WAIT_EVENT(&p->waitq, !pipe_full(p) || !READ_ONCE(p->readers), BZ_NO_DEADLINE))
			return -ERESTARTSYS;
		mutex_lock(&p->lock);
	}
	if (p->readers)
		return 1;
	mutex_unlock(&p->lock);
	return signal_pipe_broken();
}

void pipe_wake_writers(struct pipe *p)
{
	waitq_wake(&p->waitq, 1, EPOLLOUT | EPOLLWRNORM);
}

void pipe_wake_readers(struct pipe *p)
{
	waitq_wake(&p->waitq, 1, EPOLLIN | EPOLLRDNORM);
}

static ssize_t pipe_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct pipe *p = f->priv;
	bool was_full;
	ssize_t n;

	if (!it->left)
		return 0;
	n = pipe_await_data(p, io_flags(f, it) & O_NONBLOCK);
	if (n <= 0)
		return n;
	was_full = pipe_full(p);
	n = pipe_get(p, it);
	was_full = was_full && !pipe_full(p);
	mutex_unlock(&p->lock);
	if (unlikely(was_full))
		pipe_wake_writers(p);
	return n;
}

/* As much as there is room for; pipe->lock held on entry and exit.  *tell: readers are to hear of it. */
static ssize_t put_some(struct pipe *p, struct iov_iter *it, bool packets, bool *tell)
{
	bool edge = !p->used || READ_ONCE(p->polled);
	ssize_t n = p->readers ? pipe_put(p, it, packets) : signal_pipe_broken();

	*tell |= n > 0 && edge;
	return n;
}

static void unlock_and_tell(struct pipe *p, bool tell)
{
	mutex_unlock(&p->lock);
	if (tell)
		waitq_wake_behind(&p->waitq, EPOLLIN | EPOLLRDNORM);
}

static ssize_t pipe_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct pipe *p = f->priv;
	u32 flags = io_flags(f, it);
	ssize_t done = 0, n;
	bool tell = false;

	if (!it->left)
		return 0;
	mutex_lock(&p->lock);
	for (;;) {
		n = put_some(p, it, flags & O_DIRECT, &tell);
		if (n > 0)
			done += n;
		if (n < 0 || !it->left)
			break;
		if (!pipe_full(p))
			continue;
		unlock_and_tell(p, tell);
		tell = false;
		n = flags & O_NONBLOCK ? -EAGAIN : 0;
		if (!n && WAIT_EVENT(&p->waitq, !pipe_full(p) || !READ_ONCE(p->readers), BZ_NO_DEADLINE))
			n = -ERESTARTSYS;
		if (n)
			return done ? done : n;
		mutex_lock(&p->lock);
	}
	unlock_and_tell(p, tell);
	return done ? done : n;
}

static u32 pipe_poll(struct file *f, struct poll_table *pt)
{
	struct pipe *p = f->priv;
	u32 mask = 0;

	poll_wait(pt, f, &p->waitq);
	WRITE_ONCE(p->polled, true);
	if (FMODE_CAN_READ(f)) {
		if (READ_ONCE(p->used))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (!READ_ONCE(p->writers) && f->version != READ_ONCE(p->writer_opens) + 1)
			mask |= EPOLLHUP;
	}
	if (FMODE_CAN_WRITE(f)) {
		if (!pipe_full(p))
			mask |= EPOLLOUT | EPOLLWRNORM;
		if (!READ_ONCE(p->readers))
			mask |= EPOLLERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->priv;
	int n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	n = pipe_bytes(p);
	mutex_unlock(&p->lock);
	return put_user(n, (int *)arg);
}

void pipe_opened(struct pipe *p, struct file *f)
{
	p->refs++;
	if (FMODE_CAN_READ(f)) {
		p->readers++;
		p->reader_opens++;
	}
	if (FMODE_CAN_WRITE(f)) {
		p->writers++;
		p->writer_opens++;
	}
}

void pipe_release(struct file *f)
{
	struct pipe *p = f->priv;
	struct inode *inode = f->inode;
	bool last;

	mutex_lock(&inode->lock);
	mutex_lock(&p->lock);
	if (FMODE_CAN_READ(f))
		p->readers--;
	if (FMODE_CAN_WRITE(f))
		p->writers--;
	last = --p->refs == 0;
	if (last && inode->fifo == p)
		inode->fifo = NULL;
	/* Woken under the lock: whoever closes next may free the pipe. */
	if (!last)
		waitq_wake_all(&p->waitq, ~0u);
	mutex_unlock(&p->lock);
	mutex_unlock(&inode->lock);
	if (last)
		pipe_destroy(p);
}

const struct file_ops pipe_fops = {
	.read = pipe_read, .write = pipe_write, .poll = pipe_poll, .ioctl = pipe_ioctl, .release = pipe_release};

bool file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_fops;
}

long pipe_get_size(struct file *f)
{
	return file_is_pipe(f) ? (long)((struct pipe *)f->priv)->count * PAGE_SIZE : -EBADF;
}

/* `want` is an unsigned int to Linux: what is above is cut off. */
long pipe_set_size(struct file *f, u64 arg)
{
	struct pipe *p = f->priv;
	u64 want = (u32)arg, size = PAGE_SIZE;
	int err;

	if (!file_is_pipe(f))
		return -EBADF;
	if (want > 1u << 31)
		return -EINVAL;
	while (size < want)
		size *= 2;
	mutex_lock(&p->lock);
	if (size > MAX_SIZE && size / PAGE_SIZE > p->count && !capable(CAP_SYS_RESOURCE))
		err = -EPERM;
	else
		err = p->held ? -EBUSY : pipe_resize(p, size / PAGE_SIZE);
	mutex_unlock(&p->lock);
	if (err)
		return err;
	pipe_wake_writers(p);
	return size;
}

/* --- pipe(2) --- */

static int pipefs_statfs(struct super *sb, struct kstatfs *st)
{
	st->type = PIPEFS_MAGIC;
	st->bsize = PAGE_SIZE;
	st->namelen = NAME_MAX;
	return 0;
}

static const struct super_ops pipe_super_ops = {.statfs = pipefs_statfs};
struct super pipe_super = {.ops = &pipe_super_ops, .fstype = "pipefs", .dev = 13};

static struct file *open_end(struct inode *inode, struct pipe *p, u32 flags)
{
	struct file *f = file_alloc(&pipe_fops, inode, flags, p);

	if (!f)
		return NULL;
	f->anon_name = "pipe:[";
	pipe_opened(p, f);
	return f;
}

static int make_ends(u32 flags, struct file *ends[2])
{
	struct pipe *p = pipe_create();
	struct inode *inode = p ? inode_alloc(&pipe_super, S_IFIFO | 0600) : NULL;

	if (!inode) {
		if (p)
			pipe_destroy(p);
		return -ENFILE;
	}
	flags &= O_NONBLOCK | O_DIRECT;
	ends[0] = open_end(inode, p, O_RDONLY | flags);
	ends[1] = ends[0] ? open_end(inode, p, O_WRONLY | flags) : NULL;
	inode->fifo = p;	/* for who opens it again by /proc/PID/fd */
	inode_put(inode);
	if (ends[1])
		return 0;
	if (ends[0])
		file_put(ends[0]);
	else
		pipe_destroy(p);
	return -ENFILE;
}

static long do_pipe(int *ufds, u32 flags)
{
	struct file *ends[2];
	int fds[2], err;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK | O_DIRECT | 0200 /* O_NOTIFICATION_PIPE: refused below */))
		return -EINVAL;
	if (flags & 0200)
		return -EINVAL;
	err = make_ends(flags, ends);
	if (err)
		return err;
	fds[0] = fd_alloc(ends[0], 0, flags & O_CLOEXEC);
	if (fds[0] < 0) {
		file_put(ends[0]);
		file_put(ends[1]);
		return fds[0];
	}
	fds[1] = fd_alloc(ends[1], 0, flags & O_CLOEXEC);
	if (fds[1] < 0) {
		fd_close(fds[0]);
		file_put(ends[1]);
		return fds[1];
	}
	if (copy_to_user(ufds, fds, sizeof(fds))) {
		fd_close(fds[0]);
		fd_close(fds[1]);
		return -EFAULT;
	}
	return 0;
}

SYSCALL(pipe, int *fds)
{
	return do_pipe(fds, 0);
}

SYSCALL(pipe2, int *fds, int flags)
{
	return do_pipe(fds, flags);
}
