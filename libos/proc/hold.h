/* Threads held out of guest code, while the text that they might execute changes. */
#ifndef LIBOS_PROC_HOLD_H
#define LIBOS_PROC_HOLD_H

#include "libos/proc/proc.h"

/* Keep this process's other threads out of guest code; false: one does not come, and none is held. */
bool threads_hold_others(void);
void threads_release_others(void);
/* Each other thread of p has passed a barrier since, or is to before it runs guest code again; false: one does not come. */
bool threads_pass_barrier(struct process *p);
/* A thread may be held out of guest code while text changes (thread->hold): wait until it is let go. */
void thread_wait_hold(struct thread *t);

#endif
