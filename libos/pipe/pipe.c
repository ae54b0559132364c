/*
 * Pipes: pipe(7).  A ring of bytes in the arena; in packet mode (O_DIRECT) each write is a record with its length in
 * front.  pipe->lock protects everything; writes up to PIPE_BUF are atomic.
 */
#include "libos/pipe/pipe.h"
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include <asm/ioctls.h>
#include <linux/capability.h>
#include <linux/limits.h>
#include <linux/magic.h>

#define DEFAULT_SIZE 65536u
#define MAX_SIZE 1048576u
#define PACKET_HEAD 4u

struct pipe {
	struct mutex lock;
	struct waitq waitq;
	char *ring;
	u32 size, head, used;	/* size a power of two; head: next byte to read */
	u32 readers, writers;
	u32 reader_opens, writer_opens; /* ever: fifo.c waits for them to change */
	u32 refs;		/* open files */
	bool packets;
	bool polled;		/* somebody waits for edges: each write is one, not only the first */
};

static const struct file_ops pipe_fops;
static struct super pipe_super;
static const struct super_ops pipe_super_ops;

static unsigned int order_of(u32 size)
{
	unsigned int order = 0;

	while ((PAGE_SIZE << order) < size)
		order++;
	return order;
}

static struct pipe *pipe_create(void)
{
	struct pipe *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->size = DEFAULT_SIZE;
	p->ring = pages_alloc(order_of(p->size));
	if (!p->ring) {
		kfree(p);
		return NULL;
	}
	mutex_init(&p->lock, RANK_OBJECT);
	waitq_init(&p->waitq);
	return p;
}

static void pipe_destroy(struct pipe *p)
{
	pages_free(p->ring, order_of(p->size));
	kfree(p);
}

static u32 space(const struct pipe *p)
{
	return p->size - p->used;
}

/* Bytes to the ring's end from `at`. */
static u32 run_length(const struct pipe *p, u32 at, u32 n)
{
	return min(n, p->size - at);
}

static size_t ring_read(struct pipe *p, struct iov_iter *it, u32 n)
{
	size_t done = 0;

	while (n) {
		u32 run = run_length(p, p->head, n);
		size_t got = iov_copy_to(it, p->ring + p->head, run);

		p->head = (p->head + got) & (p->size - 1);
		p->used -= got;
		done += got;
		n -= got;
		if (got < run)
			break;
	}
	/* An empty ring starts over, so that a ping-pong of small writes stays in one page. */
	if (!p->used)
		p->head = 0;
	return done;
}

static size_t ring_write(struct pipe *p, struct iov_iter *it, u32 n)
{
	size_t done = 0;

	while (n) {
		u32 tail = (p->head + p->used) & (p->size - 1), run = run_length(p, tail, n);
		size_t got = iov_copy_from(it, p->ring + tail, run);

		p->used += got;
		done += got;
		n -= got;
		if (got < run)
			break;
	}
	return done;
}

static void ring_raw(struct pipe *p, void *buf, u32 n, bool write)
{
	struct bz_iov iov = {buf, n};
	struct iov_iter it;

	iov_iter_init(&it, &iov, 1, true);
	if (write)
		ring_write(p, &it, n);
	else
		ring_read(p, &it, n);
}

static void drop_bytes(struct pipe *p, u32 n)
{
	p->head = (p->head + n) & (p->size - 1);
	p->used -= n;
}

static ssize_t read_packet(struct pipe *p, struct iov_iter *it)
{
	u32 len, want;
	size_t n;

	ring_raw(p, &len, PACKET_HEAD, false);
	want = min((u64)it->left, (u64)len);
	n = ring_read(p, it, want);
	drop_bytes(p, len - n);
	return n < want ? -EFAULT : (ssize_t)n;
}

static ssize_t pipe_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct pipe *p = f->priv;
	bool was_full;
	ssize_t n;

	if (!it->left)
		return 0;
	mutex_lock(&p->lock);
	while (!p->used) {
		bool eof = !p->writers;

		mutex_unlock(&p->lock);
		if (eof)
			return 0;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		if (WAIT_EVENT(&p->waitq, READ_ONCE(p->used) || !READ_ONCE(p->writers), BZ_NO_DEADLINE))
			return -ERESTARTSYS;
		mutex_lock(&p->lock);
	}
	was_full = space(p) < PIPE_BUF;
	if (p->packets) {
		n = read_packet(p, it);
	} else {
		u32 want = min((u64)it->left, (u64)p->used);

		n = ring_read(p, it, want);
		if (!n && want)
			n = -EFAULT;
	}
	was_full = was_full && space(p) >= PIPE_BUF;
	mutex_unlock(&p->lock);
	if (was_full)
		waitq_wake_all(&p->waitq, EPOLLOUT | EPOLLWRNORM);
	return n;
}

