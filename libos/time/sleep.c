/* nanosleep(2) and clock_nanosleep(2): absolute deadlines inside, so that a restart sleeps no longer than asked. */
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/time/time.h"


int sleep_until(i64 deadline)
{
	for (;;) {
		u32 seq = thread_wake_seq();

		if (signal_is_pending())
			return -EINTR;
		if (thread_sleep(seq, deadline) == -ETIMEDOUT || now_mono() >= deadline)
			return 0;
	}
}

/* restart_args: monotonic deadline, the guest's remainder pointer. */
static long sleep_relative(struct thread *t)
{
	i64 deadline = t->restart_args[0], left;
	struct __kernel_timespec *urem = (void *)t->restart_args[1];

	if (!sleep_until(deadline))
		return 0;
	left = deadline - now_mono();
	if (left <= 0)
		return 0;
	if (urem && timespec_store(urem, left))
		return -EFAULT;
	return -ERESTART_RESTARTBLOCK;
}

static long start_sleep(i64 ns, struct __kernel_timespec *urem)
{
	struct thread *t = current;

	t->restart = sleep_relative;
	t->restart_args[0] = deadline_after(ns);
	t->restart_args[1] = (u64)urem;
	return sleep_relative(t);
}

SYSCALL(nanosleep, const struct __kernel_timespec *ureq, struct __kernel_timespec *urem)
{
	i64 ns;
	int err = timespec_load(ureq, &ns);

	return err ? err : start_sleep(ns, urem);
}

/* A realtime clock can be set under a sleeper; look again now and then. */
static long sleep_absolute(i32 id, i64 deadline)
{
	i64 slice = 500 * 1000000ll;

	for (;;) {
		i64 mono = clock_to_mono(id, deadline), now = now_mono();

		if (mono <= now)
			return 0;
		if (id != CLOCK_MONOTONIC && mono - now > slice)
			mono = now + slice;
		if (sleep_until(mono))
			return -ERESTARTNOHAND;
	}
}

SYSCALL(clock_nanosleep, int id, int flags, const struct __kernel_timespec *ureq, struct __kernel_timespec *urem)
{
	i64 ns, unused;
	int err;

	if (!clock_can_sleep(id)) {
		if (clock_now(id, &unused))
			return -EINVAL;
		return -EOPNOTSUPP;
	}
	err = timespec_load(ureq, &ns);
	if (err)
		return err;
	return flags & TIMER_ABSTIME ? sleep_absolute(id, ns) : start_sleep(ns, urem);
}
