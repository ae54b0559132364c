/*
 * Lines in the making, and what becomes of those whose call waits: the template, which looks ten times a second, sends
 * them as strace does with a call that another thread's line interrupts, and their owner begins another line behind it.
 */
#include "libos/kernel/dispatch.h"
#include "libos/trace/internal.h"

#define LOOK_NS (NSEC_PER_SEC / 10)

static struct mutex lines_lock = MUTEX_INIT(RANK_OBJECT);
static struct list lines = LIST_INIT(lines);
static struct ktimer look;

static void tell(struct trace *tr)
{
	u32 len = tr->len;

	trace_unfinished(tr);
	trace_send(tr);
	tr->len = len;
	__atomic_store_n(&tr->state, LINE_TOLD, __ATOMIC_RELEASE);
}

static void look_at_lines(struct ktimer *timer)
{
	i64 now = now_mono();
	struct trace *tr;

	mutex_lock(&lines_lock);
	list_for_each(tr, &lines, node) {
		u32 open = LINE_OPEN;

		/* Another call's line by now, perhaps: it is told early then, and nothing worse. */
		if (now - READ_ONCE(tr->since) >= LOOK_NS &&
		    __atomic_compare_exchange_n(&tr->state, &open, LINE_TELLING, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			tell(tr);
	}
	mutex_unlock(&lines_lock);
	ktimer_set(timer, now + LOOK_NS);
}

struct trace *trace_line_of(struct thread *t)
{
	struct trace *tr = t->trace;
	bool first;

	if (tr)
		return tr;
	tr = t->trace = kzalloc(sizeof(*tr));
	if (!tr)
		return NULL;
	mutex_lock(&lines_lock);
	list_add_tail(&tr->node, &lines);
	first = !look.fn;
	look.fn = look_at_lines;
	mutex_unlock(&lines_lock);
	if (first)
		ktimer_set(&look, now_mono() + LOOK_NS);
	return tr;
}

void trace_line_open(struct trace *tr)
{
	WRITE_ONCE(tr->since, now_mono());
	__atomic_store_n(&tr->state, LINE_OPEN, __ATOMIC_RELEASE);
}

bool trace_line_close(struct trace *tr, bool *told)
{
	u32 state = LINE_OPEN;

	*told = false;
	if (__atomic_compare_exchange_n(&tr->state, &state, LINE_NONE, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return true;
	if (state == LINE_NONE)
		return false;
	while (__atomic_load_n(&tr->state, __ATOMIC_ACQUIRE) != LINE_TOLD)
		host->thread_yield();
	tr->state = LINE_NONE;
	return *told = true;
}

void trace_line_free(struct thread *t)
{
	struct trace *tr = t->trace;

	t->trace = NULL;
	mutex_lock(&lines_lock);
	list_del(&tr->node);
	mutex_unlock(&lines_lock);
	kfree(tr);
}
