/*
 * Keyrings (keyrings(7)) of the guest's own: nothing of the host's.  What the core calls when processes come, change and go; the pointers
 * that it looks at first are null where nobody uses keys.
 */
#ifndef LIBOS_KEYS_H
#define LIBOS_KEYS_H

#include "libos/proc/proc.h"

void keys_of_child(struct process *child, struct process *parent);	/* it has the session's */
void keys_drop_thread(struct thread *t);
void keys_drop_process(struct process *p, bool session);	/* session: that one, too */

static inline void keys_fork(struct process *child, struct process *parent)
{
	if (unlikely(READ_ONCE(parent->session_keyring)))
		keys_of_child(child, parent);
}

/* As Linux's prepare_exec_creds: the thread's and the process's are gone, the session's stays. */
static inline void keys_exec(struct thread *t)
{
	if (unlikely(t->thread_keyring))
		keys_drop_thread(t);
	if (unlikely(t->process->process_keyring))
		keys_drop_process(t->process, false);
}

static inline void keys_thread_exit(struct thread *t)
{
	if (unlikely(t->thread_keyring))
		keys_drop_thread(t);
}

static inline void keys_process_exit(struct process *p)
{
	if (unlikely(p->process_keyring || p->session_keyring))
		keys_drop_process(p, true);
}

#endif
