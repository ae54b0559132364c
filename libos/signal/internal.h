/* What the parts of signal/ share. */
#ifndef LIBOS_SIGNAL_INTERNAL_H
#define LIBOS_SIGNAL_INTERNAL_H

#include "libos/signal/signal.h"
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif
#define SS_FLAG_BITS SS_AUTODISARM
#ifndef SS_ONSTACK
#define SS_ONSTACK 1
#define SS_DISABLE 2
#endif

#define SIGRTMIN_KERNEL 32
#define STOP_SIGNALS (SIG_BIT(SIGSTOP) | SIG_BIT(SIGTSTP) | SIG_BIT(SIGTTIN) | SIG_BIT(SIGTTOU))
#define IGNORED_BY_DEFAULT (SIG_BIT(SIGCHLD) | SIG_BIT(SIGCONT) | SIG_BIT(SIGURG) | SIG_BIT(SIGWINCH))

int signal_take(struct thread *t, sigset_kernel set, struct siginfo_kernel *info);	/* sighand locked */
void sigpending_drop(struct sigpending *p, sigset_kernel set);				/* sighand locked */
struct sigqueue *sigqueue_alloc(u64 limit, struct posix_timer *timer);	/* null: the limit, or no memory */
/* Its process is stopped by job control, and it is not one that its tracer let run meanwhile. */
static inline bool signal_stopped(const struct thread *t)
{
	return READ_ONCE(t->process->stopped) && !(READ_ONCE(t->ptrace) && t->stop_seen == t->process->stops);
}
/* Make a thread look at its signals soon, wherever it is. */
void signal_kick(struct thread *t);
/* A timer's signal was taken from the queue: fill in overruns and arm it again (time/posix_timer.c). */
void posix_timer_delivered(struct posix_timer *timer, struct siginfo_kernel *info);

/* frame.c: enter the handler; -EFAULT when the stack is bad.  `mask` is what rt_sigreturn restores. */
int signal_frame_setup(struct bz_context *ctx, const struct sigaction_kernel *act, const struct siginfo_kernel *info,
		       sigset_kernel mask);
bool on_altstack(const struct thread *t, u64 sp);
/* sigaltstack's own checks; flags as in stack_t. */
long altstack_set(struct thread *t, u64 sp, u32 flags, u64 size, u64 current_sp);

#define CORE_SIGNALS                                                                                         \
	(SIG_BIT(SIGQUIT) | SIG_BIT(SIGILL) | SIG_BIT(SIGTRAP) | SIG_BIT(SIGABRT) | SIG_BIT(SIGFPE) | SIG_BIT(SIGSEGV) | \
	 SIG_BIT(SIGBUS) | SIG_BIT(SIGSYS) | SIG_BIT(SIGXCPU) | SIG_BIT(SIGXFSZ))

#endif
