/*
 * Kernel timers: a pairing heap in the arena (Fredman, Sedgewick, Sleator, Tarjan, 1986), the earliest at its root, run by
 * the template (proc/template.c): a guest may have a hundred thousand of them.  timers_lock protects the heap, `running`
 * and runner_until; callbacks run without it.
 */
#include "libos/proc/proc.h"

static struct ktimer *root, *running;
static u64 next_order;
static i32 runner_tid;
static i64 runner_until = BZ_NO_DEADLINE; /* it looks again by then: who is due later need not wake it */
static struct mutex timers_lock = MUTEX_INIT(RANK_WAITQ);

static bool earlier(const struct ktimer *a, const struct ktimer *b)
{
	return a->expires != b->expires ? a->expires < b->expires : a->order < b->order;
}

/* Two heaps, whose roots are in no list, become one.  Either may be null. */
static struct ktimer *merge(struct ktimer *a, struct ktimer *b)
{
	struct ktimer *first = !b || (a && earlier(a, b)) ? a : b, *second = first == a ? b : a;

	if (!second)
		return first;
	second->next = first->child;
	if (first->child)
		first->child->link = &second->next;
	first->child = second;
	second->link = &first->child;
	return first;
}

/* The children of a timer that leaves: in pairs from the left, then all from the right. */
static struct ktimer *merge_children(struct ktimer *t)
{
	struct ktimer *pairs = NULL, *heap = NULL, *a = t->child, *b, *rest;

	for (; a; a = rest) {
		b = a->next;
		rest = b ? b->next : NULL;
		a->next = NULL;
		if (b)
			b->next = NULL;
		a = merge(a, b);
		a->next = pairs;
		pairs = a;
	}
	for (; pairs; pairs = rest) {
		rest = pairs->next;
		pairs->next = NULL;
		heap = merge(heap, pairs);
	}
	t->child = NULL;
	return heap;
}

static void unlink_timer(struct ktimer *t)
{
	if (!t->expires)
		return;
	if (t == root) {
		root = merge_children(t);
	} else {
		*t->link = t->next;
		if (t->next)
			t->next->link = t->link;
		root = merge(root, merge_children(t));
	}
	t->next = NULL;
	t->expires = 0;
}

static void link_timer(struct ktimer *t, i64 expires)
{
	t->expires = expires > 0 ? expires : 1;
	t->order = next_order++; /* of those that are due at once, the first set fires first */
	t->child = t->next = NULL;
	root = merge(root, t);
}

void ktimer_set(struct ktimer *t, i64 expires)
{
	bool sooner;

	mutex_lock(&timers_lock);
	unlink_timer(t);
	link_timer(t, expires);
	sooner = t->expires < runner_until;
	if (sooner)
		runner_until = t->expires;
	mutex_unlock(&timers_lock);
	if (sooner)
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
	while (root) {
		struct ktimer *t = root;

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
	runner_until = next;
	mutex_unlock(&timers_lock);
	return next;
}
