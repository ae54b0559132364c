/*
 * Text changes only while no other thread of the process can be executing it.  A thread that is held (thread->hold, the second
 * word of its resume flag) comes out of guest code at once and waits on its way back in; one that is in the library OS
 * goes on there undisturbed: nothing that sleeps is interrupted.
 */
#include "libos/rewrite/internal.h"
#include "libos/rewrite/rewrite.h"

#define PATIENCE_NS (NSEC_PER_SEC / 5)
#define GLANCE_NS (20 * 1000)

static bool wait_until_out(struct thread *t, i64 deadline)
{
	u32 never = 0;

	if (!__atomic_load_n(&t->in_guest, __ATOMIC_SEQ_CST))
		return true;
	host->thread_interrupt(t->host_tid, 0);
	while (__atomic_load_n(&t->in_guest, __ATOMIC_SEQ_CST)) {
		i64 now = now_mono();

		if (now > deadline)
			return false;
		host->wait(&never, 0, ~0u, BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC, now + GLANCE_NS);
	}
	return true;
}

/* On success the list of threads stays locked: nobody new comes. */
bool rewrite_hold_others(void)
{
	struct thread *self = current, *t;
	struct process *p = self->process;
	i64 deadline = now_mono() + PATIENCE_NS;

	mutex_lock(&p->lock);
	list_for_each(t, &p->threads, node)
		if (t != self)
			__atomic_store_n(&t->hold, 1, __ATOMIC_SEQ_CST);
	list_for_each(t, &p->threads, node)
		if (t != self && !wait_until_out(t, deadline)) {
			rewrite_release_others();
			return false;
		}
	return true;
}

void rewrite_release_others(void)
{
	struct thread *self = current, *t;
	struct process *p = self->process;

	list_for_each(t, &p->threads, node)
		if (t != self) {
			__atomic_store_n(&t->hold, 0, __ATOMIC_SEQ_CST);
			host->wake(&t->hold, 1, ~0u, BZ_WAIT_SHARED);
		}
	mutex_unlock(&p->lock);
}

void rewrite_wait_hold(struct thread *t)
{
	while (__atomic_load_n(&t->hold, __ATOMIC_SEQ_CST))
		host->wait(&t->hold, 1, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   now_mono() + NSEC_PER_SEC);
}
