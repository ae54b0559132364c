/*
 * Asynchronous I/O of old (io_submit(2) and its sisters, not POSIX's aio_read, which glibc makes of threads): each request is
 * done by io_submit itself, as Linux does for most files, and its result waits for io_getevents.  IOCB_CMD_POLL is absent.
 * Owns the contexts of each address space (mm->aio); aio_lock protects their list, a context's lock its results.
 */
#include "libos/kernel/syscall.h"
#include "libos/event/event.h"
#include "libos/mm/mm.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"
#include "libos/time/time.h"
#include "libos/vfs/vfs.h"
#include <linux/aio_abi.h>
#include <linux/mman.h>

#define EVENTS_MAX 65536u	/* /proc/sys/fs/aio-max-nr */

struct aio_context {
	struct aio_context *next;
	ref_t refs;
	u64 id;			/* the address of a page: libaio looks there for a ring, and finds none */
	struct mutex lock;
	struct waitq waitq;
	bool destroyed;
	u32 size, first, count;	/* results: a ring */
	struct io_event event[];
};

static struct mutex aio_lock = MUTEX_INIT(RANK_OBJECT);

static void context_put(struct aio_context *c)
{
	if (ref_put(&c->refs))
		kfree(c);
}

static struct aio_context *context_get(u64 id)
{
	struct aio_context *c;

	mutex_lock(&aio_lock);
	for (c = current->process->mm->aio; c && c->id != id; c = c->next)
		;
	if (c)
		ref_get(&c->refs);
	mutex_unlock(&aio_lock);
	return c;
}

/* The address space goes, or is used anew. */
static void aio_forget(struct mm *mm)
{
	struct aio_context *c, *next;

	mutex_lock(&aio_lock);
	c = mm->aio;
	mm->aio = NULL;
	mutex_unlock(&aio_lock);
	for (; c; c = next) {
		next = c->next;
		context_put(c);
	}
}

static void aio_init(void)
{
	mm_aio_forget = aio_forget;
}
INITCALL(INIT_CORE, aio_init);

SYSCALL(io_setup, unsigned int events, u64 *uid)
{
	struct aio_context *c;
	u64 id;
	long at;

	if (get_user(id, uid))
		return -EFAULT;
	if (id || !events)
		return -EINVAL;
	if (events > 0x10000000 / sizeof(struct io_event))
		return -EINVAL;
	if (events > EVENTS_MAX)
		return -EAGAIN;
	c = kzalloc(sizeof(*c) + events * sizeof(c->event[0]));
	if (!c)
		return -ENOMEM;
	at = mm_map_named(0, PAGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, "/[aio] (deleted)");
	if (at < 0) {
		kfree(c);
		return at;
	}
	c->refs = 1;
	c->id = at;
	c->size = events;
	mutex_init(&c->lock, RANK_OBJECT);
	waitq_init(&c->waitq);
	if (put_user(c->id, uid)) {
		mm_unmap(at, PAGE_SIZE);
		kfree(c);
		return -EFAULT;
	}
	mutex_lock(&aio_lock);
	c->next = current->process->mm->aio;
	current->process->mm->aio = c;
	mutex_unlock(&aio_lock);
	return 0;
}

SYSCALL(io_destroy, u64 id)
{
	struct aio_context **at, *c;

	mutex_lock(&aio_lock);
	for (at = &current->process->mm->aio; *at && (*at)->id != id; at = &(*at)->next)
		;
	c = *at;
	if (c)
		*at = c->next;
	mutex_unlock(&aio_lock);
	if (!c)
		return -EINVAL;
	mm_unmap(c->id, PAGE_SIZE);
	WRITE_ONCE(c->destroyed, true);
	waitq_wake_all(&c->waitq, ~0u);
	context_put(c);
	return 0;
}

/* --- requests --- */

