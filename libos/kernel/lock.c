/*
 * Mutexes in the arena: one compare-and-exchange when free; else a short spin, then a host wait.  A waiter that
 * has slept a second probes the owner: a picoprocess that died with a lock held must end the sandbox, not hang it.
 */
#include "libos/kernel/lock.h"
#include "libos/kernel/debug.h"
#include "libos/kernel/kernel.h"
#include "libos/proc/proc.h"

#define WAITERS 0x80000000u
#define PROBE_NS (1 * NSEC_PER_SEC)

void mutex_init(struct mutex *m, u8 rank)
{
	m->word = 0;
	m->rank = rank;
}

static u32 my_tid(void)
{
	return (u32)current_tcb()->tid;
}

bool mutex_is_mine(const struct mutex *m)
{
	return (READ_ONCE(m->word) & ~WAITERS) == my_tid();
}

bool mutex_trylock(struct mutex *m)
{
	u32 free = 0;

	if (!__atomic_compare_exchange_n(&m->word, &free, my_tid(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return false;
	debug_locked(m, CALLER);
	return true;
}

static void lock_slow(struct mutex *m, u32 tid)
{
	u32 v;

	for (int i = 0; i < 100; i++) {
		v = 0;
		if (__atomic_compare_exchange_n(&m->word, &v, tid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
		__builtin_ia32_pause();
	}
	if ((v & ~WAITERS) == tid)
		panic("lock of rank %u taken twice by thread %u", m->rank, tid);
	for (;;) {
		v = READ_ONCE(m->word);
		if (!v) {
			/* Others may sleep still: keep the mark. */
			if (__atomic_compare_exchange_n(&m->word, &v, tid | WAITERS, false, __ATOMIC_ACQUIRE,
							__ATOMIC_RELAXED))
				return;
			continue;
		}
		if (!(v & WAITERS) && !__atomic_compare_exchange_n(&m->word, &v, v | WAITERS, false,
								   __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			continue;
		v |= WAITERS;
		if (host->wait(&m->word, v, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			       host->clock_read(BZ_CLOCK_MONOTONIC) + PROBE_NS) == -ETIMEDOUT &&
		    READ_ONCE(m->word) == v && host->thread_interrupt(v & ~WAITERS, 1) == -ESRCH)
			panic("the owner of a lock of rank %u (host thread %u) died", m->rank, v & ~WAITERS);
	}
}

void mutex_lock(struct mutex *m)
{
	u32 tid = my_tid(), v = 0;

	debug_lock_order(m, CALLER);
	if (unlikely(!__atomic_compare_exchange_n(&m->word, &v, tid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		lock_slow(m, tid);
	debug_locked(m, CALLER);
}

void mutex_unlock(struct mutex *m)
{
	debug_unlocked(m);
	if (__atomic_exchange_n(&m->word, 0, __ATOMIC_RELEASE) & WAITERS)
		host->wake(&m->word, 1, ~0u, BZ_WAIT_SHARED);
}
