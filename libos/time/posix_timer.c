/*
 * POSIX timers: timer_create(2) and its kin.  A timer lives in process->timers (process->lock); its signal carries a
 * pointer back, so that overruns are counted when the signal is taken and the timer goes on from there.
 */
#include "libos/kernel/syscall.h"
#include "libos/signal/internal.h"
#include "libos/time/time.h"
#include <linux/resource.h>

#define NOTIFY_SIGNAL 0
#define NOTIFY_NONE 1
#define NOTIFY_THREAD_ID 4

struct posix_timer {
	struct list node;		/* process->timers */
	struct list hash;		/* timer_hash */
	struct ktimer ktimer;
	struct process *process;
	struct thread *thread;		/* SIGEV_THREAD_ID: referenced */
	i32 id, clock;
	i32 sig, notify;
	u64 value;
	i64 expires, interval;		/* expires 0: not armed; by now_of */
	i64 ran;			/* of CPU-time clocks: CPU time since it was armed */
	i64 begun;			/* ... when the process had used so much */
	i32 overrun, last_overrun;
};

struct user_sigevent {
	u64 value;
	i32 signo, notify;
	i32 tid;
	i32 pad[11];
};

/* The template looks each tick.  A thread's own clock it cannot read: a tick in which the process runs counts as one of CPU time,
 * but never as more than the whole process used; that is all there is where a process's clock cannot be read either. */
#define TICK_NS (10 * 1000000ll)

static bool is_cpu(const struct posix_timer *pt)
{
	return pt->clock == CLOCK_PROCESS_CPUTIME_ID || pt->clock == CLOCK_THREAD_CPUTIME_ID;
}

static i64 now_of(const struct posix_timer *pt)
{
	return is_cpu(pt) ? pt->ran : now_mono();
}

static void arm(struct posix_timer *pt)
{
	ktimer_set(&pt->ktimer, is_cpu(pt) ? now_mono() + TICK_NS : pt->expires);
}

/* False: it is not due yet. */
static bool cpu_tick(struct posix_timer *pt)
{
	i64 used;
	bool running;

	mutex_lock(&pt->process->lock);
	running = process_is_running(pt->process);
	used = process_cpu(pt->process) - pt->begun;
	mutex_unlock(&pt->process->lock);
	pt->ran += running ? TICK_NS : 0;
	if (used >= 0)
		pt->ran = pt->clock == CLOCK_PROCESS_CPUTIME_ID ? used : min(pt->ran, used);
	if (pt->ran >= pt->expires)
		return true;
	arm(pt);
	return false;
}

static void rearm(struct posix_timer *pt, i64 now)
{
	i64 missed;

	if (!pt->interval) {
		pt->expires = 0;
		return;
	}
	missed = (now - pt->expires) / pt->interval;
	if (missed < 0)
		missed = 0;
	pt->overrun += min(missed, (i64)0x7fffffff - pt->overrun);
	pt->expires += (missed + 1) * pt->interval;
	arm(pt);
}

static void fired(struct ktimer *k)
{
	struct posix_timer *pt = container_of(k, struct posix_timer, ktimer);
	struct siginfo_kernel info = {.si_signo = pt->sig, .si_code = SI_TIMER};

	if (is_cpu(pt) && !cpu_tick(pt))
		return;
	if (pt->notify == NOTIFY_NONE) {
		rearm(pt, now_of(pt));
		return;
	}
	info.timer.tid = pt->id;
	info.timer.value = pt->value;
	/* Ignored: nobody will take the signal, so the timer goes on by itself. */
	if (signal_post(pt->process, pt->thread, pt->sig, &info, pt) != 0)
		rearm(pt, now_of(pt));
}

/* sighand locked. */
void posix_timer_delivered(struct posix_timer *pt, struct siginfo_kernel *info)
{
	pt->overrun = 0;
	rearm(pt, now_of(pt));
	pt->last_overrun = pt->overrun;
	info->timer.overrun = pt->overrun;
}

/* All timers of the sandbox by process and number, protected by hash_lock, which comes behind process->lock. */
#define HASH_SIZE 1024
static struct list timer_hash[HASH_SIZE] LATE;
static struct mutex hash_lock = MUTEX_INIT(RANK_WAITQ);

