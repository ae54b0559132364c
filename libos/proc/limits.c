/* Resource limits and usage: getrlimit(2), getrusage(2), times(2). */
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/time/time.h"
#include <linux/capability.h>
#include <linux/resource.h>
#include <linux/times.h>

static long get_limit(struct process *p, unsigned int res, struct rlimit64 *out)
{
	mutex_lock(&p->lock);
	out->rlim_cur = p->rlimit[res].soft;
	out->rlim_max = p->rlimit[res].hard;
	mutex_unlock(&p->lock);
	return 0;
}

static long set_limit(struct process *p, unsigned int res, const struct rlimit64 *in)
{
	long ret = 0;

	if (in->rlim_cur > in->rlim_max)
		return -EINVAL;
	/* More descriptors than the sandbox was given streams for cannot be promised. */
	if (res == RLIMIT_NOFILE && in->rlim_max > 1048576)
		return -EPERM;
	mutex_lock(&p->lock);
	if (in->rlim_max > p->rlimit[res].hard && !capable(CAP_SYS_RESOURCE)) {
		ret = -EPERM;
	} else {
		p->rlimit[res].soft = in->rlim_cur;
		p->rlimit[res].hard = in->rlim_max;
	}
	mutex_unlock(&p->lock);
	if (!ret && res == RLIMIT_CPU)
		process_limit_cpu(p);
	return ret;
}

u64 process_cpu(const struct process *p)
{
	i64 ns = current && p == current->process ? host->clock_read(BZ_CLOCK_PROCESS_CPU) :
		 p->thread_count && p->host_pid > 0 ? host->clock_read(BZ_CLOCK_CPU_OF((u32)p->host_pid)) : -EINVAL;

	return ns < 0 ? p->utime_dead + p->stime_dead : (u64)ns;
}

SYSCALL(getrlimit, unsigned int res, struct rlimit64 *ulimit)
{
	struct rlimit64 l;

	if (res >= RLIM_NLIMITS)
		return -EINVAL;
	get_limit(current->process, res, &l);
	return copy_to_user(ulimit, &l, sizeof(l));
}

SYSCALL(setrlimit, unsigned int res, const struct rlimit64 *ulimit)
{
	struct rlimit64 l;

	if (copy_from_user(&l, ulimit, sizeof(l)))
		return -EFAULT;
	if (res >= RLIM_NLIMITS)
		return -EINVAL;
	return set_limit(current->process, res, &l);
}

static bool may_limit(const struct process *p)
{
	const struct cred *a = &current->process->cred, *b = &p->cred;

	return capable(CAP_SYS_RESOURCE) || (a->uid == b->euid && a->uid == b->suid && a->uid == b->uid &&
					     a->gid == b->egid && a->gid == b->sgid && a->gid == b->gid);
}

SYSCALL(prlimit64, int pid, unsigned int res, const struct rlimit64 *unew, struct rlimit64 *uold)
{
	struct rlimit64 in = {0}, old;
	struct process *p;
	struct thread *t;
	long ret = 0;

	if (res >= RLIM_NLIMITS)
		return -EINVAL;
	if (unew && copy_from_user(&in, unew, sizeof(in)))
		return -EFAULT;
	t = thread_find(pid ? pid : current->tid);
	if (!t)
		return -ESRCH;
	p = t->process;
	if (p != current->process && !may_limit(p))
		ret = -EPERM;
	if (!ret)
		get_limit(p, res, &old);
	if (!ret && unew)
		ret = set_limit(p, res, &in);
	thread_put(t);
	if (!ret && uold && copy_to_user(uold, &old, sizeof(old)))
		return -EFAULT;
	return ret;
}

static void set_time(struct __kernel_old_timeval *tv, u64 ns)
{
	tv->tv_sec = ns / NSEC_PER_SEC;
	tv->tv_usec = ns % NSEC_PER_SEC / 1000;
}

SYSCALL(getrusage, int who, struct rusage *uru)
{
	struct process *p = current->process;
	struct rusage ru = {0};
	u64 user, system;

	switch (who) {
	case RUSAGE_SELF:
		cpu_times(p, &user, &system);
		set_time((void *)&ru.ru_utime, user);
		set_time((void *)&ru.ru_stime, system);
		break;
	case RUSAGE_CHILDREN:
		set_time((void *)&ru.ru_utime, p->child_utime);
		set_time((void *)&ru.ru_stime, p->child_stime);
		break;
	case RUSAGE_THREAD:
		set_time((void *)&ru.ru_utime, host->clock_read(BZ_CLOCK_THREAD_CPU));
		break;
	default:
		return -EINVAL;
	}
	if (who != RUSAGE_CHILDREN) {
		/* What is resident the host alone knows; what is mapped, or allowed, bounds it from above. */
		ru.ru_maxrss = min(p->mm->total_pages * PAGE_SIZE, boot->memory_limit) >> 10;
		ru.ru_minflt = p->ru.minflt;
		ru.ru_majflt = p->ru.majflt;
		ru.ru_inblock = p->ru.inblock;
		ru.ru_oublock = p->ru.oublock;
		ru.ru_nvcsw = p->ru.nvcsw;
		ru.ru_nivcsw = p->ru.nivcsw;
	}
	return copy_to_user(uru, &ru, sizeof(ru));
}

#define TICK_NS (NSEC_PER_SEC / 100)

SYSCALL(times, struct tms *utms)
{
	struct process *p = current->process;
	struct tms tms = {.tms_cutime = p->child_utime / TICK_NS, .tms_cstime = p->child_stime / TICK_NS};
	u64 user, system;

	cpu_times(p, &user, &system);
	tms.tms_utime = user / TICK_NS;
	tms.tms_stime = system / TICK_NS;
	if (utms && copy_to_user(utms, &tms, sizeof(tms)))
		return -EFAULT;
	return host->clock_read(BZ_CLOCK_MONOTONIC) / TICK_NS;
}
