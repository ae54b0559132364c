/* In place of libos/ptrace: nobody is ever traced. */
#include "libos/ptrace/ptrace.h"

int ptrace_signal(struct thread *t, int sig, struct siginfo_kernel *info)
{
	return sig;
}

void ptrace_group_stop(struct thread *t)
{
}

void ptrace_trap(struct thread *t)
{
}

bool ptrace_call_begins(struct thread *t, struct bz_context *ctx, long *ret)
{
	return true;
}

void ptrace_call_ends(struct thread *t, struct bz_context *ctx)
{
}

bool ptrace_seccomp(struct thread *t, struct bz_context *ctx, u32 data, bool *skip, long *ret)
{
	return false;
}

bool ptrace_event(u32 event, u64 message)
{
	return false;
}

void ptrace_exec(struct thread *t)
{
}

void ptrace_stepped(struct thread *t)
{
}

bool ptrace_watch(struct thread *t, struct bz_context *ctx, struct siginfo_kernel *info)
{
	return false;
}

u32 ptrace_clone_event(u64 clone_flags, u32 exit_signal)
{
	return 0;
}

void ptrace_child(struct thread *child, u32 event, bool always)
{
}

void ptrace_thread_ends(struct thread *t, u32 code)
{
}

bool ptrace_zombie(struct process *p)
{
	return false;
}

void ptrace_reaped(struct process *p)
{
}

void ptrace_tracer_ends(struct process *p)
{
}

bool ptrace_hides(const struct process *child, const struct process *parent)
{
	return false;
}

void ptrace_leader_gone(struct thread *now)
{
}

i32 ptrace_tracer_pid(struct thread *t)
{
	return 0;
}

void ptrace_drain(void)
{
}

void ptrace_unlink(struct ptrace *pt)
{
}

int ptrace_look(struct process *me, int type, i32 id, int options, struct ptrace_found *found)
{
	return -ECHILD;
}

/* For /proc/PID/mem: nobody's but one's own. */
bool ptrace_may_access(struct process *p)
{
	return p == current->process;
}
