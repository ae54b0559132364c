/* ptrace(2): the tracer's requests. */
#include "libos/kernel/dispatch.h"
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/internal.h"
#include <linux/audit.h>
#include <linux/ptrace.h>

#define PTRACE_GETFPREGS_X86 14
#define PTRACE_SETFPREGS_X86 15
#define PTRACE_GETREGS_X86 12
#define PTRACE_SETREGS_X86 13
#define PTRACE_ARCH_PRCTL_X86 30
#define PTRACE_SYSEMU_X86 31
#define PTRACE_SYSEMU_SINGLESTEP_X86 32
#define OPTIONS (PTRACE_O_MASK & ~PTRACE_O_SUSPEND_SECCOMP)
#define RUN_HOOKS (HOOK_CALLS | HOOK_EMULATE | HOOK_STEP)
#define STOPPED_SOON_NS (NSEC_PER_SEC / 100)

static long trace_me(void)
{
	struct thread *t = current;
	struct process *parent;
	struct ptrace *pt;
	long ret = 0;

	mutex_lock(&tasklist_lock);
	parent = t->process->parent;
	if (t->ptrace || !parent) {
		ret = -EPERM;
	} else {
		pt = ptrace_new(t, parent, 0, false);
		if (pt)
			ptrace_link(pt);
		else
			ret = -ENOMEM;
	}
	mutex_unlock(&tasklist_lock);
	if (!ret)
		syscall_watch_all();
	return ret;
}

/* Who is stopped by job control already is to be found stopped for its tracer when attaching has returned. */
static void wait_stopped(struct thread *t)
{
	static u32 never;

	for (int i = 0; i < 100; i++) {
		struct ptrace *pt;
		bool there;

		mutex_lock(&tasklist_lock);
		pt = t->ptrace;
		there = !pt || pt->stopped || !t->process->stopped;
		mutex_unlock(&tasklist_lock);
		if (there)
			return;
		signal_kick(t);
		host->wait(&never, 0, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC, now_mono() + STOPPED_SOON_NS);
	}
}

static long attach(struct thread *t, bool seize, u64 addr, u64 options)
{
	struct process *me = current->process;
	struct siginfo_kernel info = {.si_signo = SIGSTOP, .si_code = SI_USER};
	struct ptrace *pt = NULL;
	long ret = 0;

	if (seize && (addr || (options & ~(u64)OPTIONS)))
		return -EIO;
	if (t->process == me || !ptrace_may_access(t->process))
		return -EPERM;
	mutex_lock(&tasklist_lock);
	if (t->ptrace || t->state == THREAD_DEAD)
		ret = t->ptrace ? -EPERM : -ESRCH;
	else if (!(pt = ptrace_new(t, me, seize ? options : 0, seize)))
		ret = -ENOMEM;
	else
		ptrace_link(pt);
	mutex_unlock(&tasklist_lock);
	if (ret)
		return ret;
	syscall_watch_all();
	info.kill.pid = me->pid;
	info.kill.uid = me->cred.uid;
	if (!seize)
		signal_send_thread(t, SIGSTOP, &info);
	signal_kick(t);
	wait_stopped(t);
	return 0;
}

/* --- requests to a thread that is stopped, referenced and under no lock: only its tracer lets it go --- */

static u32 hooks_of(u32 request)
{
	switch (request) {
	case PTRACE_SYSCALL:
		return HOOK_CALLS;
	case PTRACE_SINGLESTEP:
		return HOOK_STEP;
	case PTRACE_SYSEMU_X86:
		return HOOK_CALLS | HOOK_EMULATE;
	case PTRACE_SYSEMU_SINGLESTEP_X86:
		return HOOK_CALLS | HOOK_EMULATE | HOOK_STEP;
	}
	return 0;
}

static long resume(struct ptrace *pt, u32 request, u64 sig)
{
	struct thread *t = pt->thread;

	if (sig > NSIG_MAX)
		return -EIO;
	mutex_lock(&tasklist_lock);
	__atomic_and_fetch(&t->hooks, ~RUN_HOOKS, __ATOMIC_SEQ_CST);
	__atomic_or_fetch(&t->hooks, hooks_of(request), __ATOMIC_SEQ_CST);
	pt->inject = sig;
	WRITE_ONCE(pt->stopped, 0);
	if (request == PTRACE_DETACH)
		ptrace_unlink(pt);
	mutex_unlock(&tasklist_lock);
	if (request == PTRACE_DETACH)
		signal_kick(t); /* it may be in a group stop, which goes on */
	else
		thread_wake(t);
	return 0;
}

static long interrupt(struct ptrace *pt)
{
	if (!pt->seized)
		return -EIO;
	__atomic_or_fetch(&pt->thread->hooks, HOOK_TRAP, __ATOMIC_SEQ_CST);
	signal_kick(pt->thread);
	return 0;
}

