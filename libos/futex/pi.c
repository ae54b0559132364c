/*
 * Locks with priority inheritance, as far as their users see them: the word holds the owner's tid, FUTEX_WAITERS and
 * FUTEX_OWNER_DIED.  Priorities themselves are the host scheduler's, so none is inherited.
 *
 * Ownership is taken, not handed over: unlock leaves 0|WAITERS in the word and wakes one; who finds no owner takes the
 * word and keeps the mark, because others may sleep.  A sleeper probes the owner now and then: one that ended without
 * unlocking has left its lock to whoever asks.
 */
#include "libos/futex/internal.h"
#include "libos/signal/signal.h"

#define PROBE_NS (NSEC_PER_SEC / 2)

static bool owner_lives(i32 tid)
{
	struct thread *t = thread_find(tid);

	if (t)
		thread_put(t);
	return t != NULL;
}

/* Try to become the owner given that the word is `val`.  1: done.  0: owned by another.  -EAGAIN: it changed. */
static int try_take(u32 *uaddr, u32 val, bool waited)
{
	u32 me = current->tid, owner = val & FUTEX_TID_MASK, old;
	u32 want = me | (val & FUTEX_OWNER_DIED) | (waited ? FUTEX_WAITERS : val & FUTEX_WAITERS);

	if (owner == me)
		return -EDEADLK;
	if (owner && !(val & FUTEX_OWNER_DIED))
		return 0;
	if (user_cmpxchg32(uaddr, val, want, &old))
		return -EFAULT;
	return old == val ? 1 : -EAGAIN;
}

static long lock_pi(u32 *uaddr, u32 flags, u32 clock, i64 deadline, bool try)
{
	bool waited = false, probed = false;
	u32 val, old;
	int ret;

	for (;;) {
		if (get_user(val, uaddr))
			return -EFAULT;
		ret = try_take(uaddr, val, waited);
		if (ret == 1)
			return 0;
		if (ret == -EAGAIN)
			continue;
		if (ret < 0)
			return ret;
		if (!owner_lives(val & FUTEX_TID_MASK)) {
			/* Nobody by that number: a lie if we just came, a death if we slept on it. */
			if (!probed)
				return -ESRCH;
			if (user_cmpxchg32(uaddr, val, (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED, &old))
				return -EFAULT;
			continue;
		}
		if (try)
			return -EAGAIN;
		if (!(val & FUTEX_WAITERS)) {
			if (user_cmpxchg32(uaddr, val, val | FUTEX_WAITERS, &old))
				return -EFAULT;
			if (old != val)
				continue;
			val |= FUTEX_WAITERS;
		}
		i64 probe = clock_ns(clock) + PROBE_NS;

		ret = futex_sleep(uaddr, val, PI_MASK, flags, clock, min(deadline, probe));
		waited = probed = true;
		if (ret == -EINTR)
			return -ERESTARTNOINTR;
		if (ret == -ETIMEDOUT && deadline <= probe)
			return ret;
		if (ret == -EFAULT)
			return ret;
	}
}

long futex_lock_pi(const struct futex_args *a, bool try)
{
	return lock_pi(a->uaddr, a->flags, a->clock, a->deadline, try);
}

long futex_unlock_pi(const struct futex_args *a)
{
	u32 val, old;

	for (;;) {
		if (get_user(val, a->uaddr))
			return -EFAULT;
		if ((val & FUTEX_TID_MASK) != (u32)current->tid)
			return -EPERM;
		if (user_cmpxchg32(a->uaddr, val, val & FUTEX_WAITERS, &old))
			return -EFAULT;
		if (old == val)
			break;
	}
	if (!(val & FUTEX_WAITERS) || host->wake(a->uaddr, 1, PI_MASK, a->flags) > 0)
		return 0;
	/* Nobody slept: the mark goes, unless the word was taken since. */
	user_cmpxchg32(a->uaddr, FUTEX_WAITERS, 0, &old);
	return 0;
}

long futex_wait_requeue_pi(const struct futex_args *a)
{
	int ret;

	if (a->uaddr == a->uaddr2 || !a->val3)
		return -EINVAL;
	if (((u64)a->uaddr2 & 3) || !access_ok(a->uaddr2, 4))
		return (u64)a->uaddr2 & 3 ? -EINVAL : -EFAULT;
	ret = futex_sleep(a->uaddr, a->val, a->val3, a->flags, a->clock, a->deadline);
	if (ret == -EINTR)
		return -EAGAIN;
	if (ret)
		return ret;
	/* Woken, there or on the second word: the lock is had by taking it. */
	return lock_pi(a->uaddr2, a->flags, a->clock, a->deadline, false);
}

long futex_cmp_requeue_pi(const struct futex_args *a)
{
	u32 val, old;

	if (a->val != 1 || a->uaddr == a->uaddr2)
		return -EINVAL;
	if ((i32)a->val2 < 0)
		return -EINVAL;
	if (((u64)a->uaddr2 & 3) || !access_ok(a->uaddr2, 4))
		return (u64)a->uaddr2 & 3 ? -EINVAL : -EFAULT;
	if (get_user(val, a->uaddr))
		return -EFAULT;
	if (val != a->val3)
		return -EAGAIN;
	/* Whoever unlocks the second word must come here and wake those that are moved to it. */
	if (user_or32(a->uaddr2, FUTEX_WAITERS, &old))
		return -EFAULT;
	return host->requeue(a->uaddr, a->val3, 1, a->uaddr2, a->val2, a->flags);
}
