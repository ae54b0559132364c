/*
 * timerfd_create(2): a timer that is read.  Expirations are counted when somebody looks, from the clock; the kernel timer
 * only wakes those who wait.  The object's lock protects its fields.
 */
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/time/time.h"
#include "libos/vfs/vfs.h"
#include <linux/timerfd.h>

struct timerfd {
	struct mutex lock;
	struct waitq waitq;
	struct ktimer ktimer;
	i32 clock;
	i64 expires, interval;	/* monotonic; expires 0: not armed */
	u64 ticks;
	u32 settime_flags;
};

/* Count what has expired by now.  Lock held. */
static void advance(struct timerfd *t)
{
	i64 now = now_mono();

	if (!t->expires || now < t->expires)
		return;
	t->ticks++;
	if (t->interval) {
		u64 more = (now - t->expires) / t->interval;

		t->ticks += more;
		t->expires += (more + 1) * t->interval;
	} else {
		t->expires = 0;
	}
}

static u64 look(struct timerfd *t, bool consume)
{
	u64 ticks;

	mutex_lock(&t->lock);
	advance(t);
	ticks = t->ticks;
	if (consume)
		t->ticks = 0;
	mutex_unlock(&t->lock);
	return ticks;
}

static void fired(struct ktimer *k)
{
	struct timerfd *t = container_of(k, struct timerfd, ktimer);
	i64 next;

	mutex_lock(&t->lock);
	advance(t);
	next = t->expires;
	mutex_unlock(&t->lock);
	if (next)
		ktimer_set(k, next);
	waitq_wake(&t->waitq, 1, EPOLLIN);
}

static ssize_t timerfd_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct timerfd *t = f->priv;
	u64 ticks;

	if (it->left < sizeof(ticks))
		return -EINVAL;
	while (!(ticks = look(t, true))) {
		if (io_flags(f, it) & O_NONBLOCK)
			return -EAGAIN;
		if (WAIT_EVENT(&t->waitq, look(t, false), BZ_NO_DEADLINE))
			return -ERESTARTSYS;
	}
	return iov_copy_to(it, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks) : -EFAULT;
}

static u32 timerfd_poll(struct file *f, struct poll_table *pt)
{
	struct timerfd *t = f->priv;

	poll_wait(pt, f, &t->waitq);
	return look(t, false) ? EPOLLIN : 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->priv;

	ktimer_cancel(&t->ktimer);
	kfree(t);
}

static void timerfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct timerfd *t = f->priv;
	i64 left = t->expires ? max(t->expires - now_mono(), 0ll) : 0;

	snprintf(buf, size, "clockid: %d\nticks: %lu\nsettime flags: 0%o\nit_value: (%ld, %ld)\nit_interval: (%ld, %ld)\n",
		 t->clock, (unsigned long)t->ticks, t->settime_flags, (long)(left / NSEC_PER_SEC),
		 (long)(left % NSEC_PER_SEC), (long)(t->interval / NSEC_PER_SEC), (long)(t->interval % NSEC_PER_SEC));
}

static const struct file_ops timerfd_fops = {
	.read = timerfd_read, .poll = timerfd_poll, .release = timerfd_release, .show_fdinfo = timerfd_fdinfo};

SYSCALL(timerfd_create, int clock, int flags)
{
	struct timerfd *t;
	struct file *f;

	if ((flags & ~(TFD_CLOEXEC | TFD_NONBLOCK)) || !clock_can_sleep(clock) || clock == CLOCK_TAI)
		return -EINVAL;
	t = kzalloc(sizeof(*t));
	f = t ? file_alloc_anon(&timerfd_fops, "anon_inode:[timerfd]", O_RDONLY | (flags & TFD_NONBLOCK), t) : NULL;
	if (!f) {
		kfree(t);
		return -ENOMEM;
	}
	mutex_init(&t->lock, RANK_OBJECT);
	waitq_init(&t->waitq);
	t->ktimer.fn = fired;
	t->clock = clock;
	return fd_publish(f, flags & TFD_CLOEXEC);
}

static struct file *timerfd_file(int fd, int *err)
{
	struct file *f = fd_get(fd);

	*err = f ? 0 : -EBADF;
	if (f && f->ops != &timerfd_fops) {
		file_put(f);
		*err = -EINVAL;
		return NULL;
	}
	return f;
}

static void read_spec(struct timerfd *t, struct __kernel_itimerspec *v)
{
	i64 left;

	advance(t);
	left = t->expires ? max(t->expires - now_mono(), 1ll) : 0;
	v->it_value = (struct __kernel_timespec){left / NSEC_PER_SEC, left % NSEC_PER_SEC};
	v->it_interval = (struct __kernel_timespec){t->interval / NSEC_PER_SEC, t->interval % NSEC_PER_SEC};
}

SYSCALL(timerfd_settime, int fd, int flags, const struct __kernel_itimerspec *unew, struct __kernel_itimerspec *uold)
{
	struct __kernel_itimerspec old;
	i64 value, interval;
	struct timerfd *t;
	struct file *f;
	int err;

	if (flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET))
		return -EINVAL;
	err = timespec_load(&unew->it_interval, &interval);
	if (!err)
		err = timespec_load(&unew->it_value, &value);
	if (err)
		return err;
	f = timerfd_file(fd, &err);
	if (!f)
		return err;
	t = f->priv;
	ktimer_cancel(&t->ktimer);
	mutex_lock(&t->lock);
	read_spec(t, &old);
	t->interval = interval;
	t->ticks = 0;
	t->settime_flags = flags;
	t->expires = !value ? 0 : flags & TFD_TIMER_ABSTIME ? clock_to_mono(t->clock, value) : deadline_after(value);
	if (value && t->expires <= 0)
		t->expires = 1;
	if (t->expires)
		ktimer_set(&t->ktimer, t->expires);
	mutex_unlock(&t->lock);
	file_put(f);
	return uold ? copy_to_user(uold, &old, sizeof(old)) : 0;
}

SYSCALL(timerfd_gettime, int fd, struct __kernel_itimerspec *uv)
{
	struct __kernel_itimerspec v;
	struct timerfd *t;
	struct file *f;
	int err;

	f = timerfd_file(fd, &err);
	if (!f)
		return err;
	t = f->priv;
	mutex_lock(&t->lock);
	read_spec(t, &v);
	mutex_unlock(&t->lock);
	file_put(f);
	return copy_to_user(uv, &v, sizeof(v));
}
