/*
 * membarrier(2), the private expedited kind.  The host has no such call for us, but text changes need the same thing: every other
 * thread out of guest code at once (rewrite/hold.c).  Who leaves it has its stores seen before; who goes back does so behind
 * a locked exchange, after the caller's own.
 */
#include "libos/proc/internal.h"
#include "libos/proc/hold.h"
#include "libos/signal/signal.h"
#include <linux/membarrier.h>

static long expedited(struct process *p)
{
	if (!READ_ONCE(p->membarrier_registered))
		return -EPERM;
	if (READ_ONCE(p->thread_count) == 1)
		return 0;
	/* A thread may be long in coming where processors are scarce. */
	while (!threads_hold_others())
		if (thread_must_exit(current))
			return -EINTR;
	threads_release_others();
	return 0;
}

SYSCALL(membarrier, int cmd, unsigned int flags, int cpu)
{
	struct process *p = current->process;

	if (flags)
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		WRITE_ONCE(p->membarrier_registered, 1);
		return 0;
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		return expedited(p);
	}
	return -EINVAL;
}