static long listen(struct ptrace *pt)
{
	if (!pt->seized || pt->code >> 8 != PTRACE_EVENT_STOP)
		return -EIO;
	mutex_lock(&tasklist_lock);
	pt->listening = true;
	mutex_unlock(&tasklist_lock);
	thread_wake(pt->thread);
	return 0;
}

static long move_word(struct ptrace *pt, u64 addr, u64 *word, bool write)
{
	struct process *p = pt->thread->process;
	struct mm *mm = p->mm;

	if (!mm)
		return -ESRCH;
	return mm_remote_copy(p, mm, addr, word, sizeof(*word), write, true) == sizeof(*word) ? 0 : -EIO;
}

static long peek(struct ptrace *pt, u64 addr, u64 uword)
{
	u64 word;
	long err = move_word(pt, addr, &word, false);

	return err ? err : put_user(word, (u64 *)uword);
}

static long siginfo(struct ptrace *pt, u64 uinfo, bool set)
{
	if (!pt->has_info)
		return -EINVAL;
	return set ? copy_from_user(&pt->info, (void *)uinfo, sizeof(pt->info)) : copy_to_user((void *)uinfo, &pt->info, sizeof(pt->info));
}

static long sigmask(struct ptrace *pt, u64 size, u64 umask, bool set)
{
	struct thread *t = pt->thread;
	struct sighand *s = t->process->sighand;
	sigset_kernel mask = t->restore_mask ? t->saved_mask : t->blocked;

	if (size != sizeof(mask))
		return -EINVAL;
	if (!set)
		return copy_to_user((void *)umask, &mask, sizeof(mask));
	if (copy_from_user(&mask, (void *)umask, sizeof(mask)))
		return -EFAULT;
	/* The thread sleeps: nobody else writes it now. */
	mutex_lock(&s->lock);
	t->blocked = mask & ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP));
	t->restore_mask = false;
	signal_recalc(t);
	mutex_unlock(&s->lock);
	return 0;
}

static long peek_siginfo(struct ptrace *pt, u64 uargs, u64 uinfo)
{
	struct ptrace_peeksiginfo_args args;
	struct thread *t = pt->thread;
	struct sigpending *pending;
	struct siginfo_kernel info;
	struct sigqueue *q;
	i32 done = 0;

	if (copy_from_user(&args, (void *)uargs, sizeof(args)))
		return -EFAULT;
	if ((args.flags & ~PTRACE_PEEKSIGINFO_SHARED) || args.nr < 0)
		return -EINVAL;
	pending = args.flags & PTRACE_PEEKSIGINFO_SHARED ? &t->process->shared_pending : &t->pending;
	for (; done < args.nr; done++) {
		u64 n = args.off + done;
		bool found = false;

		mutex_lock(&t->process->sighand->lock);
		list_for_each(q, &pending->queue, node)
			if (!n--) {
				info = q->info;
				found = true;
				break;
			}
		mutex_unlock(&t->process->sighand->lock);
		if (!found)
			break;
		if (copy_to_user((void *)(uinfo + done * sizeof(info)), &info, sizeof(info)))
			return done ? done : -EFAULT;
	}
	return done;
}

static long syscall_info(struct ptrace *pt, u64 size, u64 uinfo)
{
	const struct user_regs *r = &pt->regs;
	struct ptrace_syscall_info info = {
		.op = pt->place, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = r->rip, .stack_pointer = r->rsp,
	};
	const u64 args[6] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
	u64 n = offsetof(struct ptrace_syscall_info, entry);

	switch (pt->place) {
	case PLACE_ENTRY:
		info.entry.nr = r->orig_rax;
		memcpy(info.entry.args, args, sizeof(args));
		n = offsetof(struct ptrace_syscall_info, entry.args[6]);
		break;
	case PLACE_EXIT:
		info.exit.rval = r->rax;
		info.exit.is_error = r->rax >= (u64)-4095;
		if (info.exit.is_error)
			info.exit.rval = (i64)r->rax;
		n = offsetof(struct ptrace_syscall_info, exit.is_error) + 1;
		break;
	case PLACE_SECCOMP:
		info.seccomp.nr = r->orig_rax;
		memcpy(info.seccomp.args, args, sizeof(args));
		info.seccomp.ret_data = pt->seccomp_data;
		n = offsetof(struct ptrace_syscall_info, seccomp.ret_data) + 4;
		break;
	}
	return copy_to_user((void *)uinfo, &info, min(n, size)) ? -EFAULT : (long)n;
}

