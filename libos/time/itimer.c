/*
 * Interval timers: setitimer(2), alarm(2).  ITIMER_REAL is a kernel timer.  The CPU-time ones are sampled: every tick in which
 * a thread of the process runs counts as a tick of CPU time, since only a process itself can read its own CPU clock.
 * process->lock protects the values.  RLIMIT_CPU is looked at by another timer, whose turn is when it may be reached at the earliest.
 */
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/time/time.h"

#define TICK_NS (10 * 1000000ll)

struct process_timers {
	struct ktimer real, tick, limit;
	struct process *process;
	i64 real_expires, real_interval;	/* monotonic; 0: not armed */
	struct {
		i64 left, interval;		/* CPU ns; left 0: not armed */
	} cpu[2];				/* virtual, prof */
};

static void send(struct process *p, int sig)
{
	struct siginfo_kernel info = {.si_signo = sig, .si_code = SI_KERNEL};

	signal_send_process(p, sig, &info);
}

static void real_fired(struct ktimer *k)
{
	struct process_timers *pt = container_of(k, struct process_timers, real);
	struct process *p = pt->process;

	mutex_lock(&p->lock);
	if (pt->real_interval) {
		i64 now = now_mono();

		while (pt->real_expires <= now)
			pt->real_expires += pt->real_interval;
		ktimer_set(k, pt->real_expires);
	} else {
		pt->real_expires = 0;
	}
	mutex_unlock(&p->lock);
	send(p, SIGALRM);
}

bool process_is_running(struct process *p)
{
	struct thread *t;

	list_for_each(t, &p->threads, node)
		if (READ_ONCE(t->in_guest) || READ_ONCE(t->sleep_kind) == SLEEP_NONE)
			return true;
	return false;
}

static void tick_fired(struct ktimer *k)
{
	static const int signals[2] = {SIGVTALRM, SIGPROF};
	struct process_timers *pt = container_of(k, struct process_timers, tick);
	struct process *p = pt->process;
	bool again = false, fire[2] = {false, false};

	mutex_lock(&p->lock);
	for (int i = 0; i < 2; i++) {
		if (!pt->cpu[i].left)
			continue;
		if (process_is_running(p))
			pt->cpu[i].left -= TICK_NS;
		if (pt->cpu[i].left <= 0) {
			fire[i] = true;
			pt->cpu[i].left = pt->cpu[i].interval ? max(pt->cpu[i].interval, TICK_NS) : 0;
		}
		again = again || pt->cpu[i].left;
	}
	if (again)
		ktimer_set(k, now_mono() + TICK_NS);
	mutex_unlock(&p->lock);
	for (int i = 0; i < 2; i++)
		if (fire[i])
			send(p, signals[i]);
}

#define LIMIT_LOOK_S 60ull

/* process->lock held: when a limit may be reached, if all processors work for it. */
static i64 limit_next(const struct process *p, u64 used)
{
	u64 limit = min(p->rlimit[RLIMIT_CPU].soft, p->rlimit[RLIMIT_CPU].hard), whole = used / NSEC_PER_SEC;
	u64 seconds = limit > whole ? min(limit - whole, LIMIT_LOOK_S) : 0;
	i64 left = (i64)seconds * NSEC_PER_SEC - (i64)(used % NSEC_PER_SEC);

	left /= boot->cpus ? boot->cpus : 1;
	return now_mono() + max(left, TICK_NS);
}

/* SIGXCPU at the soft limit, and each second from then on; at the hard one the end (setrlimit(2)). */
static void limit_fired(struct ktimer *k)
{
	struct process_timers *pt = container_of(k, struct process_timers, limit);
	struct process *p = pt->process;
	struct rlimit_pair *l = &p->rlimit[RLIMIT_CPU];
	int sig = 0;
	u64 used;

	mutex_lock(&p->lock);
	used = process_cpu(p);
	if (used / NSEC_PER_SEC >= max(l->hard, 1ul)) {
		sig = SIGKILL;
	} else if (used / NSEC_PER_SEC >= max(l->soft, 1ul)) {
		sig = SIGXCPU;
		l->soft = used / NSEC_PER_SEC + 1;
	}
	if (sig != SIGKILL && (l->soft != RLIM64_INFINITY || l->hard != RLIM64_INFINITY))
		ktimer_set(k, limit_next(p, used));
	mutex_unlock(&p->lock);
	if (sig)
		send(p, sig);
}

static struct process_timers *timers_of(struct process *p)
{
	struct process_timers *pt = p->itimers, *none = NULL;

