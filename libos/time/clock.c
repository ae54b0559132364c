/* Clocks: clock_gettime(2), gettimeofday(2), time(2) and their setters, which no guest may use. */
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/time/time.h"
#include <linux/capability.h>
#include <linux/timex.h>

#define NS_MAX INT64_MAX
#define COARSE_NS 4000000	/* a tick at 250 Hz */

i64 clock_ns(u32 clock)
{
	return host->clock_read(clock);
}

int timespec_load(const struct __kernel_timespec *uts, i64 *ns)
{
	struct __kernel_timespec ts;

	if (get_user(ts, uts))
		return -EFAULT;
	if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	*ns = ts.tv_sec >= NS_MAX / NSEC_PER_SEC ? NS_MAX : ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	return 0;
}

int timespec_store(struct __kernel_timespec *uts, i64 ns)
{
	struct __kernel_timespec ts = {ns / NSEC_PER_SEC, ns % NSEC_PER_SEC};

	return put_user(ts, uts);
}

/* Negative ids are CPU clocks: ~pid << 3 | kind, bit 2 for a thread (linux/posix-timers.h). */
static int cpu_clock(i32 id, i64 *ns)
{
	i32 pid = ~(id >> 3);
	bool thread = id & 4;

	if ((id & 3) == 3)
		return -EINVAL;
	if (thread ? pid && pid != current->tid : pid && pid != current->process->pid)
		return -EINVAL;
	*ns = clock_ns(thread ? BZ_CLOCK_THREAD_CPU : BZ_CLOCK_PROCESS_CPU);
	return 0;
}

int clock_now(i32 id, i64 *ns)
{
	if (id < 0)
		return cpu_clock(id, ns);
	switch (id) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_ALARM:
	case CLOCK_TAI:
		*ns = now_real();
		return 0;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
		*ns = now_mono();
		return 0;
	case CLOCK_REALTIME_COARSE:
	case CLOCK_MONOTONIC_COARSE:
		*ns = clock_ns(id);
		return 0;
	case CLOCK_BOOTTIME:
	case CLOCK_BOOTTIME_ALARM:
		*ns = clock_ns(BZ_CLOCK_BOOTTIME);
		return 0;
	case CLOCK_PROCESS_CPUTIME_ID:
		*ns = clock_ns(BZ_CLOCK_PROCESS_CPU);
		return 0;
	case CLOCK_THREAD_CPUTIME_ID:
		*ns = clock_ns(BZ_CLOCK_THREAD_CPU);
		return 0;
	}
	return -EINVAL;
}

bool clock_can_sleep(i32 id)
{
	return id == CLOCK_REALTIME || id == CLOCK_MONOTONIC || id == CLOCK_BOOTTIME || id == CLOCK_TAI ||
	       id == CLOCK_REALTIME_ALARM || id == CLOCK_BOOTTIME_ALARM;
}

i64 clock_to_mono(i32 id, i64 deadline)
{
	i64 now, mono = now_mono(), left;

	if (id == CLOCK_MONOTONIC || clock_now(id, &now))
		return deadline;
	if (__builtin_sub_overflow(deadline, now, &left) || __builtin_add_overflow(mono, left, &left))
		return BZ_NO_DEADLINE;
	return left;
}

i64 deadline_after(i64 timeout)
{
	i64 d;

	if (timeout < 0 || __builtin_add_overflow(now_mono(), timeout, &d))
		return BZ_NO_DEADLINE;
	return d;
}

SYSCALL(clock_gettime, int id, struct __kernel_timespec *uts)
{
	i64 ns;
	int err = clock_now(id, &ns);

	return err ? err : timespec_store(uts, ns);
}

SYSCALL(clock_getres, int id, struct __kernel_timespec *uts)
{
	i64 ns;
	int err = clock_now(id, &ns);

	if (err || !uts)
		return err;
	return timespec_store(uts, id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE ? COARSE_NS : 1);
}

static long may_not_set(void)
{
	/* The clock is the host's; even a guest's root cannot move it, as in a container. */
	return -EPERM;
}

SYSCALL(clock_settime, int id, const struct __kernel_timespec *uts)
{
	i64 ns;
	int err;

	if (id != CLOCK_REALTIME)
		return -EINVAL;
	err = timespec_load(uts, &ns);
	return err ? err : may_not_set();
}

SYSCALL(gettimeofday, struct __kernel_old_timeval *utv, void *tz)
{
	i64 ns = now_real();
	struct __kernel_old_timeval tv = {ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000};
	i32 zone[2] = {0, 0};

	if (utv && copy_to_user(utv, &tv, sizeof(tv)))
		return -EFAULT;
	return tz ? copy_to_user(tz, zone, sizeof(zone)) : 0;
}

SYSCALL(settimeofday, const struct __kernel_old_timeval *utv, const void *tz)
{
	struct __kernel_old_timeval tv;

	if (utv) {
		if (get_user(tv, utv))
			return -EFAULT;
		if (tv.tv_usec < 0 || tv.tv_usec >= 1000000)
			return -EINVAL;
	}
	return may_not_set();
}

SYSCALL(time, i64 *ut)
{
	i64 s = clock_ns(BZ_CLOCK_REALTIME_COARSE) / NSEC_PER_SEC;

	return ut && put_user(s, ut) ? -EFAULT : s;
}

/* Reading the clock's discipline is allowed to all; what is shown is an undisciplined one (adjtimex(2)). */
static long do_adjtimex(struct timex *utx)
{
	struct timex tx;
	i64 ns = now_real();

	if (copy_from_user(&tx, utx, sizeof(tx)))
		return -EFAULT;
	/* ADJ_ADJTIME goes with ADJ_OFFSET alone. */
	if ((tx.modes & 0x8000) && !(tx.modes & 1))
		return -EINVAL;
	if (tx.modes)
		return may_not_set();
	memset(&tx, 0, sizeof(tx));
	tx.status = STA_UNSYNC;
	tx.tick = 10000;
	tx.maxerror = tx.esterror = 16000000;
	tx.constant = 2;
	tx.precision = 1;
	tx.tolerance = 32768000;
	tx.time.tv_sec = ns / NSEC_PER_SEC;
	tx.time.tv_usec = ns % NSEC_PER_SEC / 1000;
	return copy_to_user(utx, &tx, sizeof(tx)) ? -EFAULT : TIME_ERROR;
}

SYSCALL(adjtimex, struct timex *tx)
{
	return do_adjtimex(tx);
}

SYSCALL(clock_adjtime, int id, struct timex *tx)
{
	i64 ns;

	if (id != CLOCK_REALTIME)
		return clock_now(id, &ns) ? -EINVAL : -EOPNOTSUPP;
	return do_adjtimex(tx);
}
