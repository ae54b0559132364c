/* The traced thread: it stops here, and goes on as its tracer says. */
#include "libos/kernel/dispatch.h"
#include "libos/mm/mm.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/internal.h"
#include <linux/ptrace.h>

#define ENOSYS_RESULT ((u64)-ENOSYS)

/* Referenced; null: it is traced no longer. */
static struct ptrace *mine(struct thread *t)
{
	struct ptrace *pt;

	mutex_lock(&tasklist_lock);
	pt = t->ptrace;
	if (pt)
		ref_get(&pt->refs);
	mutex_unlock(&tasklist_lock);
	return pt;
}

static void save(struct ptrace *pt, struct thread *t)
{
	const struct bz_context *ctx = t->ctx;
	struct user_regs *r = &pt->regs;

	user_regs_fill(r, ctx, pt->place == PLACE_EXIT ? pt->call : t->orig_rax);
	if (pt->place == PLACE_ENTRY || pt->place == PLACE_SECCOMP) {
		r->orig_rax = ctx->rax;
		r->rax = ENOSYS_RESULT;
	}
	if (!pt->extended)
		pt->extended = extended_state_alloc();
	if (pt->extended)
		extended_state_save(pt->extended);
	pt->regs_set = pt->extended_set = false;
}

static void load(struct ptrace *pt, struct thread *t)
{
	const struct user_regs *r = &pt->regs;
	struct bz_context *ctx = t->ctx;

	if (pt->regs_set) {
		memcpy(ctx, r, offsetof(struct user_regs, orig_rax));
		ctx->rip = r->rip;
		ctx->rflags = r->rflags;
		ctx->rsp = r->rsp;
		write_fs_base(r->fs_base);
		ctx->gs_base = r->gs_base;
		ctx->flags = (ctx->flags & ~BZ_CTX_GS) | (r->gs_base ? BZ_CTX_GS : 0);
		if (pt->place == PLACE_ENTRY || pt->place == PLACE_SECCOMP)
			ctx->rax = r->orig_rax;
		else if (pt->place == PLACE_ELSEWHERE || t->orig_rax != ~0ull)
			t->orig_rax = (i64)r->orig_rax < 0 ? ~0ull : min(r->orig_rax, (u64)SYSCALL_MAX);
	}
	ctx->flags |= BZ_CTX_FULL;
	if (pt->extended_set)
		extended_state_set(pt->extended);
}

/* Its tracer hears of a stop; tasklist locked. */
static void tell(struct ptrace *pt, int why)
{
	struct siginfo_kernel info = {.si_signo = SIGCHLD, .si_code = why};
	struct sigaction_kernel *act = &pt->tracer->sighand->action[SIGCHLD - 1];

	pt->reported = false;
	info.chld.pid = pt->thread->tid;
	info.chld.uid = pt->thread->process->cred.uid;
	info.chld.status = pt->code & 0x7f;
	if (act->handler != (u64)SIG_IGN && !(act->flags & SA_NOCLDSTOP))
		signal_send_process(pt->tracer, SIGCHLD, &info);
	waitq_wake_all(&pt->tracer->exit_waitq, ~0u);
}

static bool killed(const struct thread *t)
{
	return thread_must_exit(t) || ((t->pending.set | t->process->shared_pending.set) & SIG_BIT(SIGKILL));
}

/* A group stop ended: who listens is told by another stop. */
static void wake_listener(struct ptrace *pt)
{
	mutex_lock(&tasklist_lock);
	if (pt->tracer && pt->listening && !READ_ONCE(pt->thread->process->stopped)) {
		pt->listening = false;
		pt->code = SIGTRAP | PTRACE_EVENT_STOP << 8;
		tell(pt, CLD_TRAPPED);
	}
	mutex_unlock(&tasklist_lock);
}

