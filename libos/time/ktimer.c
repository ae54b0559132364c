/*
 * Kernel timers: a list in the arena, earliest first, run by the template (proc/template.c).  timers_lock protects the list
 * and `running`; callbacks run without it.
 */
#include "libos/proc/proc.h"

static struct list timers = LIST_INIT(timers);
static struct ktimer *running;
static i32 runner_tid;
static struct mutex timers_lock = MUTEX_INIT(RANK_WAITQ);

static void unlink_timer(struct ktimer *t)
{
	if (!t->expires)
		return;
	list_del(&t->node);
	t->expires = 0;
}

static void link_timer(struct ktimer *t, i64 expires)
{
	struct ktimer *k;

	t->expires = expires > 0 ? expires : 1;
	list_for_each(k, &timers, node)
		if (k->expires > t->expires)
			break;
	list_add_tail(&t->node, &k->node);
}

void ktimer_set(struct ktimer *t, i64 expires)
{
	bool first;

	mutex_lock(&timers_lock);
	unlink_timer(t);
	link_timer(t, expires);
	first = timers.next == &t->node;
	mutex_unlock(&timers_lock);
	if (first)
		template_kick();
}

void ktimer_cancel(struct ktimer *t)
{
	mutex_lock(&timers_lock);
	unlink_timer(t);
	while (running == t && runner_tid != current_tcb()->tid) {
		mutex_unlock(&timers_lock);
		host->thread_yield();
		mutex_lock(&timers_lock);
		unlink_timer(t);
	}
	mutex_unlock(&timers_lock);
}

i64 ktimer_run(i64 now)
{
	i64 next = BZ_NO_DEADLINE;

	mutex_lock(&timers_lock);
	runner_tid = current_tcb()->tid;
	while (!list_empty(&timers)) {
		struct ktimer *t = list_first(&timers, struct ktimer, node);

		if (t->expires > now) {
			next = t->expires;
			break;
		}
		unlink_timer(t);
		running = t;
		mutex_unlock(&timers_lock);
		t->fn(t);
		mutex_lock(&timers_lock);
		running = NULL;
	}
	mutex_unlock(&timers_lock);
	return next;
}
