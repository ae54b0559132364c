/* eventfd(2): a counter that can be waited for.  The count is changed atomically, without a lock. */
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/event/event.h"

#ifndef EFD_SEMAPHORE
#define EFD_SEMAPHORE 1
#define EFD_CLOEXEC O_CLOEXEC
#define EFD_NONBLOCK O_NONBLOCK
#endif

struct eventfd {
	struct waitq waitq;
	u64 count;
	bool semaphore;
	i32 id;
};

static i32 next_id;

static bool take(struct eventfd *e, u64 *value)
{
	u64 count = READ_ONCE(e->count);

	do {
		if (!count)
			return false;
		*value = e->semaphore ? 1 : count;
	} while (!__atomic_compare_exchange_n(&e->count, &count, count - *value, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return true;
}

static bool add(struct eventfd *e, u64 value)
{
	u64 count = READ_ONCE(e->count);

	do {
		if (~0ull - count <= value)
			return false;
	} while (!__atomic_compare_exchange_n(&e->count, &count, count + value, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return true;
}

static ssize_t eventfd_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct eventfd *e = f->priv;
	u64 value;

	if (it->left < sizeof(value))
		return -EINVAL;
	while (!take(e, &value)) {
		if (io_flags(f, it) & O_NONBLOCK)
			return -EAGAIN;
		if (WAIT_EVENT(&e->waitq, READ_ONCE(e->count), BZ_NO_DEADLINE))
			return -ERESTARTSYS;
	}
	waitq_wake_behind(&e->waitq, EPOLLOUT);
	return iov_copy_to(it, &value, sizeof(value)) == sizeof(value) ? (ssize_t)sizeof(value) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct eventfd *e = f->priv;
	u64 value;

	if (it->left < sizeof(value))
		return -EINVAL;
	if (iov_copy_from(it, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == ~0ull)
		return -EINVAL;
	while (!add(e, value)) {
		if (io_flags(f, it) & O_NONBLOCK)
			return -EAGAIN;
		if (WAIT_EVENT(&e->waitq, ~0ull - READ_ONCE(e->count) > value, BZ_NO_DEADLINE))
			return -ERESTARTSYS;
	}
	waitq_wake_behind(&e->waitq, EPOLLIN);
	return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct poll_table *pt)
{
	struct eventfd *e = f->priv;
	u64 count;

	poll_wait(pt, f, &e->waitq);
	count = READ_ONCE(e->count);
	return (count ? EPOLLIN : 0) | (count == ~0ull ? EPOLLERR : 0) | (count < ~0ull - 1 ? EPOLLOUT : 0);
}

static void eventfd_release(struct file *f)
{
	kfree(f->priv);
}

static void eventfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct eventfd *e = f->priv;

	snprintf(buf, size, "eventfd-count: %16lx\neventfd-id: %d\neventfd-semaphore: %d\n", (unsigned long)e->count, e->id,
		 e->semaphore);
}

static const struct file_ops eventfd_fops = {
	.read = eventfd_read, .write = eventfd_write, .poll = eventfd_poll, .release = eventfd_release,
	.show_fdinfo = eventfd_fdinfo};

bool eventfd_is(const struct file *f)
{
	return f->ops == &eventfd_fops;
}

void eventfd_signal(struct file *f)
{
	struct eventfd *e = f->priv;

	u64 count = READ_ONCE(e->count);

	while (~count && !__atomic_compare_exchange_n(&e->count, &count, count + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		;
	waitq_wake_behind(&e->waitq, EPOLLIN);
}

static long eventfd_create(unsigned int count, int flags)
{
	struct eventfd *e;
	struct file *f;

	if (flags & ~(EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK))
		return -EINVAL;
	e = kzalloc(sizeof(*e));
	f = e ? file_alloc_anon(&eventfd_fops, "anon_inode:[eventfd]", O_RDWR | (flags & O_NONBLOCK), e) : NULL;
	if (!f) {
		kfree(e);
		return -ENOMEM;
	}
	waitq_init(&e->waitq);
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	e->id = __atomic_fetch_add(&next_id, 1, __ATOMIC_RELAXED);
	return fd_publish(f, flags & O_CLOEXEC);
}

SYSCALL(eventfd, unsigned int count)
{
	return eventfd_create(count, 0);
}

SYSCALL(eventfd2, unsigned int count, int flags)
{
	return eventfd_create(count, flags);
}