	if (pt)
		return pt;
	pt = kzalloc(sizeof(*pt));
	if (!pt)
		return NULL;
	pt->process = p;
	pt->real.fn = real_fired;
	pt->tick.fn = tick_fired;
	pt->limit.fn = limit_fired;
	if (!__atomic_compare_exchange_n(&p->itimers, &none, pt, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		kfree(pt);
		return p->itimers;
	}
	return pt;
}

void process_limit_cpu(struct process *p)
{
	struct process_timers *pt;

	if (p->rlimit[RLIMIT_CPU].soft == RLIM64_INFINITY && p->rlimit[RLIMIT_CPU].hard == RLIM64_INFINITY)
		return;
	if (!READ_ONCE(p->thread_count))
		return;
	pt = timers_of(p);
	if (!pt)
		return;
	mutex_lock(&p->lock);
	if (p->thread_count)
		ktimer_set(&pt->limit, limit_next(p, process_cpu(p)));
	mutex_unlock(&p->lock);
}

static void read_timer(struct process_timers *pt, int which, i64 *left, i64 *interval)
{
	if (which == 0) {
		*left = pt->real_expires ? max(pt->real_expires - now_mono(), 1000ll) : 0;
		*interval = pt->real_interval;
	} else {
		*left = pt->cpu[which - 1].left;
		*interval = pt->cpu[which - 1].interval;
	}
}

static int set_timer(int which, i64 value, i64 interval, i64 *old_left, i64 *old_interval)
{
	struct process *p = current->process;
	struct process_timers *pt = timers_of(p);

	if (!pt)
		return -ENOMEM;
	if (which == 0)
		ktimer_cancel(&pt->real);
	mutex_lock(&p->lock);
	read_timer(pt, which, old_left, old_interval);
	if (which == 0) {
		pt->real_interval = interval;
		pt->real_expires = value ? deadline_after(value) : 0;
		if (value)
			ktimer_set(&pt->real, pt->real_expires);
	} else {
		pt->cpu[which - 1].left = value ? max(value, TICK_NS) : 0;
		pt->cpu[which - 1].interval = interval;
		if (value)
			ktimer_set(&pt->tick, now_mono() + TICK_NS);
	}
	mutex_unlock(&p->lock);
	return 0;
}

static void to_itimerval(struct __kernel_old_itimerval *v, i64 left, i64 interval)
{
	v->it_value.tv_sec = left / NSEC_PER_SEC;
	v->it_value.tv_usec = left % NSEC_PER_SEC / 1000;
	v->it_interval.tv_sec = interval / NSEC_PER_SEC;
	v->it_interval.tv_usec = interval % NSEC_PER_SEC / 1000;
}

static int from_timeval(const struct __kernel_old_timeval *tv, i64 *ns)
{
	if (tv->tv_sec < 0 || tv->tv_usec < 0 || tv->tv_usec >= 1000000)
		return -EINVAL;
	*ns = tv->tv_sec > INT64_MAX / NSEC_PER_SEC - 1 ? INT64_MAX / 2 : tv->tv_sec * NSEC_PER_SEC + tv->tv_usec * 1000;
	return 0;
}

SYSCALL(getitimer, int which, struct __kernel_old_itimerval *uv)
{
	struct process *p = current->process;
	struct __kernel_old_itimerval v = {{0}};
	i64 left = 0, interval = 0;

	if (which < 0 || which > 2)
		return -EINVAL;
	if (p->itimers) {
		mutex_lock(&p->lock);
		read_timer(p->itimers, which, &left, &interval);
		mutex_unlock(&p->lock);
	}
	to_itimerval(&v, left, interval);
	return copy_to_user(uv, &v, sizeof(v));
}

SYSCALL(setitimer, int which, const struct __kernel_old_itimerval *unew, struct __kernel_old_itimerval *uold)
{
	struct __kernel_old_itimerval v = {{0}};
	i64 value = 0, interval = 0, left, old_interval;
	int err;

	if (unew && copy_from_user(&v, unew, sizeof(v)))
		return -EFAULT;
	if (which < 0 || which > 2 || from_timeval(&v.it_value, &value) || from_timeval(&v.it_interval, &interval))
		return -EINVAL;
	err = set_timer(which, value, interval, &left, &old_interval);
	if (err || !uold)
		return err;
	to_itimerval(&v, left, old_interval);
	return copy_to_user(uold, &v, sizeof(v));
}

SYSCALL(alarm, unsigned int seconds)
{
	i64 left, interval;
	int err = set_timer(0, seconds * NSEC_PER_SEC, 0, &left, &interval);

	if (err)
		return err;
	/* Rounded to the nearest second, but never to "none" (alarm(2)). */
	return left ? max((left + NSEC_PER_SEC / 2) / NSEC_PER_SEC, 1ll) : 0;
}


void itimers_free(struct process *p)
{
	struct process_timers *pt = p->itimers;

	if (!pt)
		return;
	p->itimers = NULL;
	ktimer_cancel(&pt->real);
	ktimer_cancel(&pt->tick);
	ktimer_cancel(&pt->limit);
	kfree(pt);
}