static ssize_t write_packet(struct pipe *p, struct iov_iter *it)
{
	u32 len = min(it->left, (size_t)PIPE_BUF);

	ring_raw(p, &len, PACKET_HEAD, true);
	return ring_write(p, it, len);
}

/* Room that this write must find before it puts anything: all of it if it is to be atomic. */
static u32 room_needed(const struct pipe *p, size_t left)
{
	if (p->packets)
		return PACKET_HEAD + min(left, (size_t)PIPE_BUF);
	return left <= PIPE_BUF ? left : 1;
}

static int broken(void)
{
	struct siginfo_kernel info = {.si_signo = SIGPIPE, .si_code = SI_USER};

	info.kill.pid = current->process->pid;
	info.kill.uid = current->process->cred.uid;
	signal_send_thread(current, SIGPIPE, &info);
	return -EPIPE;
}

static ssize_t pipe_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct pipe *p = f->priv;
	bool was_empty;
	ssize_t done = 0;
	int err = 0;

	if (!it->left)
		return 0;
	mutex_lock(&p->lock);
	for (;;) {
		u32 need = room_needed(p, it->left);
		size_t want;
		ssize_t n;

		if (!p->readers) {
			err = broken();
			break;
		}
		if (space(p) < need) {
			mutex_unlock(&p->lock);
			if (f->flags & O_NONBLOCK)
				return done ? done : -EAGAIN;
			if (WAIT_EVENT(&p->waitq, space(p) >= need || !READ_ONCE(p->readers), BZ_NO_DEADLINE))
				return done ? done : -ERESTARTSYS;
			mutex_lock(&p->lock);
			continue;
		}
		was_empty = !p->used;
		want = min((u64)it->left, (u64)space(p));
		if (p->packets)
			want = min(it->left, (size_t)PIPE_BUF);
		n = p->packets ? write_packet(p, it) : (ssize_t)ring_write(p, it, want);
		done += n;
		if ((was_empty || READ_ONCE(p->polled)) && n)
			waitq_wake_all(&p->waitq, EPOLLIN | EPOLLRDNORM);
		if ((size_t)n < want) {
			err = -EFAULT;
			break;
		}
		if (!it->left)
			break;
	}
	mutex_unlock(&p->lock);
	return done ? done : err;
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
		if (!READ_ONCE(p->writers) && p->writer_opens)
			mask |= EPOLLHUP;
	}
	if (FMODE_CAN_WRITE(f)) {
		if (space(p) >= PIPE_BUF)
			mask |= EPOLLOUT | EPOLLWRNORM;
		if (!READ_ONCE(p->readers))
			mask |= EPOLLERR;
	}
	return mask;
}

static long pipe_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pipe *p = f->priv;

	if (cmd != FIONREAD)
		return -ENOTTY;
	return put_user((int)READ_ONCE(p->used), (int *)arg);
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->priv;
	bool last;

	mutex_lock(&p->lock);
	if (FMODE_CAN_READ(f))
		p->readers--;
	if (FMODE_CAN_WRITE(f))
		p->writers--;
	last = --p->refs == 0;
	if (last && f->inode && f->inode->fifo == p)
		f->inode->fifo = NULL;
	mutex_unlock(&p->lock);
	if (last)
		pipe_destroy(p);
	else
		waitq_wake_all(&p->waitq, ~0u);
}

static const struct file_ops pipe_fops = {
	.read = pipe_read, .write = pipe_write, .poll = pipe_poll, .ioctl = pipe_ioctl, .release = pipe_release};

/*
 * tee(2): copy up to n bytes without taking them.  The bytes go through a buffer of the heap, so that only one pipe is
 * locked at a time; what another reader takes meanwhile was there when it was copied.
 */
ssize_t pipe_tee(struct file *in, struct file *out, size_t n, bool nowait)
{
	struct pipe *p = in->priv;
	struct bz_iov iov;
	struct iov_iter it;
	i64 pos = 0;
	char *buf;
	ssize_t ret;

	while (!READ_ONCE(p->used)) {
		if (!READ_ONCE(p->writers))
			return 0;
		if (nowait || (in->flags & O_NONBLOCK))
			return -EAGAIN;
		if (WAIT_EVENT(&p->waitq, READ_ONCE(p->used) || !READ_ONCE(p->writers), BZ_NO_DEADLINE))
			return -ERESTARTSYS;
	}
	buf = kmalloc(DEFAULT_SIZE);
	if (!buf)
		return -ENOMEM;
	mutex_lock(&p->lock);
	n = min(n, (size_t)p->used);
	n = min(n, (size_t)DEFAULT_SIZE);
	for (size_t i = 0; i < n; i++)
		buf[i] = p->ring[(p->head + i) & (p->size - 1)];
	mutex_unlock(&p->lock);
	iov = (struct bz_iov){buf, n};
	iov_iter_init(&it, &iov, 1, true);
	ret = n ? pipe_write(out, &it, &pos) : 0;
	kfree(buf);
	return ret;
}

