/* Wait queues and thread sleep; see wait.h for the pattern.  waitq->lock protects a queue and its waiters. */
#include "libos/kernel/wait.h"
#include "libos/kernel/debug.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"

void waitq_init(struct waitq *q)
{
	mutex_init(&q->lock, RANK_WAITQ);
	list_init(&q->waiters);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	mutex_lock(&q->lock);
	ASSERT(!w->queue);
	w->queue = q;
	/* Exclusive waiters behind the others, so that a wake of one meets all non-exclusive ones first. */
	if (w->exclusive)
		list_add_tail(&w->node, &q->waiters);
	else
		list_add(&w->node, &q->waiters);
	mutex_unlock(&q->lock);
}

void waitq_remove(struct waiter *w)
{
	struct waitq *q = READ_ONCE(w->queue);

	if (!q)
		return;
	mutex_lock(&q->lock);
	if (w->queue) {
		list_del(&w->node);
		w->queue = NULL;
	}
	mutex_unlock(&q->lock);
}

bool waitq_active(const struct waitq *q)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !list_empty_careful(&q->waiters);
}

void waitq_wake(struct waitq *q, u32 n, u32 events)
{
	struct waiter *w, *tmp;

	if (!waitq_active(q))
		return;
	mutex_lock(&q->lock);
	list_for_each_safe(w, tmp, &q->waiters, node) {
		if (w->events && !(w->events & events))
			continue;
		if (w->exclusive && n == 0)
			break;
		if (!w->func)
			thread_wake(w->thread);
		else if (!w->func(w, events))
			continue;
		if (w->exclusive)
			n--;
	}
	mutex_unlock(&q->lock);
}

struct waiter *thread_waiter(void)
{
	struct thread *t = current;

	t->waiter.thread = t;
	return &t->waiter;
}

u32 thread_wake_seq(void)
{
	return __atomic_load_n(&current->wake_word, __ATOMIC_SEQ_CST);
}

bool thread_wake(struct thread *t)
{
	__atomic_add_fetch(&t->wake_word, 1, __ATOMIC_SEQ_CST);
	switch (__atomic_load_n(&t->sleep_kind, __ATOMIC_SEQ_CST)) {
	case SLEEP_SOON: /* it looks at the word once more, and the host does */
		return true;
	case SLEEP_FUTEX:
		host->wake(&t->wake_word, 1, ~0u, BZ_WAIT_SHARED);
		return true;
	case SLEEP_HOST:
		host->thread_interrupt(t->host_tid, 0);
		return true;
	}
	return false;
}

/*
 * An interrupt is either for a signal, which signal_pending tells, or stale; so its mark is cleared before that
 * word is read, and one that comes later is seen by the host's wait.
 */
int thread_sleep(u32 seq, i64 deadline)
{
	struct thread *t = current;
	int ret;

	debug_no_locks("a sleep");
	if (signal_is_pending())
		return -EINTR;
	/* Who is to wake this thread may wait for this very processor: if it comes now, neither sleep nor wake costs a call. */
	__atomic_store_n(&t->sleep_kind, SLEEP_SOON, __ATOMIC_SEQ_CST);
	host->thread_yield();
	if (thread_wake_seq() != seq) {
		__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
		return 0;
	}
	WRITE_ONCE(current_tcb()->interrupted, 0);
	__atomic_store_n(&t->sleep_kind, SLEEP_FUTEX, __ATOMIC_SEQ_CST);
	if (signal_is_pending())
		ret = -EINTR;
	else
		ret = host->wait(&t->wake_word, seq, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, deadline);
	__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
	if (ret == -EINTR)
		return signal_is_pending() ? -EINTR : 0;
	return ret == -ETIMEDOUT ? ret : 0;
}
