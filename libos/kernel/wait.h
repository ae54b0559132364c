/*
 * Sleeping and waking.  A thread sleeps on its own wake word (thread->wake_word, in the arena); a waitq is a list
 * of waiters, each a thread or a callback (epoll).  Nothing here points into private memory: waiters live in
 * struct thread or on the heap, never on a stack (section 4 of the design).
 *
 * The pattern, spelled out by WAIT_EVENT: note the wake word, join the queue, look at the condition, sleep if
 * the word has not changed, leave the queue.
 */
#ifndef LIBOS_WAIT_H
#define LIBOS_WAIT_H

#include "libos/kernel/kernel.h"
#include "libos/kernel/lock.h"

struct thread;
struct waiter;

struct waitq {
	struct mutex lock;
	struct list waiters;
};

/* Called with the waitq locked.  `events`: EPOLL bits of what happened, ~0 if unknown.  False: it woke nobody, and if it is
 * exclusive the next one's turn is now. */
typedef bool (*wake_fn)(struct waiter *w, u32 events);

struct waiter {
	struct list node;
	struct waitq *queue;	/* null when on none */
	struct thread *thread;
	wake_fn func;		/* null: wake `thread` */
	void *data;		/* func's own */
	u32 events;		/* wake only when it shares a bit with what happened; 0 counts as all */
	bool exclusive;		/* waitq_wake(n) counts these only */
};

void waitq_init(struct waitq *q);
void waitq_add(struct waitq *q, struct waiter *w);
void waitq_remove(struct waiter *w);		/* fine if it is on none */
/* Wake all non-exclusive waiters and at most n exclusive ones. */
void waitq_wake(struct waitq *q, u32 n, u32 events);
static inline void waitq_wake_all(struct waitq *q, u32 events)
{
	waitq_wake(q, ~0u, events);
}
bool waitq_active(const struct waitq *q);
/* waitq_wake of one, where what changed the condition was a locked instruction (or an unlock came behind it): that is the barrier. */
static inline void waitq_wake_behind(struct waitq *q, u32 events)
{
	if (unlikely(READ_ONCE(q->waiters.next) != &q->waiters))
		waitq_wake(q, 1, events);
}

/* Wake one thread from thread_sleep, however it sleeps.  True: it slept, or was about to; it looks at all that was stored before. */
bool thread_wake(struct thread *t);
/* Sleep until thread->wake_word differs from `seq`, the monotonic deadline passes or a signal is to be handled.
 * 0, -ETIMEDOUT or -EINTR (a signal is pending: return -ERESTARTSYS or what fits). */
int thread_sleep(u32 seq, i64 deadline);
u32 thread_wake_seq(void);			/* the current thread's wake word, to be read before the condition */

/* Sleep on q until cond; evaluates to 0, -ETIMEDOUT or -EINTR.  Uses the thread's own waiter number 0. */
#define WAIT_EVENT(q, cond, deadline)                                                                        \
	({                                                                                                   \
		int _ret = 0;                                                                                \
		struct waiter *_w = thread_waiter();                                                         \
		waitq_add((q), _w);                                                                          \
		for (;;) {                                                                                   \
			u32 _seq = thread_wake_seq();                                                        \
			if (cond) {                                                                          \
				_ret = 0;                                                                    \
				break;                                                                       \
			}                                                                                    \
			if (_ret)                                                                            \
				break;                                                                       \
			_ret = thread_sleep(_seq, (deadline));                                               \
		}                                                                                            \
		waitq_remove(_w);                                                                            \
		_ret;                                                                                        \
	})
struct waiter *thread_waiter(void);

#endif
