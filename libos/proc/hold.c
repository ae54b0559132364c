/*
 * Text changes only while no other thread of the process can be executing it.  A thread that is held (thread->hold, the second
 * word of its resume flag) comes out of guest code at once and waits on its way back in; one that is in the library OS
 * goes on there undisturbed: nothing that sleeps is interrupted.
 *
 * A thread looks at `hold` on its way to guest code without a barrier behind its store to in_guest, since every system call would
 * pay for that.  So a 0 in in_guest counts only if the thread has passed a barrier since it was held, which its counter of
 * interrupts tells, or is to pass one before it is there: who sleeps, or has not begun, leaves that by a locked exchange.
 */
#include "libos/proc/hold.h"
#include "libos/mm/mm.h"

#define PATIENCE_NS (NSEC_PER_SEC / 5)
#define GLANCE_NS (20 * 1000)

static bool passes_barrier(const struct thread *t)
{
	return !__atomic_load_n(&t->begun, __ATOMIC_SEQ_CST) ||
	       __atomic_load_n(&t->sleep_kind, __ATOMIC_SEQ_CST) != SLEEP_NONE ||
	       __atomic_load_n(&t->interrupts, __ATOMIC_SEQ_CST) != t->interrupts_seen;
}

static bool is_out(const struct thread *t)
{
	return passes_barrier(t) && !__atomic_load_n(&t->in_guest, __ATOMIC_SEQ_CST);
}

static void interrupt(struct thread *t)
{
	t->hold_interrupted = true;
	host->thread_interrupt(t->host_tid, 0);
}

/*
 * The first glance is a long way off: who runs on another processor has come by then.  Who slept when it was held, and was
 * not interrupted, may have been woken since: that it passes a barrier is then to be seen by an interrupt, too.
 */
static bool wait_until_out(struct thread *t, i64 deadline)
{
	u32 never = 0;

	for (int i = 0; i < 100 && !is_out(t); i++)
		__builtin_ia32_pause();
	if (!is_out(t) && !t->hold_interrupted)
		interrupt(t);
	while (!is_out(t)) {
		i64 now = now_mono();

		if (now > deadline)
			return false;
		host->wait(&never, 0, ~0u, BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC, now + GLANCE_NS);
	}
	return true;
}

/* The next process after q (null: the first) that runs in p's memory.  Without a vfork's child that is p alone; else the tasklist
 * is locked. */
static struct process *next_user(struct process *p, struct process *q)
{
	struct list *n = q ? q->hash.next : all_processes.next;

	if (!mutex_is_mine(&tasklist_lock))
		return q ? NULL : p;
	for (; n != &all_processes; n = n->next) {
		q = container_of(n, struct process, hash);
		if (q->mm == p->mm)
			return q;
	}
	return NULL;
}

static void hold(struct thread *t)
{
	__atomic_store_n(&t->hold, 1, __ATOMIC_SEQ_CST);
	t->interrupts_seen = __atomic_load_n(&t->interrupts, __ATOMIC_SEQ_CST);
	t->hold_interrupted = false;
	if (!is_out(t))
		interrupt(t);
}

/* On success the lists of threads stay locked: nobody new comes. */
bool threads_hold_others(void)
{
	struct thread *self = current, *t;
	struct process *p = self->process, *q = NULL;
	i64 deadline = now_mono() + PATIENCE_NS;

	if (unlikely(READ_ONCE(p->mm->refs) > 1))
		mutex_lock(&tasklist_lock);
	while ((q = next_user(p, q))) {
		mutex_lock(&q->lock);
		list_for_each(t, &q->threads, node)
			if (t != self)
				hold(t);
	}
	while ((q = next_user(p, q)))
		list_for_each(t, &q->threads, node)
			if (t != self && !wait_until_out(t, deadline)) {
				threads_release_others();
				return false;
			}
	return true;
}

void threads_release_others(void)
{
	struct thread *self = current, *t;
	struct process *p = self->process, *q = NULL;

	while ((q = next_user(p, q))) {
		list_for_each(t, &q->threads, node)
			if (t != self) {
				__atomic_store_n(&t->hold, 0, __ATOMIC_SEQ_CST);
				host->wake(&t->hold, 1, ~0u, BZ_WAIT_SHARED);
			}
		mutex_unlock(&q->lock);
	}
	if (mutex_is_mine(&tasklist_lock))
		mutex_unlock(&tasklist_lock);
}

bool threads_pass_barrier(struct process *p)
{
	struct thread *self = current, *t;
	i64 deadline = now_mono() + PATIENCE_NS;
	bool all = true;
	u32 never = 0;

	mutex_lock(&p->lock);
	list_for_each(t, &p->threads, node) {
		t->interrupts_seen = __atomic_load_n(&t->interrupts, __ATOMIC_SEQ_CST);
		if (t != self && !passes_barrier(t))
			host->thread_interrupt(t->host_tid, 0);
	}
	list_for_each(t, &p->threads, node)
		while (t != self && all && !passes_barrier(t)) {
			i64 now = now_mono();

			all = now <= deadline;
			host->wait(&never, 0, ~0u, BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC, now + GLANCE_NS);
		}
	mutex_unlock(&p->lock);
	return all;
}

void thread_wait_hold(struct thread *t)
{
	while (__atomic_load_n(&t->hold, __ATOMIC_SEQ_CST))
		host->wait(&t->hold, 1, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   now_mono() + NSEC_PER_SEC);
}