static struct list *bucket(struct process *p, i32 id)
{
	return list_of_table(&timer_hash[((u64)p / sizeof(*p) + (u32)id) % HASH_SIZE]);
}

/* process->lock held. */
static struct posix_timer *find(struct process *p, i32 id)
{
	struct posix_timer *pt, *found = NULL;

	mutex_lock(&hash_lock);
	list_for_each(pt, bucket(p, id), hash)
		if (pt->process == p && pt->id == id) {
			found = pt;
			break;
		}
	mutex_unlock(&hash_lock);
	return found;
}

static void publish(struct process *p, struct posix_timer *pt)
{
	mutex_lock(&p->lock);
	list_add_tail(&pt->node, &p->timers);
	mutex_lock(&hash_lock);
	list_add_tail(&pt->hash, bucket(p, pt->id));
	mutex_unlock(&hash_lock);
	mutex_unlock(&p->lock);
}

/* process->lock held. */
static void withdraw(struct posix_timer *pt)
{
	list_del(&pt->node);
	mutex_lock(&hash_lock);
	list_del(&pt->hash);
	mutex_unlock(&hash_lock);
}

static void forget_in(struct sigpending *p, struct posix_timer *pt)
{
	struct sigqueue *q;

	list_for_each(q, &p->queue, node)
		if (q->timer == pt)
			q->timer = NULL;
}

static void destroy(struct process *p, struct posix_timer *pt)
{
	struct thread *t;

	ktimer_cancel(&pt->ktimer);
	mutex_lock(&p->lock);
	mutex_lock(&p->sighand->lock);
	forget_in(&p->shared_pending, pt);
	list_for_each(t, &p->threads, node)
		forget_in(&t->pending, pt);
	if (pt->thread)
		forget_in(&pt->thread->pending, pt);
	mutex_unlock(&p->sighand->lock);
	mutex_unlock(&p->lock);
	/* Its signal may have been taken in between, which armed it once more. */
	ktimer_cancel(&pt->ktimer);
	if (pt->thread)
		thread_put(pt->thread);
	kfree(pt);
	sigqueue_release();
}

static int load_event(const struct user_sigevent *uev, struct posix_timer *pt)
{
	struct user_sigevent ev = {.signo = SIGALRM, .notify = NOTIFY_SIGNAL};

	ev.value = pt->id;
	if (uev && copy_from_user(&ev, uev, sizeof(ev)))
		return -EFAULT;
	if (ev.notify != NOTIFY_SIGNAL && ev.notify != NOTIFY_NONE && ev.notify != NOTIFY_THREAD_ID && ev.notify != 2)
		return -EINVAL;
	if (ev.notify != NOTIFY_NONE && (ev.signo < 1 || ev.signo > NSIG_MAX))
		return -EINVAL;
	if (ev.notify == NOTIFY_THREAD_ID) {
		pt->thread = thread_find(ev.tid);
		if (!pt->thread || pt->thread->process != current->process)
			return -EINVAL;
	}
	pt->sig = ev.signo;
	pt->notify = ev.notify;
	pt->value = ev.value;
	return 0;
}

/* The caller's own CPU clocks have a second form, by the number 0 of process or thread, which glibc uses. */
static i32 plain_clock(i32 clock)
{
	if (clock >> 3 != ~0 || (clock & 3) > 2)
		return clock;
	return clock & 4 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_PROCESS_CPUTIME_ID;
}

SYSCALL(timer_create, int clock, const struct user_sigevent *uev, i32 *uid)
{
	struct process *p = current->process;
	struct posix_timer *pt;
	i64 ns;
	int err;

	clock = plain_clock(clock);
	if (!clock_can_sleep(clock) && clock != CLOCK_PROCESS_CPUTIME_ID && clock != CLOCK_THREAD_CPUTIME_ID)
		return clock_now(clock, &ns) ? -EINVAL : -EOPNOTSUPP;
	if (!sigqueue_reserve(rlimit_soft(RLIMIT_SIGPENDING)))
		return -EAGAIN;
	pt = kzalloc(sizeof(*pt));
	if (!pt) {
		sigqueue_release();
		return -EAGAIN;
	}
	pt->process = p;
	pt->clock = clock;
	pt->ktimer.fn = fired;
	pt->id = __atomic_fetch_add(&p->next_timer_id, 1, __ATOMIC_RELAXED);
	err = load_event(uev, pt);
	if (!err && put_user(pt->id, uid))
		err = -EFAULT;
	if (err) {
		if (pt->thread)
			thread_put(pt->thread);
		kfree(pt);
		sigqueue_release();
		return err;
	}
	publish(p, pt);
	return 0;
}

