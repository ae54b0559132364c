/* Turns: see turn.h.  An object's lock protects its turns; a status is written once, and read by its owner without it. */
#include "libos/kernel/turn.h"
#include "libos/proc/proc.h"

void turn_begin(struct turn *t, struct list *queue)
{
	t->thread = current;
	t->status = TURN_WAITING;
	list_add_tail(&t->node, queue);
}

void turn_finish(struct turn *t, int status, struct turn_wakes *wakes)
{
	struct thread *thread = t->thread;

	list_del(&t->node);
	ref_get(&thread->refs);
	/* From here on its owner may free it, and end. */
	__atomic_store_n(&t->status, status, __ATOMIC_SEQ_CST);
	if (wakes->count < ARRAY_SIZE(wakes->thread)) {
		wakes->thread[wakes->count++] = thread;
		return;
	}
	thread_wake(thread);
	thread_put(thread);
}

void turn_wake(struct turn_wakes *wakes)
{
	for (u32 i = 0; i < wakes->count; i++) {
		thread_wake(wakes->thread[i]);
		thread_put(wakes->thread[i]);
	}
	wakes->count = 0;
}

static bool give_up(struct turn *t, struct mutex *lock)
{
	bool waiting;

	mutex_lock(lock);
	waiting = t->status == TURN_WAITING;
	if (waiting)
		list_del(&t->node);
	mutex_unlock(lock);
	return waiting;
}

int turn_wait(struct turn *t, struct mutex *lock, i64 deadline)
{
	for (;;) {
		u32 seq = thread_wake_seq();
		int err, status = __atomic_load_n(&t->status, __ATOMIC_SEQ_CST);

		if (status != TURN_WAITING)
			return status;
		err = thread_sleep(seq, deadline);
		if (err && give_up(t, lock))
			return err;
	}
}