static ssize_t transfer(struct file *f, const struct iocb *cb)
{
	bool write = cb->aio_lio_opcode == IOCB_CMD_PWRITE || cb->aio_lio_opcode == IOCB_CMD_PWRITEV;
	bool vector = cb->aio_lio_opcode == IOCB_CMD_PREADV || cb->aio_lio_opcode == IOCB_CMD_PWRITEV;
	struct bz_iov one = {(void *)cb->aio_buf, cb->aio_nbytes}, fast[IOV_FAST], *iov = fast;
	i64 pos = cb->aio_offset;
	struct iov_iter it;
	ssize_t ret;

	if (vector) {
		ret = iov_load((const struct iovec *)cb->aio_buf, cb->aio_nbytes, fast, &iov);
		if (ret < 0)
			goto out;
		iov_iter_init(&it, iov, cb->aio_nbytes, false);
	} else {
		if (!access_ok((void *)cb->aio_buf, cb->aio_nbytes))
			return -EFAULT;
		iov_iter_init(&it, &one, 1, false);
	}
	it.flags |= cb->aio_rw_flags & RWF_NOWAIT ? O_NONBLOCK : 0;
	it.flags |= write && (cb->aio_rw_flags & RWF_APPEND) ? O_APPEND : 0;
	ret = vfs_rw(f, &it, &pos, write);
	if (ret > 0 && write && (cb->aio_rw_flags & (RWF_DSYNC | RWF_SYNC)) && f->ops->fsync)
		f->ops->fsync(f, !(cb->aio_rw_flags & RWF_SYNC));
out:
	if (vector && iov != fast)
		kfree(iov);
	return ret;
}

static ssize_t perform(struct file *f, const struct iocb *cb)
{
	if (cb->aio_lio_opcode != IOCB_CMD_FSYNC && cb->aio_lio_opcode != IOCB_CMD_FDSYNC)
		return transfer(f, cb);
	return f->ops->fsync ? f->ops->fsync(f, cb->aio_lio_opcode == IOCB_CMD_FDSYNC) : 0;
}

/* What io_submit itself refuses; the rest is the result's. */
static int check(const struct iocb *cb, const struct file *f)
{
	bool reads = cb->aio_lio_opcode == IOCB_CMD_PREAD || cb->aio_lio_opcode == IOCB_CMD_PREADV;
	bool writes = cb->aio_lio_opcode == IOCB_CMD_PWRITE || cb->aio_lio_opcode == IOCB_CMD_PWRITEV;

	if (cb->aio_reserved2 || (ssize_t)cb->aio_nbytes < 0)
		return -EINVAL;
	if (cb->aio_lio_opcode == IOCB_CMD_FSYNC || cb->aio_lio_opcode == IOCB_CMD_FDSYNC)
		return cb->aio_buf || cb->aio_offset || cb->aio_nbytes || cb->aio_rw_flags || !f->inode ? -EINVAL : 0;
	if (!reads && !writes)
		return -EINVAL;
	if (reads ? !FMODE_CAN_READ(f) : !FMODE_CAN_WRITE(f))
		return -EBADF;
	if (reads ? !f->ops->read : !f->ops->write)
		return -EINVAL;
	if (cb->aio_rw_flags & ~(u32)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_NOWAIT | RWF_APPEND))
		return -EOPNOTSUPP;
	return cb->aio_offset < 0 ? -EINVAL : 0;
}

static void complete(struct aio_context *c, const struct iocb *cb, u64 ucb, ssize_t result)
{
	mutex_lock(&c->lock);
	c->event[(c->first + c->count) % c->size] = (struct io_event){.data = cb->aio_data, .obj = ucb, .res = result};
	c->count++;
	mutex_unlock(&c->lock);
	waitq_wake_all(&c->waitq, EPOLLIN);
}