static long arch_prctl(struct ptrace *pt, u64 op, u64 addr)
{
	struct user_regs regs = pt->regs;

	switch (op) {
	case 0x1001: /* ARCH_SET_GS */
		regs.gs_base = addr;
		return ptrace_set_regs(pt, &regs) ? -EPERM : 0;
	case 0x1002: /* ARCH_SET_FS */
		regs.fs_base = addr;
		return ptrace_set_regs(pt, &regs) ? -EPERM : 0;
	case 0x1003:
		return put_user(regs.fs_base, (u64 *)addr);
	case 0x1004:
		return put_user(regs.gs_base, (u64 *)addr);
	}
	return -EINVAL;
}

static long set_options(struct ptrace *pt, u64 options)
{
	if (options & ~(u64)OPTIONS)
		return -EINVAL;
	pt->options = options;
	return 0;
}

static long serve(struct ptrace *pt, u32 request, u64 addr, u64 data)
{
	struct user_regs regs;
	u64 word;
	long err;

	switch (request) {
	case PTRACE_PEEKTEXT:
	case PTRACE_PEEKDATA:
		return peek(pt, addr, data);
	case PTRACE_POKETEXT:
	case PTRACE_POKEDATA:
		return move_word(pt, addr, &data, true);
	case PTRACE_PEEKUSR:
		err = ptrace_peek_user(pt, addr, &word);
		return err ? err : put_user(word, (u64 *)data);
	case PTRACE_POKEUSR:
		return ptrace_poke_user(pt, addr, data);
	case PTRACE_GETREGS_X86:
		return copy_to_user((void *)data, &pt->regs, sizeof(pt->regs));
	case PTRACE_SETREGS_X86:
		return copy_from_user(&regs, (void *)data, sizeof(regs)) ? -EFAULT : ptrace_set_regs(pt, &regs);
	case PTRACE_GETFPREGS_X86:
	case PTRACE_SETFPREGS_X86:
		return ptrace_fpregs(pt, data, request == PTRACE_SETFPREGS_X86);
	case PTRACE_GETREGSET:
	case PTRACE_SETREGSET:
		return ptrace_regset(pt, addr, data, request == PTRACE_SETREGSET);
	case PTRACE_GETSIGINFO:
	case PTRACE_SETSIGINFO:
		return siginfo(pt, data, request == PTRACE_SETSIGINFO);
	case PTRACE_GETSIGMASK:
	case PTRACE_SETSIGMASK:
		return sigmask(pt, addr, data, request == PTRACE_SETSIGMASK);
	case PTRACE_PEEKSIGINFO:
		return peek_siginfo(pt, addr, data);
	case PTRACE_GETEVENTMSG:
		return put_user(pt->message, (u64 *)data);
	case PTRACE_SETOPTIONS:
		return set_options(pt, data);
	case PTRACE_GET_SYSCALL_INFO:
		return syscall_info(pt, addr, data);
	case PTRACE_ARCH_PRCTL_X86:
		return arch_prctl(pt, data, addr);
	case PTRACE_LISTEN:
		return listen(pt);
	case PTRACE_CONT:
	case PTRACE_SYSCALL:
	case PTRACE_SINGLESTEP:
	case PTRACE_SYSEMU_X86:
	case PTRACE_SYSEMU_SINGLESTEP_X86:
	case PTRACE_DETACH:
		return resume(pt, request, data);
	}
	return -EIO;
}

/* The caller's tracee, referenced: stopped, unless the request is one of those that do not wait for that. */
static struct ptrace *tracee(struct thread *t, bool running)
{
	struct ptrace *pt;

	mutex_lock(&tasklist_lock);
	pt = t->ptrace;
	if (pt && (pt->tracer != current->process || (!running && (!pt->stopped || pt->listening))))
		pt = NULL;
	if (pt)
		ref_get(&pt->refs);
	mutex_unlock(&tasklist_lock);
	return pt;
}

static long ask(struct thread *t, u32 request, u64 addr, u64 data)
{
	struct ptrace *pt = tracee(t, request == PTRACE_KILL || request == PTRACE_INTERRUPT);
	long ret;

	if (!pt)
		return -ESRCH;
	if (request == PTRACE_KILL)
		ret = signal_send_process(t->process, SIGKILL, NULL);
	else
		ret = request == PTRACE_INTERRUPT ? interrupt(pt) : serve(pt, request, addr, data);
	ptrace_put(pt);
	return ret;
}

SYSCALL(ptrace, long request, int pid, u64 addr, u64 data)
{
	struct thread *t;
	long ret;

	if (request == PTRACE_TRACEME)
		return trace_me();
	t = thread_find(pid);
	if (!t)
		return -ESRCH;
	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		ret = attach(t, request == PTRACE_SEIZE, addr, data);
	else
		ret = ask(t, request, addr, data);
	thread_put(t);
	ptrace_drain();
	return ret;
}
