/*
 * How the processor time of a process divides into that of its own code and that of its calls.  The host tells one sum, since to it
 * the library OS is the process's code as well.  Once a process asks (times, getrusage) it is sampled each tick, as kernels did before
 * they counted exactly: what it used since the last sample is shared out by where its threads are.  Who uses no time is not
 * looked at any more until it asks again.  process->lock protects it.
 */
#include "libos/proc/proc.h"
#include "libos/time/time.h"

#define TICK_NS (10 * 1000000ll)
#define IDLE_TICKS 100

struct cpu_split {
	struct ktimer timer;
	struct process *process;
	u64 seen, in_calls;	/* the sum at the last sample; what of it counts as the system's */
	u64 told_user;		/* which must not become less */
	u32 idle;
	bool sampled;
};

static void sample(struct ktimer *k)
{
	struct cpu_split *s = container_of(k, struct cpu_split, timer);
	struct process *p = s->process;
	u32 own = 0, calls = 0;
	struct thread *t;
	u64 now;

	mutex_lock(&p->lock);
	now = process_cpu(p);
	list_for_each(t, &p->threads, node) {
		own += READ_ONCE(t->in_guest) != 0;
		calls += !READ_ONCE(t->in_guest) && READ_ONCE(t->sleep_kind) == SLEEP_NONE;
	}
	s->idle = now > s->seen ? 0 : s->idle + 1;
	if (now > s->seen && own + calls)
		s->in_calls += (now - s->seen) * calls / (own + calls);
	s->seen = max(s->seen, now);
	s->sampled = s->idle < IDLE_TICKS;
	if (s->sampled)
		ktimer_set(k, now_mono() + TICK_NS);
	mutex_unlock(&p->lock);
}

static struct cpu_split *split_of(struct process *p)
{
	struct cpu_split *s = READ_ONCE(p->cpu_split), *none = NULL;

	if (s)
		return s;
	s = kzalloc(sizeof(*s));
	if (!s)
		return NULL;
	s->process = p;
	s->timer.fn = sample;
	if (!__atomic_compare_exchange_n(&p->cpu_split, &none, s, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		kfree(s);
		return none;
	}
	return s;
}

void cpu_times(struct process *p, u64 *user, u64 *system)
{
	struct cpu_split *s = split_of(p);
	u64 sum = process_cpu(p);

	*user = sum;
	*system = 0;
	if (!s)
		return;
	mutex_lock(&p->lock);
	if (!s->sampled) {
		s->seen = sum;
		s->idle = 0;
		s->sampled = true;
		ktimer_set(&s->timer, now_mono() + TICK_NS);
	}
	if (s->in_calls < sum)
		*user = sum - s->in_calls;
	else
		*user = 0;
	if (*user < s->told_user)
		*user = min(s->told_user, sum);
	*system = sum - *user;
	s->told_user = *user;
	mutex_unlock(&p->lock);
}

/* The process has ended: its threads' times are in utime_dead. */
void cpu_times_end(struct process *p)
{
	struct cpu_split *s = p->cpu_split;

	if (!s)
		return;
	ktimer_cancel(&s->timer);
	p->stime_dead = min(s->in_calls, p->utime_dead);
	p->utime_dead -= p->stime_dead;
	p->cpu_split = NULL;
	kfree(s);
}
