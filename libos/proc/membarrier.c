/*
 * membarrier(2), the private expedited and the global kinds.  The host has no such call for us, but text changes need the same thing: every other
 * thread out of guest code at once (rewrite/hold.c).  Who leaves it has its stores seen before; who goes back does so behind
 * a locked exchange, after the caller's own.
 */
#include "libos/proc/internal.h"
#include "libos/proc/hold.h"
#include "libos/signal/signal.h"
#include <linux/membarrier.h>

#define REGISTERED_PRIVATE 1u
#define REGISTERED_GLOBAL 2u

static long expedited(struct process *p)
{
	if (!(READ_ONCE(p->membarrier_registered) & REGISTERED_PRIVATE))
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

/* The process behind the one with this number, or null: by number, so that it can be gone on from without a lock. */
static struct process *next_process(i32 pid)
{
	struct process *p, *best = NULL;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		if (p->pid > pid && (!best || p->pid < best->pid))
			best = p;
	if (best)
		ref_get(&best->refs);
	mutex_unlock(&tasklist_lock);
	return best;
}

/* Of all processes, or of those that asked for it. */
static long global(bool registered)
{
	struct process *p;
	i32 pid = 0;

	for (; (p = next_process(pid)); pid = p->pid, process_put(p)) {
		if (registered && !(READ_ONCE(p->membarrier_registered) & REGISTERED_GLOBAL))
			continue;
		while (!threads_pass_barrier(p))
			if (thread_must_exit(current)) {
				process_put(p);
				return -EINTR;
			}
	}
	return 0;
}

SYSCALL(membarrier, int cmd, unsigned int flags, int cpu)
{
	struct process *p = current->process;

	if (flags)
		return -EINVAL;
	switch (cmd) {
	case MEMBARRIER_CMD_QUERY:
		return MEMBARRIER_CMD_PRIVATE_EXPEDITED | MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED | MEMBARRIER_CMD_GLOBAL |
		       MEMBARRIER_CMD_GLOBAL_EXPEDITED | MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED;
	case MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED:
		__atomic_fetch_or(&p->membarrier_registered, REGISTERED_PRIVATE, __ATOMIC_SEQ_CST);
		return 0;
	case MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED:
		__atomic_fetch_or(&p->membarrier_registered, REGISTERED_GLOBAL, __ATOMIC_SEQ_CST);
		return 0;
	case MEMBARRIER_CMD_GLOBAL:
	case MEMBARRIER_CMD_GLOBAL_EXPEDITED:
		return global(cmd == MEMBARRIER_CMD_GLOBAL_EXPEDITED);
	case MEMBARRIER_CMD_PRIVATE_EXPEDITED:
		return expedited(p);
	}
	return -EINVAL;
}