static void read_timer(struct posix_timer *pt, i64 *left, i64 *interval)
{
	*interval = pt->interval;
	*left = pt->expires ? max(pt->expires - now_of(pt), 1ll) : 0;
}

static int store_spec(struct __kernel_itimerspec *u, i64 left, i64 interval)
{
	struct __kernel_itimerspec v = {
		.it_interval = {interval / NSEC_PER_SEC, interval % NSEC_PER_SEC},
		.it_value = {left / NSEC_PER_SEC, left % NSEC_PER_SEC},
	};

	return copy_to_user(u, &v, sizeof(v));
}

static i64 expiry(struct posix_timer *pt, i64 value, bool absolute)
{
	i64 now = 0, at;

	if (!is_cpu(pt)) {
		at = absolute ? clock_to_mono(pt->clock, value) : deadline_after(value);
	} else {
		clock_now(pt->clock, &now);
		pt->ran = 0;
		pt->begun = process_cpu(pt->process);
		at = absolute ? value - now : value;
	}
	return max(at, 1ll);
}

SYSCALL(timer_settime, int id, int flags, const struct __kernel_itimerspec *unew, struct __kernel_itimerspec *uold)
{
	struct process *p = current->process;
	i64 value, interval, left = 0, old_interval = 0;
	struct posix_timer *pt;
	int err;

	if (!unew)
		return -EINVAL;
	err = timespec_load(&unew->it_interval, &interval);
	if (!err)
		err = timespec_load(&unew->it_value, &value);
	if (err)
		return err;
	mutex_lock(&p->lock);
	pt = find(p, id);
	if (pt) {
		read_timer(pt, &left, &old_interval);
		pt->interval = interval;
		pt->overrun = pt->last_overrun = 0;
		pt->expires = value ? expiry(pt, value, flags & TIMER_ABSTIME) : 0;
		if (value)
			arm(pt);
	}
	mutex_unlock(&p->lock);
	if (!pt)
		return -EINVAL;
	if (!value)
		ktimer_cancel(&pt->ktimer);
	return uold ? store_spec(uold, left, old_interval) : 0;
}

SYSCALL(timer_gettime, int id, struct __kernel_itimerspec *uv)
{
	struct process *p = current->process;
	i64 left = 0, interval = 0;
	struct posix_timer *pt;

	mutex_lock(&p->lock);
	pt = find(p, id);
	if (pt)
		read_timer(pt, &left, &interval);
	mutex_unlock(&p->lock);
	return pt ? store_spec(uv, left, interval) : -EINVAL;
}

SYSCALL(timer_getoverrun, int id)
{
	struct process *p = current->process;
	struct posix_timer *pt;
	long ret;

	mutex_lock(&p->lock);
	pt = find(p, id);
	ret = pt ? pt->last_overrun : -EINVAL;
	mutex_unlock(&p->lock);
	return ret;
}

SYSCALL(timer_delete, int id)
{
	struct process *p = current->process;
	struct posix_timer *pt;

	mutex_lock(&p->lock);
	pt = find(p, id);
	if (pt)
		withdraw(pt);
	mutex_unlock(&p->lock);
	if (!pt)
		return -EINVAL;
	destroy(p, pt);
	return 0;
}

void process_exec_timers(struct process *p)
{
	for (;;) {
		struct posix_timer *pt = NULL;

		mutex_lock(&p->lock);
		if (!list_empty(&p->timers)) {
			pt = list_first(&p->timers, struct posix_timer, node);
			withdraw(pt);
		}
		mutex_unlock(&p->lock);
		if (!pt)
			return;
		destroy(p, pt);
	}
}

/* Interval timers live on through exec; with the process they go. */
void process_exit_timers(struct process *p)
{
	process_exec_timers(p);
	itimers_free(p);
	cpu_times_end(p);
}