bool file_is_pipe(const struct file *f)
{
	return f->ops == &pipe_fops;
}

long pipe_get_size(struct file *f)
{
	return file_is_pipe(f) ? (long)((struct pipe *)f->priv)->size : -EBADF;
}

long pipe_set_size(struct file *f, u64 want)
{
	struct pipe *p = f->priv;
	u32 size = PAGE_SIZE, used;
	char *ring, *old;
	unsigned int old_order;

	if (!file_is_pipe(f))
		return -EBADF;
	if (want > 1u << 31)
		return -EINVAL;
	while (size < want)
		size *= 2;
	if (size > MAX_SIZE && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	ring = pages_alloc(order_of(size));
	if (!ring)
		return -ENOMEM;
	mutex_lock(&p->lock);
	used = p->used;
	if (used > size) {
		mutex_unlock(&p->lock);
		pages_free(ring, order_of(size));
		return -EBUSY;
	}
	ring_raw(p, ring, used, false);
	old = p->ring;
	old_order = order_of(p->size);
	p->ring = ring;
	p->size = size;
	p->head = 0;
	p->used = used;
	mutex_unlock(&p->lock);
	pages_free(old, old_order);
	waitq_wake_all(&p->waitq, EPOLLOUT);
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
static struct super pipe_super = {.ops = &pipe_super_ops, .fstype = "pipefs", .dev = 13};

static struct file *open_end(struct inode *inode, struct pipe *p, u32 flags)
{
	struct file *f = file_alloc(&pipe_fops, inode, flags, p);

	if (!f)
		return NULL;
	f->anon_name = "pipe:[";
	p->refs++;
	if (FMODE_CAN_READ(f)) {
		p->readers++;
		p->reader_opens++;
	}
	if (FMODE_CAN_WRITE(f)) {
		p->writers++;
		p->writer_opens++;
	}
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
	p->packets = flags & O_DIRECT;
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

/* --- fifo(7) --- */

/* The ends of one FIFO meet in inode->fifo; inode->lock protects that pointer against the last close. */
static struct pipe *fifo_pipe(struct inode *inode)
{
	if (!inode->fifo)
		inode->fifo = pipe_create();
	return inode->fifo;
}

static void fifo_undo(struct file *f)
{
	pipe_release(f);
	f->priv = NULL;
}

int fifo_open(struct inode *inode, struct file *f)
{
	bool rd = FMODE_CAN_READ(f), wr = FMODE_CAN_WRITE(f);
	struct pipe *p;
	u32 seen;
	int err = 0;

	mutex_lock(&inode->lock);
	p = fifo_pipe(inode);
	if (!p) {
		mutex_unlock(&inode->lock);
		return -ENOMEM;
	}
	mutex_lock(&p->lock);
	if (wr && !rd && (f->flags & O_NONBLOCK) && !p->readers && inode->sb != &pipe_super) {
		bool unused = p->refs == 0;

		mutex_unlock(&p->lock);
		if (unused) {
			inode->fifo = NULL;
			pipe_destroy(p);
		}
		mutex_unlock(&inode->lock);
		return -ENXIO;
	}
	f->ops = &pipe_fops;
	f->priv = p;
	p->refs++;
	p->readers += rd;
	p->reader_opens += rd;
	p->writers += wr;
	p->writer_opens += wr;
	seen = rd ? p->writer_opens : p->reader_opens;
	mutex_unlock(&p->lock);
	mutex_unlock(&inode->lock);
	waitq_wake_all(&p->waitq, ~0u);
	/* A pipe(2) that is opened again by /proc/PID/fd waits for nobody. */
	if ((rd && wr) || inode->sb == &pipe_super)
		return 0;
	if (rd && !(f->flags & O_NONBLOCK) && !READ_ONCE(p->writers))
		err = WAIT_EVENT(&p->waitq, READ_ONCE(p->writers) || READ_ONCE(p->writer_opens) != seen, BZ_NO_DEADLINE);
	else if (wr && !READ_ONCE(p->readers))
		err = WAIT_EVENT(&p->waitq, READ_ONCE(p->readers) || READ_ONCE(p->reader_opens) != seen, BZ_NO_DEADLINE);
	if (err) {
		fifo_undo(f);
		return -ERESTARTSYS;
	}
	return 0;
}
