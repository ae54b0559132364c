/*
 * futex_waitv(2): sleep on several words.  The host sleeps on one word only, so such a thread sleeps on its own wake
 * word and is found by FUTEX_WAKE through a list here, which is looked at only while somebody is on it.
 */
#include "libos/futex/internal.h"
#include "libos/mm/mm.h"

struct waitv_entry {
	struct list node;
	struct thread *thread;
	struct mm *mm;
	u32 *uaddr;
	u32 woken;
};

u32 waitv_sleepers;
static struct list entries = LIST_INIT(entries);
static struct mutex waitv_lock = MUTEX_INIT(RANK_WAITQ);

/* Words are told apart by address within a process; a word that two processes map is met in its own process only. */
u32 waitv_wake(u32 *uaddr, u32 n, u32 flags)
{
	struct mm *mm = current->process->mm;
	struct waitv_entry *e;
	u32 woken = 0;

	mutex_lock(&waitv_lock);
	list_for_each(e, &entries, node) {
		if (woken == n)
			break;
		if (e->uaddr != uaddr || e->mm != mm || e->woken)
			continue;
		e->woken = 1;
		woken++;
		thread_wake(e->thread);
	}
	mutex_unlock(&waitv_lock);
	return woken;
}

/* The first that was woken, or whose word no longer has its value (-EAGAIN), or -1: sleep. */
static int check_all(const struct waitv_entry *e, const struct futex_waitv *w, u32 n, bool values)
{
	u32 val;

	for (u32 i = 0; i < n; i++)
		if (READ_ONCE(e[i].woken))
			return i;
	for (u32 i = 0; values && i < n; i++) {
		if (copy_from_user(&val, (void *)w[i].uaddr, 4))
			return -EFAULT;
		if (val != (u32)w[i].val)
			return -EAGAIN;
	}
	return -1;
}

static void enlist(struct waitv_entry *e, const struct futex_waitv *w, u32 n)
{
	mutex_lock(&waitv_lock);
	for (u32 i = 0; i < n; i++) {
		e[i].thread = current;
		e[i].mm = current->process->mm;
		e[i].uaddr = (u32 *)w[i].uaddr;
		list_add_tail(&e[i].node, &entries);
	}
	mutex_unlock(&waitv_lock);
	__atomic_fetch_add(&waitv_sleepers, 1, __ATOMIC_SEQ_CST);
}

static void delist(struct waitv_entry *e, u32 n)
{
	__atomic_fetch_sub(&waitv_sleepers, 1, __ATOMIC_SEQ_CST);
	mutex_lock(&waitv_lock);
	for (u32 i = 0; i < n; i++)
		list_del(&e[i].node);
	mutex_unlock(&waitv_lock);
}

static long wait_multiple(struct futex_waitv *w, u32 n, i64 deadline)
{
	struct waitv_entry *e = kzalloc(n * sizeof(*e));
	bool first = true;
	long ret;

	if (!e)
		return -ENOMEM;
	enlist(e, w, n);
	for (;;) {
		u32 seq = thread_wake_seq();

		ret = check_all(e, w, n, first);
		if (ret != -1)
			break;
		first = false;
		ret = thread_sleep(seq, deadline);
		if (ret) {
			int i = check_all(e, w, n, false);

			ret = i >= 0 ? i : ret == -EINTR ? -ERESTARTSYS : ret;
			break;
		}
	}
	delist(e, n);
	kfree(e);
	return ret;
}

static int check_waiter(const struct futex_waitv *w)
{
	if ((w->flags & ~(FUTEX_32 | FUTEX_PRIVATE_FLAG)) || w->__reserved || !(w->flags & FUTEX_32))
		return -EINVAL;
	if (w->uaddr & 3)
		return -EINVAL;
	return access_ok((void *)w->uaddr, 4) ? 0 : -EFAULT;
}

SYSCALL(futex_waitv, struct futex_waitv *uwaiters, unsigned int n, unsigned int flags,
	struct __kernel_timespec *uts, int clockid)
{
	i64 deadline = BZ_NO_DEADLINE;
	struct __kernel_timespec ts;
	struct futex_waitv *w;
	long ret = 0;

	if (flags || !n || n > FUTEX_WAITV_MAX || !uwaiters)
		return -EINVAL;
	if (uts) {
		if (clockid != BZ_CLOCK_REALTIME && clockid != BZ_CLOCK_MONOTONIC)
			return -EINVAL;
		if (copy_from_user(&ts, uts, sizeof(ts)))
			return -EFAULT;
		if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NSEC_PER_SEC)
			return -EINVAL;
		deadline = ts.tv_sec > INT64_MAX / NSEC_PER_SEC - 1 ? INT64_MAX - 1 : ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
		if (clockid == BZ_CLOCK_REALTIME)
			deadline -= now_real() - now_mono();
	}
	w = kmalloc(n * sizeof(*w));
	if (!w)
		return -ENOMEM;
	if (copy_from_user(w, uwaiters, n * sizeof(*w)))
		ret = -EFAULT;
	for (u32 i = 0; i < n && !ret; i++)
		ret = check_waiter(&w[i]);
	if (!ret)
		ret = wait_multiple(w, n, deadline);
	kfree(w);
	return ret;
}
