/* sched(7) calls: kept and told as the guest sets them; the host's scheduler treats all threads of a sandbox alike. */
#include "libos/proc/internal.h"
#include <linux/capability.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/sched/types.h>

#define SCHED_RESET SCHED_RESET_ON_FORK
#define DEADLINE_PERIOD_MIN_NS 100000ull	/* kernel.sched_deadline_period_min_us, .._max_us */
#define DEADLINE_PERIOD_MAX_NS (4194304ull * 1000)

struct param {
	int priority;
};

SYSCALL0(sched_yield)
{
	host->thread_yield();
	return 0;
}

/* Referenced; 0 is the caller. */
static struct thread *target(i32 pid)
{
	return thread_find(pid ? pid : current->tid);
}

/* What a policy was is told of a process, too, that has ended and was not waited for. */
static long policy_of(i32 pid, u32 *policy, i32 *priority)
{
	struct thread *t = target(pid);
	struct process *p;

	if (t && READ_ONCE(t->state) != THREAD_DEAD) {
		*policy = t->sched_policy;
		*priority = t->sched_priority;
		thread_put(t);
		return 0;
	}
	if (t)
		thread_put(t);
	p = process_find(pid);
	if (!p)
		return -ESRCH;
	*policy = p->dead_policy;
	*priority = p->dead_priority;
	process_put(p);
	return 0;
}

static bool may_change(const struct thread *t)
{
	const struct cred *me = &current->process->cred, *him = &t->process->cred;

	return me->euid == him->uid || me->euid == him->euid || capable(CAP_SYS_NICE);
}

static u64 cpus_all(void)
{
	return boot->cpus >= 64 ? ~0ull : (1ull << max(boot->cpus, 1u)) - 1;
}

SYSCALL(sched_getaffinity, int pid, unsigned int len, unsigned long *umask)
{
	struct thread *t;
	u64 mask;

	if (len * 8 < boot->cpus || (len & 7))
		return -EINVAL;
	t = target(pid);
	if (!t)
		return -ESRCH;
	mask = t->cpu_affinity_set ? t->cpu_affinity : cpus_all();
	thread_put(t);
	return copy_to_user(umask, &mask, sizeof(mask)) ? -EFAULT : (long)sizeof(mask);
}

SYSCALL(sched_setaffinity, int pid, unsigned int len, const unsigned long *umask)
{
	struct thread *t;
	u64 mask = 0;
	long ret = 0;

	if (copy_from_user(&mask, umask, min((size_t)len, sizeof(mask))))
		return -EFAULT;
	t = target(pid);
	if (!t)
		return -ESRCH;
	mask &= cpus_all();
	if (!may_change(t)) {
		ret = -EPERM;
	} else if (!mask) {
		ret = -EINVAL;
	} else {
		t->cpu_affinity = mask;
		t->cpu_affinity_set = 1;
	}
	thread_put(t);
	return ret;
}

/* The limit of segment 15 is the processor and node, by the kernel's convention, as its vDSO reads it. */
static u32 cpu_now(void)
{
	u32 v = 0;

	__asm__ volatile("lsl %1, %0" : "+r"(v) : "r"(0x7b));
	return v & 0xfff;
}

SYSCALL(getcpu, unsigned int *cpu, unsigned int *node, void *cache)
{
	u32 n = cpu_now();

	/* A sandbox that is shown fewer processors must not hear of others. */
	if (boot->cpus)
		n %= boot->cpus;
	if (cpu && put_user(n, cpu))
		return -EFAULT;
	return node && put_user(0u, node) ? -EFAULT : 0;
}

/* --- policies --- */

static int priority_range(int policy, int *lo, int *hi)
{
	*lo = *hi = 0;
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		*lo = 1;
		*hi = 99;
		return 0;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
	case SCHED_DEADLINE:
		return 0;
	}
	return -EINVAL;
}

SYSCALL(sched_get_priority_max, int policy)
{
	int lo, hi, err = priority_range(policy, &lo, &hi);

	return err ? err : hi;
}

SYSCALL(sched_get_priority_min, int policy)
{
	int lo, hi, err = priority_range(policy, &lo, &hi);

	return err ? err : lo;
}

/* sched(7): runtime <= deadline <= period (0: the deadline), none too short to be kept. */
static bool reservation_ok(const struct sched_attr *a)
{
	u64 period = a->sched_period ? a->sched_period : a->sched_deadline;

	return a->sched_deadline && a->sched_runtime >= 1024 && !(a->sched_deadline >> 63) && !(period >> 63) &&
	       a->sched_runtime <= a->sched_deadline && a->sched_deadline <= period && period >= DEADLINE_PERIOD_MIN_NS &&
	       period <= DEADLINE_PERIOD_MAX_NS;
}