static void sleep_stopped(struct ptrace *pt, struct thread *t)
{
	while (READ_ONCE(pt->stopped) && !killed(t)) {
		u32 seq = thread_wake_seq();

		mm_serve_requests(t->process->mm);
		if (READ_ONCE(pt->listening))
			wake_listener(pt);
		if (!READ_ONCE(pt->stopped) || killed(t))
			break;
		WRITE_ONCE(current_tcb()->interrupted, 0);
		__atomic_store_n(&t->sleep_kind, SLEEP_FUTEX, __ATOMIC_SEQ_CST);
		host->wait(&t->wake_word, seq, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
		__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
	}
}

/* The signal to go on with; 0: none, or it is killed.  -1: nobody traces it any more: as if it had not stopped. */
static int stop(struct ptrace *pt, struct thread *t, u32 code, u32 place, int why, const struct siginfo_kernel *info)
{
	bool on;
	int sig;

	rewrite_stop(t->process->mm);
	pt->place = place;
	save(pt, t);
	mutex_lock(&tasklist_lock);
	on = pt->tracer && t->ptrace == pt && !killed(t);
	if (on) {
		pt->code = code;
		pt->inject = 0;
		pt->has_info = info != NULL;
		if (info)
			pt->info = *info;
		pt->listening = false;
		WRITE_ONCE(pt->stopped, 1);
		t->state = THREAD_TRACED;
		tell(pt, why);
	}
	mutex_unlock(&tasklist_lock);
	if (!on)
		return killed(t) ? 0 : -1;
	sleep_stopped(pt, t);
	mutex_lock(&tasklist_lock);
	WRITE_ONCE(pt->stopped, 0);
	t->state = THREAD_RUNNING;
	sig = killed(t) ? 0 : pt->inject;
	mutex_unlock(&tasklist_lock);
	load(pt, t);
	/* Its tracer's requests made it look; a call that it is about to make is not to be interrupted by that. */
	mutex_lock(&t->process->sighand->lock);
	signal_recalc(t);
	mutex_unlock(&t->process->sighand->lock);
	if (READ_ONCE(t->hooks) & HOOK_WATCH)
		ptrace_watch_begin(pt);
	return sig;
}

/* A stop that is no signal's, of which siginfo tells as Linux's ptrace_notify. */
static int stop_notify(struct ptrace *pt, struct thread *t, u32 code, u32 place)
{
	struct siginfo_kernel info = {.si_signo = SIGTRAP, .si_code = code};

	info.kill.pid = t->tid;
	info.kill.uid = t->process->cred.uid;
	return stop(pt, t, code, place, CLD_TRAPPED, &info);
}

int ptrace_signal(struct thread *t, int sig, struct siginfo_kernel *info)
{
	struct ptrace *pt = mine(t);
	int now;

	if (!pt)
		return sig;
	now = stop(pt, t, sig, PLACE_ELSEWHERE, CLD_TRAPPED, info);
	if (now > 0 && now != sig) {
		*info = (struct siginfo_kernel){.si_signo = now, .si_code = SI_USER};
		mutex_lock(&tasklist_lock);
		if (pt->tracer) {
			info->kill.pid = pt->tracer->pid;
			info->kill.uid = pt->tracer->cred.uid;
		}
		mutex_unlock(&tasklist_lock);
	} else if (now > 0) {
		*info = pt->info;
	}
	ptrace_put(pt);
	if (now < 0)
		return sig;
	/* It may be blocked here: then it waits in the queue. */
	if (now && (t->blocked & SIG_BIT(now))) {
		signal_send_thread(t, now, info);
		return 0;
	}
	return now;
}

void ptrace_group_stop(struct thread *t)
{
	struct ptrace *pt = mine(t);
	u32 sig = READ_ONCE(t->process->stop_signal);

	t->stop_seen = t->process->stops;
	if (!pt)
		return;
	if (pt->seized)
		stop_notify(pt, t, sig | PTRACE_EVENT_STOP << 8, PLACE_ELSEWHERE);
	else
		stop(pt, t, sig, PLACE_ELSEWHERE, CLD_STOPPED, NULL);
	ptrace_put(pt);
}

void ptrace_trap(struct thread *t)
{
	struct ptrace *pt = mine(t);

	__atomic_and_fetch(&t->hooks, ~HOOK_TRAP, __ATOMIC_SEQ_CST);
	if (!pt)
		return;
	if (pt->seized)
		stop_notify(pt, t, SIGTRAP | PTRACE_EVENT_STOP << 8, PLACE_ELSEWHERE);
	ptrace_put(pt);
}

/* --- calls --- */

/* A signal that came with the request is sent as if the tracer had sent it. */
static void send_injected(struct thread *t, int sig)
{
	if (sig > 0)
		signal_send_thread(t, sig, NULL);
}

static u32 call_code(const struct ptrace *pt)
{
	return SIGTRAP | (pt->options & PTRACE_O_TRACESYSGOOD ? 0x80 : 0);
}

bool ptrace_call_begins(struct thread *t, struct bz_context *ctx, long *ret)
{
	struct ptrace *pt = mine(t);
	bool emulated = READ_ONCE(t->hooks) & HOOK_EMULATE;

	if (!pt)
		return true;
	pt->call = ctx->rax;
	pt->message = PTRACE_EVENTMSG_SYSCALL_ENTRY;
	send_injected(t, stop_notify(pt, t, call_code(pt), PLACE_ENTRY));
	pt->call = ctx->rax;
	*ret = pt->regs.rax;
	ptrace_put(pt);
	return !emulated && (i32)ctx->rax != -1;
}

void ptrace_call_ends(struct thread *t, struct bz_context *ctx)
{
	struct ptrace *pt = mine(t);

	if (!pt)
		return;
	pt->message = PTRACE_EVENTMSG_SYSCALL_EXIT;
	send_injected(t, stop_notify(pt, t, call_code(pt), PLACE_EXIT));
	ptrace_put(pt);
}

bool ptrace_seccomp(struct thread *t, struct bz_context *ctx, u32 data, bool *skip, long *ret)
{
	struct ptrace *pt = mine(t);
	bool asked = pt && (pt->options & PTRACE_O_TRACESECCOMP);

	if (asked) {
		pt->call = ctx->rax;
		pt->message = pt->seccomp_data = data;
		send_injected(t, stop_notify(pt, t, SIGTRAP | PTRACE_EVENT_SECCOMP << 8, PLACE_SECCOMP));
		pt->call = ctx->rax;
		*skip = (i32)ctx->rax == -1;
		*ret = pt->regs.rax;
	}
	if (pt)
		ptrace_put(pt);
	return asked;
}

/* --- events --- */

bool ptrace_event(u32 event, u64 message)
{
	struct thread *t = current;
	struct ptrace *pt = mine(t);
	bool wanted = pt && (pt->options & 1u << event);

	if (wanted) {
		pt->message = message;
		send_injected(t, stop_notify(pt, t, SIGTRAP | event << 8, PLACE_ELSEWHERE));
	}
	if (pt)
		ptrace_put(pt);
	return wanted;
}

void ptrace_exec(struct thread *t)
{
	struct ptrace *pt = mine(t);

	if (!pt)
		return;
	pt->call = __NR_execve;
	if (!ptrace_event(PTRACE_EVENT_EXEC, t->tid) && !pt->seized) {
		struct siginfo_kernel info = {.si_signo = SIGTRAP, .si_code = SI_USER};

		info.kill.pid = t->process->pid;
		info.kill.uid = t->process->cred.uid;
		signal_send_thread(t, SIGTRAP, &info);
	}
	ptrace_put(pt);
}

void ptrace_stepped(struct thread *t)
{
	struct siginfo_kernel info = {.si_signo = SIGTRAP, .si_code = 2 /* TRAP_TRACE */};

	info.fault.addr = t->ctx->rip;
	signal_force(SIGTRAP, &info);
}
