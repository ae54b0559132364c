/*
 * Delivery: what happens between a system call (or a fault, or an interrupt) and the guest's next instruction.  Restart rules
 * of signal(7), default actions, job control stops.
 */
#include "libos/coredump/coredump.h"
#include "libos/mm/mm.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/internal.h"
#include "libos/trace/trace.h"
#include <asm/unistd_64.h>
#include <linux/ptrace.h>

#define SYSCALL_LENGTH 2	/* bytes of the instruction that a restart runs again */

static void restart_call(struct thread *t, struct bz_context *ctx, u64 nr)
{
	ctx->rax = nr;
	ctx->rip -= SYSCALL_LENGTH;
	ctx->flags |= BZ_CTX_FULL;
	t->orig_rax = ~0ull;
}

/* The interrupted call's fate when a handler runs. */
static void restart_for_handler(struct thread *t, struct bz_context *ctx, const struct sigaction_kernel *act)
{
	if (t->orig_rax == ~0ull)
		return;
	switch (-(long)ctx->rax) {
	case ERESTART_RESTARTBLOCK:
	case ERESTARTNOHAND:
		ctx->rax = -EINTR;
		break;
	case ERESTARTSYS:
		if (!(act->flags & SA_RESTART)) {
			ctx->rax = -EINTR;
			break;
		}
		restart_call(t, ctx, t->orig_rax);
		break;
	case ERESTARTNOINTR:
		restart_call(t, ctx, t->orig_rax);
		break;
	}
	t->orig_rax = ~0ull;
}

static void restart_without_handler(struct thread *t, struct bz_context *ctx)
{
	if (t->orig_rax == ~0ull)
		return;
	switch (-(long)ctx->rax) {
	case ERESTARTSYS:
	case ERESTARTNOHAND:
	case ERESTARTNOINTR:
		restart_call(t, ctx, t->orig_rax);
		break;
	case ERESTART_RESTARTBLOCK:
		restart_call(t, ctx, __NR_restart_syscall);
		break;
	}
}

static bool orphaned_group(struct process *me)
{
	struct process *p;
	bool orphaned = true;

	/*
	 * A member whose parent is in the same session but another group keeps a group from being orphaned.  The first
	 * process has its parent outside: the command, which is the job of a shell.
	 */
	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash) {
		if (p->pgrp != me->pgrp)
			continue;
		if (p->parent ? p->parent->session == p->session && p->parent->pgrp != p->pgrp :
				p == init_process && (boot->flags & BZ_START_JOB))
			orphaned = false;
	}
	mutex_unlock(&tasklist_lock);
	return orphaned;
}

static void stop_process(struct thread *t, int sig)
{
	struct process *p = t->process;
	struct thread *other;

	if (sig != SIGSTOP && orphaned_group(p))
		return;
	mutex_lock(&p->lock);
	if (!t->stop_taken) {
		mutex_unlock(&p->lock);
		return;
	}
	if (!p->stopped) {
		p->stopped = 1;
		p->stops++;
		p->stop_signal = sig;
		list_for_each(other, &p->threads, node)
			signal_kick(other);
	}
	mutex_unlock(&p->lock);
	process_report_state(p, PROC_WAIT_STOPPED, sig);
	if (p == init_process && (boot->flags & BZ_START_JOB))
		printk(BZ_LOG_STOPPED, "%d", sig);
}

