/*
 * --trace: guest system calls, signals and ends as strace(1) prints them.  Nothing here is called, and nothing is
 * allocated, unless BZ_START_TRACE is set; dispatch asks once a call.
 */
#ifndef LIBOS_TRACE_H
#define LIBOS_TRACE_H

#include "libos/kernel/syscall.h"
#include "libos/proc/proc.h"

static inline bool tracing(void)
{
	return unlikely(boot->flags & BZ_START_TRACE);
}

/* Before the call: what goes in is read now, since exec and the call itself may change it.  e null: no such call. */
void trace_enter(struct thread *t, u64 nr, const struct syscall_entry *e, const u64 args[6]);
/* Behind it: what came out, and the line is sent.  A forked child has no line, as under strace. */
void trace_leave(struct thread *t, long ret);
void trace_signal(struct thread *t, const struct siginfo_kernel *info);
/* The thread ends; code as wait(2) encodes it. */
void trace_exit(struct thread *t, u32 code);

#endif
