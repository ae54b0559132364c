/* In place of libos/trace: the command refuses --trace for such an image. */
#include "libos/trace/trace.h"

void trace_enter(struct thread *t, u64 nr, const struct syscall_entry *e, const u64 args[6])
{
}

void trace_leave(struct thread *t, long ret)
{
}

void trace_signal(struct thread *t, const struct siginfo_kernel *info)
{
}

void trace_exit(struct thread *t, u32 code)
{
}