/* a: what a SCHED_DEADLINE wants, or null. */
static long set_policy(struct thread *t, int policy, int priority, bool reset, const struct sched_attr *a)
{
	int lo, hi;

	if (policy < 0)
		policy = t->sched_policy & ~SCHED_RESET;
	if (policy == SCHED_DEADLINE && (!a || !reservation_ok(a)))
		return -EINVAL;
	if (priority_range(policy, &lo, &hi) || priority < lo || priority > hi)
		return -EINVAL;
	if (!capable(CAP_SYS_NICE)) {
		if (!may_change(t) || policy == SCHED_DEADLINE)
			return -EPERM;
		if (priority && (u64)priority > t->process->rlimit[RLIMIT_RTPRIO].soft && priority > t->sched_priority)
			return -EPERM;
		if ((t->sched_policy & SCHED_RESET) && !reset)
			return -EPERM;
	}
	if (policy == SCHED_DEADLINE) {
		t->sched_runtime = a->sched_runtime;
		t->sched_deadline = a->sched_deadline;
		t->sched_period = a->sched_period ? a->sched_period : a->sched_deadline;
	}
	t->sched_policy = policy | (reset ? SCHED_RESET : 0);
	t->sched_priority = priority;
	return 0;
}

SYSCALL(sched_setscheduler, int pid, int policy, const struct param *uparam)
{
	struct thread *t;
	struct param p;
	long ret;

	if (policy < 0 || !uparam || pid < 0)
		return -EINVAL;
	if (copy_from_user(&p, uparam, sizeof(p)))
		return -EFAULT;
	t = target(pid);
	if (!t)
		return -ESRCH;
	ret = set_policy(t, policy & ~SCHED_RESET, p.priority, policy & SCHED_RESET, NULL);
	thread_put(t);
	return ret;
}

SYSCALL(sched_getscheduler, int pid)
{
	i32 priority;
	u32 policy;
	long err;

	if (pid < 0)
		return -EINVAL;
	err = policy_of(pid, &policy, &priority);
	return err ? err : policy;
}

SYSCALL(sched_setparam, int pid, const struct param *uparam)
{
	struct thread *t;
	struct param p;
	long ret;

	if (!uparam || pid < 0)
		return -EINVAL;
	if (copy_from_user(&p, uparam, sizeof(p)))
		return -EFAULT;
	t = target(pid);
	if (!t)
		return -ESRCH;
	ret = set_policy(t, -1, p.priority, t->sched_policy & SCHED_RESET, NULL);
	thread_put(t);
	return ret;
}

SYSCALL(sched_getparam, int pid, struct param *uparam)
{
	struct param p;
	u32 policy;
	long err;

	if (!uparam || pid < 0)
		return -EINVAL;
	err = policy_of(pid, &policy, &p.priority);
	return err ? err : copy_to_user(uparam, &p, sizeof(p));
}

SYSCALL(sched_rr_get_interval, int pid, struct __kernel_timespec *uts)
{
	struct __kernel_timespec ts = {0};
	struct thread *t;

	if (pid < 0)
		return -EINVAL;
	t = target(pid);
	if (!t)
		return -ESRCH;
	if ((t->sched_policy & ~SCHED_RESET) == SCHED_RR)
		ts.tv_nsec = 100000000;
	else if ((t->sched_policy & ~SCHED_RESET) != SCHED_FIFO)
		ts.tv_nsec = 4000000;
	thread_put(t);
	return copy_to_user(uts, &ts, sizeof(ts));
}

static int clamp_nice(int nice)
{
	return nice < -20 ? -20 : nice > 19 ? 19 : nice;
}

/* A new thread of one that asked for SCHED_RESET_ON_FORK begins as an ordinary one. */
void sched_reset(struct thread *t)
{
	u32 policy = t->sched_policy & ~SCHED_RESET;

	if (!(t->sched_policy & SCHED_RESET))
		return;
	t->sched_policy = policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE ? SCHED_NORMAL : policy;
	t->sched_priority = 0;
	if (policy == SCHED_FIFO || policy == SCHED_RR || policy == SCHED_DEADLINE || t->nice < 0)
		t->nice = 0;
}

SYSCALL(sched_setattr, int pid, struct sched_attr *uattr, unsigned int flags)
{
	struct sched_attr a = {0};
	struct thread *t;
	u32 size;
	long ret;

	if (!uattr || pid < 0 || flags)
		return -EINVAL;
	if (get_user(size, &uattr->size))
		return -EFAULT;
	if (!size)
		size = SCHED_ATTR_SIZE_VER0;
	if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE) {
		put_user((u32)sizeof(a), &uattr->size);
		return -E2BIG;
	}
	if (copy_from_user(&a, uattr, min((size_t)size, sizeof(a))))
		return -EFAULT;
	for (u32 at = sizeof(a); at < size; at++) {
		u8 b;

		if (get_user(b, (u8 *)uattr + at))
			return -EFAULT;
		if (b) {
			put_user((u32)sizeof(a), &uattr->size);
			return -E2BIG;
		}
	}
	if ((i32)a.sched_policy < 0 || (a.sched_flags & ~(u64)SCHED_FLAG_ALL))
		return -EINVAL;
	t = target(pid);
	if (!t)
		return -ESRCH;
	ret = set_policy(t, a.sched_flags & SCHED_FLAG_KEEP_POLICY ? -1 : (int)a.sched_policy, a.sched_priority,
			 a.sched_flags & SCHED_FLAG_RESET_ON_FORK, &a);
	if (!ret && (a.sched_policy == SCHED_NORMAL || a.sched_policy == SCHED_BATCH))
		t->nice = clamp_nice(a.sched_nice);
	thread_put(t);
	return ret;
}