static int submit_one(struct aio_context *c, struct iocb *ucb)
{
	struct file *f, *notify = NULL;
	struct iocb cb;
	int err;

	if (copy_from_user(&cb, ucb, sizeof(cb)))
		return -EFAULT;
	if (READ_ONCE(c->count) >= c->size)
		return -EAGAIN;
	f = fd_get(cb.aio_fildes);
	if (!f)
		return -EBADF;
	err = check(&cb, f);
	if (!err && (cb.aio_flags & IOCB_FLAG_RESFD)) {
		notify = fd_get(cb.aio_resfd);
		err = !notify ? -EBADF : eventfd_is(notify) ? 0 : -EINVAL;
	}
	if (!err && put_user((u32)0, &ucb->aio_key))
		err = -EFAULT;
	if (!err) {
		complete(c, &cb, (u64)ucb, perform(f, &cb));
		if (notify)
			eventfd_signal(notify);
	}
	file_put(notify);
	file_put(f);
	return err;
}

SYSCALL(io_submit, u64 id, long n, struct iocb **list)
{
	struct aio_context *c;
	struct iocb *cb;
	long i;
	int err = 0;

	if (n < 0)
		return -EINVAL;
	c = context_get(id);
	if (!c)
		return -EINVAL;
	for (i = 0; i < n && !err; i += !err)
		err = get_user(cb, list + i) ? -EFAULT : submit_one(c, cb);
	context_put(c);
	return i ? i : err;
}

/* By the time that anybody asks, a request has been done. */
SYSCALL(io_cancel, u64 id, struct iocb *ucb, struct io_event *result)
{
	struct aio_context *c;
	u32 key;

	if (get_user(key, &ucb->aio_key))
		return -EFAULT;
	c = key ? NULL : context_get(id);
	if (c)
		context_put(c);
	return -EINVAL;
}

/* --- results --- */

static bool take(struct aio_context *c, struct io_event *e)
{
	bool any;

	mutex_lock(&c->lock);
	any = c->count;
	if (any) {
		*e = c->event[c->first];
		c->first = (c->first + 1) % c->size;
		c->count--;
	}
	mutex_unlock(&c->lock);
	return any;
}

static long get_events(struct aio_context *c, long least, long most, struct io_event *uevents, i64 deadline)
{
	struct io_event e;
	long n = 0;
	int err;

	for (;;) {
		for (; n < most && take(c, &e); n++)
			if (copy_to_user(uevents + n, &e, sizeof(e)))
				return n ? n : -EFAULT;
		if (n >= least || c->destroyed)
			return n || !c->destroyed ? n : -EINVAL;
		err = WAIT_EVENT(&c->waitq, READ_ONCE(c->count) || READ_ONCE(c->destroyed), deadline);
		if (err)
			return n ? n : err == -EINTR ? -EINTR : 0;
	}
}

static long io_events(u64 id, long least, long most, struct io_event *events, const struct __kernel_timespec *utimeout)
{
	i64 deadline = BZ_NO_DEADLINE, timeout;
	struct aio_context *c;
	long ret;

	if (utimeout) {
		ret = timespec_load(utimeout, &timeout);
		if (ret)
			return ret;
		deadline = deadline_after(timeout);
	}
	c = context_get(id);
	if (!c)
		return -EINVAL;
	ret = least >= 0 && least <= most ? get_events(c, least, most, events, deadline) : -EINVAL;
	context_put(c);
	return ret;
}

SYSCALL(io_getevents, u64 id, long least, long most, struct io_event *events, const struct __kernel_timespec *timeout)
{
	return io_events(id, least, most, events, timeout);
}

struct aio_sigset {
	const sigset_kernel *mask;
	u64 size;
};

SYSCALL(io_pgetevents, u64 id, long least, long most, struct io_event *events, const struct __kernel_timespec *timeout,
	const struct aio_sigset *uset)
{
	struct aio_sigset set = {0};
	long ret;

	if (uset && copy_from_user(&set, uset, sizeof(set)))
		return -EFAULT;
	ret = signal_temp_mask(set.mask, set.size);
	if (ret)
		return ret;
	ret = io_events(id, least, most, events, timeout);
	signal_temp_mask_done(ret == -EINTR);
	return ret;
}