/* Sleep while the process is stopped; SIGKILL and SIGCONT clear the mark. */
static void wait_while_stopped(struct thread *t)
{
	struct process *p = t->process;

	t->state = THREAD_STOPPED;
	while (READ_ONCE(p->stopped) && !thread_must_exit(t) && !ptraced(t)) {
		u32 seq = thread_wake_seq();

		if (p->mm)
			mm_serve_requests(p->mm);
		if (!READ_ONCE(p->stopped) || ptraced(t))
			break;
		WRITE_ONCE(current_tcb()->interrupted, 0);
		__atomic_store_n(&t->sleep_kind, SLEEP_FUTEX, __ATOMIC_SEQ_CST);
		host->wait(&t->wake_word, seq, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
		__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
	}
	t->state = THREAD_RUNNING;
}

/*
 * The first process is not spared as Linux's init is: a program that is run in a sandbox ends by SIGTERM as it does natively.
 */
void signal_die(int sig, const struct siginfo_kernel *info)
{
	if (CORE_SIGNALS & SIG_BIT(sig))
		core_dump(sig, info);
	if (ptraced(current))
		ptrace_event(PTRACE_EVENT_EXIT, sig);
	process_exit_group(sig);
}

static void default_action(struct thread *t, int sig, const struct siginfo_kernel *info)
{
	if (IGNORED_BY_DEFAULT & SIG_BIT(sig))
		return;
	if (STOP_SIGNALS & SIG_BIT(sig)) {
		stop_process(t, sig);
		return;
	}
	signal_die(sig, info);
}

static void run_handler(struct thread *t, struct bz_context *ctx, int sig, const struct sigaction_kernel *act,
			const struct siginfo_kernel *info)
{
	sigset_kernel mask = t->restore_mask ? t->saved_mask : t->blocked, block;
	struct siginfo_kernel fault = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};

	restart_for_handler(t, ctx, act);
	if (signal_frame_setup(ctx, act, info, mask)) {
		if (sig == SIGSEGV)
			signal_die(SIGSEGV, &fault);
		signal_force(SIGSEGV, &fault);
		return;
	}
	t->restore_mask = false;
	block = t->blocked | act->mask;
	if (!(act->flags & SA_NODEFER))
		block |= SIG_BIT(sig);
	signal_set_blocked(block);
	if (unlikely(READ_ONCE(t->hooks) & HOOK_STEP))
		ptrace_stepped(t);
}

/* One signal.  False when there is none. */
static bool deliver_one(struct thread *t, struct bz_context *ctx, bool *handled)
{
	struct sighand *s = t->process->sighand;
	struct sigaction_kernel act;
	struct siginfo_kernel info;
	int sig;

	mutex_lock(&s->lock);
	sig = signal_take(t, ~t->blocked, &info);
	if (sig)
		t->stop_taken = STOP_SIGNALS & SIG_BIT(sig);
	if (ptraced(t) && sig && sig != SIGKILL) {
		mutex_unlock(&s->lock);
		sig = ptrace_signal(t, sig, &info);
		if (!sig)
			return true;
		mutex_lock(&s->lock);
		t->stop_taken = STOP_SIGNALS & SIG_BIT(sig);
	}
	if (sig) {
		act = s->action[sig - 1];
		if ((act.flags & SA_RESETHAND) && act.handler > (u64)SIG_IGN)
			s->action[sig - 1].handler = (u64)SIG_DFL;
	}
	mutex_unlock(&s->lock);
	if (!sig)
		return false;
	if (tracing() && sig != SIGKILL)
		trace_signal(t, &info);
	if (act.handler == (u64)SIG_IGN)
		return true;
	if (act.handler == (u64)SIG_DFL) {
		default_action(t, sig, &info);
		return true;
	}
	run_handler(t, ctx, sig, &act, &info);
	*handled = true;
	return true;
}

void signal_deliver(struct bz_context *ctx)
{
	struct thread *t = current;
	bool handled = false;

	for (;;) {
		thread_check_exit();
		if (unlikely(READ_ONCE(t->hooks) & HOOK_TRAP)) {
			ptrace_trap(t);
			continue;
		}
		if (signal_stopped(t)) {
			if (ptraced(t))
				ptrace_group_stop(t);
			else
				wait_while_stopped(t);
			continue;
		}
		if (!deliver_one(t, ctx, &handled))
			break;
		if (handled)
			return;	/* the caller comes again while more are pending */
	}
	restart_without_handler(t, ctx);
	t->orig_rax = ~0ull;
	if (t->restore_mask) {
		t->restore_mask = false;
		signal_set_blocked(t->saved_mask);
	}
	mutex_lock(&t->process->sighand->lock);
	signal_recalc(t);
	mutex_unlock(&t->process->sighand->lock);
}