SYSCALL(sched_getattr, int pid, struct sched_attr *uattr, unsigned int size, unsigned int flags)
{
	struct sched_attr a = {0};
	struct thread *t;

	if (!uattr || pid < 0 || size > PAGE_SIZE || size < SCHED_ATTR_SIZE_VER0 || flags)
		return -EINVAL;
	t = target(pid);
	if (!t)
		return -ESRCH;
	a.size = min((size_t)size, sizeof(a));
	a.sched_policy = t->sched_policy & ~SCHED_RESET;
	a.sched_flags = t->sched_policy & SCHED_RESET ? SCHED_FLAG_RESET_ON_FORK : 0;
	a.sched_priority = t->sched_priority;
	a.sched_nice = t->nice;
	if (a.sched_policy == SCHED_DEADLINE) {
		a.sched_runtime = t->sched_runtime;
		a.sched_deadline = t->sched_deadline;
		a.sched_period = t->sched_period;
	}
	thread_put(t);
	return copy_to_user(uattr, &a, a.size);
}

/* --- nice --- */

/* Apply fn to all threads that (which, who) names; how many there were. */
static int each_target(int which, int who, void (*fn)(struct thread *t, void *arg), void *arg)
{
	struct process *me = current->process, *p;
	struct thread *t;
	int n = 0;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash) {
		mutex_lock(&p->lock);
		list_for_each(t, &p->threads, node) {
			if (which == 0 ? t->tid != (who ? who : current->tid) :
			    which == 1 ? p->pgrp != (who ? who : me->pgrp) :
					 p->cred.uid != (who ? (u32)who : me->cred.uid))
				continue;
			fn(t, arg);
			n++;
		}
		mutex_unlock(&p->lock);
	}
	mutex_unlock(&tasklist_lock);
	return n;
}

static void max_nice(struct thread *t, void *arg)
{
	long *best = arg;

	*best = max(*best, (long)(20 - t->nice));
}

SYSCALL(getpriority, int which, int who)
{
	long best = -ESRCH;

	if (which < 0 || which > 2)
		return -EINVAL;
	each_target(which, who, max_nice, &best);
	return best;
}

struct nice_request {
	int nice;
	long error;
};

static void set_nice(struct thread *t, void *arg)
{
	struct nice_request *r = arg;
	u64 floor = t->process->rlimit[RLIMIT_NICE].soft;

	if (!may_change(t))
		r->error = -EPERM;
	else if (r->nice < t->nice && !capable(CAP_SYS_NICE) && (u64)(20 - r->nice) > floor)
		r->error = -EACCES;
	else
		t->nice = r->nice;
}

SYSCALL(setpriority, int which, int who, int nice)
{
	struct nice_request r = {.nice = clamp_nice(nice)};

	if (which < 0 || which > 2)
		return -EINVAL;
	return each_target(which, who, set_nice, &r) ? r.error : -ESRCH;
}

static void one_ioprio(struct thread *t, void *arg)
{
	*(int *)arg = t->ioprio;
}

/* Of several the highest: a smaller class, then a smaller level; who has none counts as best effort. */
static void best_ioprio(struct thread *t, void *arg)
{
	int *best = arg;
	int now = t->ioprio >> IOPRIO_CLASS_SHIFT ? t->ioprio : IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, IOPRIO_BE_NORM);

	if (*best < 0 || now < *best)
		*best = now;
}

static void set_ioprio(struct thread *t, void *arg)
{
	t->ioprio = *(int *)arg;
}

SYSCALL(ioprio_get, int which, int who)
{
	int best = -1;

	if (which < 1 || which > 3)
		return -EINVAL;
	return each_target(which - 1, who, which == 1 ? one_ioprio : best_ioprio, &best) ? best : -ESRCH;
}

SYSCALL(ioprio_set, int which, int who, int ioprio)
{
	int class = ioprio >> 13, level = ioprio & 0x1fff;

	switch (class) {
	case IOPRIO_CLASS_RT:
		if (!capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
			return -EPERM;
		fallthrough;
	case IOPRIO_CLASS_BE:
		if (level >= 8)
			return -EINVAL;
		break;
	case IOPRIO_CLASS_IDLE:
		break;
	case IOPRIO_CLASS_NONE:
		if (level)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (which < 1 || which > 3)
		return -EINVAL;
	/* Disk scheduling is the host's; the wish is remembered and has no weight. */
	return each_target(which - 1, who, set_ioprio, &ioprio) ? 0 : -ESRCH;
}
