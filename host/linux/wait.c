/*
 * Waiting and waking by the host's futexes.  Only wait_on may be stopped by thread_interrupt; it goes through
 * host_block (entry.S).
 */
#include "host/linux/host.h"

#include <linux/futex.h>

static int private_flag(uint32_t flags)
{
	return flags & BZ_WAIT_SHARED ? 0 : FUTEX_PRIVATE_FLAG;
}

int wait_on(uint32_t *word, uint32_t expected, uint32_t mask, uint32_t flags, uint32_t clock, int64_t deadline)
{
	int op = FUTEX_WAIT_BITSET | private_flag(flags);
	struct host_timespec ts, *timeout = NULL;
	bool interruptible = !(flags & BZ_WAIT_UNINTERRUPTIBLE);
	long ret;

	if (clock > BZ_CLOCK_MONOTONIC || (flags & ~(BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE)))
		return -BZ_EINVAL;
	if (clock == BZ_CLOCK_REALTIME)
		op |= FUTEX_CLOCK_REALTIME;
	if (deadline != BZ_NO_DEADLINE) {
		if (deadline < 0)
			deadline = 0;
		ts = (struct host_timespec){deadline / BILLION, deadline % BILLION};
		timeout = &ts;
	}
	for (;;) {
		if (interruptible)
			ret = SYS_BLOCKING(futex, word, op, expected, timeout, 0, mask);
		else
			ret = SYS(futex, word, op, expected, timeout, 0, mask);
		/* A handled signal that was not for us (or the template's SIGCHLD): sleep on. */
		if (ret != -BZ_EINTR || (interruptible && READ_ONCE(block_self()->tcb.interrupted)))
			return ret;
	}
}

int wake(uint32_t *word, uint32_t n, uint32_t mask, uint32_t flags)
{
	int ret;

	if (n > INT32_MAX)
		n = INT32_MAX;
	ret = SYS(futex, word, FUTEX_WAKE_BITSET | private_flag(flags), n, 0, 0, mask);
	/* The template does not sleep on its word but on the operator's socket: see control_next. */
	if (unlikely((uint64_t)word == READ_ONCE(sandbox->control_word)))
		SYS(tgkill, sandbox->template_tid, sandbox->template_tid, HOST_SIGNAL_TEMPLATE);
	return ret;
}

int requeue(uint32_t *word, uint32_t expected, uint32_t n, uint32_t *to, uint32_t m, uint32_t flags)
{
	if (n > INT32_MAX)
		n = INT32_MAX;
	if (m > INT32_MAX)
		m = INT32_MAX;
	return SYS(futex, word, FUTEX_CMP_REQUEUE | private_flag(flags), n, m, to, expected);
}

/* For the host's own words, which are in memory that processes may share. */
void futex_sleep(uint32_t *word, uint32_t expected, uint64_t nanoseconds)
{
	struct host_timespec ts = {nanoseconds / BILLION, nanoseconds % BILLION};

	SYS(futex, word, FUTEX_WAIT, expected, &ts);
}

void futex_wake_shared(uint32_t *word)
{
	SYS(futex, word, FUTEX_WAKE, 1);
}
