/*
 * Host signals: the guest's system calls (SIGSYS) and faults become the exception upcall, SIGUSR1 is what
 * thread_interrupt sends.  A handler never runs library OS code: it puts the guest's registers into the thread's
 * block, rewrites the signal frame so that rt_sigreturn enters the library OS on its own stack, and returns; the
 * guest's extended state comes back from the frame with it, live and untouched.
 */
#include "host/linux/host.h"

#include <asm/signal.h>
#include <asm/siginfo.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <linux/audit.h>

#define NR_RT_SIGACTION 13
#define NR_RT_SIGPROCMASK 14
#define SA_RESTORER_FLAG 0x04000000ul
#define SIGSYS_NUMBER 31
#define SI_KERNEL_CODE 0x80
#define TRAPNO_GP 13
#define FLAGS_CLEAN 0x202ul

struct kernel_sigaction {
	void (*handler)(void);
	unsigned long flags;
	void (*restorer)(void);
	unsigned long mask;
};

static bool in_host_text(uint64_t rip)
{
	return rip - HOST_TEXT_BASE < HOST_TEXT_SIZE || rip - host.vdso < host.vdso_end - host.vdso;
}

static bool in_libos_text(uint64_t rip)
{
	return rip - host.libos_text < host.libos_text_end - host.libos_text;
}

static bool in_resume(uint64_t rip)
{
	return (rip >= (uint64_t)host_resume_begin && rip < (uint64_t)host_resume_end) ||
	       (rip >= (uint64_t)host_return_begin && rip < (uint64_t)host_return_end);
}

/*
 * In the library OS's quick way (bz_upcalls.quick_begin) rcx is kept in r11 and nothing else has changed: begin again, at
 * the entry that saves everything.  Behind quick_commit the call has been made, and what is left is the jump back.  At
 * host_direct_entry likewise, where rcx is the guest's way back until the call is made.
 */
static void leave_quick(struct sigcontext *s, const struct block *b)
{
	const struct bz_upcalls *up = host.upcalls;

	if (unlikely(s->rip >= (uint64_t)host_direct_entry && s->rip < (uint64_t)host_direct_end)) {
		s->rip = s->rip < (uint64_t)host_direct_made ? (uint64_t)host_syscall_entry : b->direct_back;
		return;
	}

	if (likely(!up || s->rip - up->quick_begin >= up->quick_end - up->quick_begin))
		return;
	if (s->rip >= up->quick_commit) {
		s->rip = s->r11;
		return;
	}
	if (s->rip != up->quick_begin)
		s->rcx = s->r11;
	s->rip = (uint64_t)host_syscall_entry;
}

/*
 * In the library OS or the host layer, working for the guest: on a stack of ours, or about to be.  A guest that jumped into
 * their code came with its own, and what it does there is its own doing.
 */
static bool at_work(const struct sigcontext *s, const struct block *b)
{
	uint64_t base = (uint64_t)b - BLOCK_TCB;

	if (s->rip >= (uint64_t)host_syscall_entry && s->rip <= (uint64_t)host_syscall_entry_unsaved)
		return true;
	return (in_host_text(s->rip) || in_libos_text(s->rip)) && s->rsp - base <= BLOCK_SIZE;
}

static void save_context(struct bz_context *ctx, const struct sigcontext *s, const struct block *b)
{
	*ctx = (struct bz_context){
		.r15 = s->r15, .r14 = s->r14, .r13 = s->r13, .r12 = s->r12, .rbp = s->rbp, .rbx = s->rbx,
		.r11 = s->r11, .r10 = s->r10, .r9 = s->r9, .r8 = s->r8, .rax = s->rax, .rcx = s->rcx,
		.rdx = s->rdx, .rsi = s->rsi, .rdi = s->rdi, .rip = s->rip, .rflags = s->eflags, .rsp = s->rsp,
		.gs_base = b->signal_gs, .flags = b->signal_gs != (uint64_t)b ? BZ_CTX_GS : 0,
	};
}

/* Let rt_sigreturn go to `entry` on the library OS stack. */
static void redirect(struct sigcontext *s, void (*entry)(void), uint64_t rsp, const void *rdi, const void *rsi)
{
	s->rip = (uint64_t)entry;
	s->rsp = rsp;
	s->rdi = (uint64_t)rdi;
	s->rsi = (uint64_t)rsi;
	s->rbp = 0;
	s->eflags = FLAGS_CLEAN;
	s->cs = USER_CS;
	s->ss = USER_SS;
}

static void leave_guest(struct block *b)
{
	if (b->tcb.resume_flag)
		__atomic_store_n((uint32_t *)b->tcb.resume_flag, 0, __ATOMIC_RELEASE);
	b->back_rip = 0; /* from here on the context's rip alone counts */
}

static void on_interrupt(struct sigcontext *s, struct block *b)
{
	/* RESUMING: a full barrier, and counted where the sender can see it. */
	if (b->tcb.resume_flag)
		__atomic_add_fetch((uint32_t *)b->tcb.resume_flag + 2, 1, __ATOMIC_SEQ_CST);
	if (s->rip >= (uint64_t)host_block_begin && s->rip < (uint64_t)host_block_end) {
		b->tcb.interrupted = 1;
		s->rip = (uint64_t)host_block_interrupted;
		return;
	}
	if (!in_resume(s->rip)) {
		if (at_work(s, b)) {
			b->tcb.interrupted = 1;
			return;
		}
		save_context(&b->ctx, s, b);
	}
	leave_guest(b);
	b->tcb.interrupted = 0;
	redirect(s, host_enter_remote, b->tcb.stack_top, &b->ctx, NULL);
}

/* A fault (or a stray system call) in the library OS or in the host layer working for it. */
static void on_inner_fault(struct sigcontext *s, struct block *b, const struct bz_exception *exc)
{
	const struct bz_upcalls *up = host.upcalls;
	uint64_t stack = (uint64_t)block_at(b->index) - BLOCK_TCB + BLOCK_STACK;
	uint64_t rsp = b->tcb.stack_top;

	if (s->rip >= (uint64_t)host_exit_fixup && s->rip < (uint64_t)host_exit_fixup_end) {
		s->rip = (uint64_t)host_exit_fixed;
		return;
	}
	if (!up)
		host_die("the host layer or the library OS faulted while it started");
	for (uint32_t i = 0; i < up->fixup_count; i++) {
		if (s->rip >= up->fixups[i].begin && s->rip < up->fixups[i].end) {
			s->rip = up->fixups[i].landing;
			return;
		}
	}
	save_context(&b->fault_ctx, s, b);
	b->fault_exc = *exc;
	b->fault_exc.in_libos = 1;
	/* Below what it was using, unless that ran out. */
	if (s->rsp > stack + 8192 && s->rsp <= b->tcb.stack_top)
		rsp = (s->rsp - 256) & ~15ul;
	redirect(s, host_enter_exception, rsp, &b->fault_ctx, &b->fault_exc);
}

/*
 * A guest that single-steps or has a GS of its own called syscall_entry: as if its `syscall` instruction had
 * trapped.  rcx is the guest's, and so is what it points to: a bad one is its own fault.
 */
static bool on_entry_fault(struct sigcontext *s, struct block *b, const struct bz_exception *exc)
{
	if (s->rip < (uint64_t)host_syscall_entry || s->rip >= (uint64_t)host_syscall_entry_unsaved)
		return false;
	if (s->rip != (uint64_t)host_syscall_entry && exc->kind == SIGTRAP)
		return false;
	save_context(&b->ctx, s, b);
	b->ctx.rip = b->ctx.rcx = s->rcx + ((const uint64_t *)s->rcx)[-1];
	b->ctx.r11 = b->ctx.rflags;
	leave_guest(b);
	b->exc = (struct bz_exception){.kind = BZ_EXC_SYSCALL};
	redirect(s, host_enter_exception, b->tcb.stack_top, &b->ctx, &b->exc);
	return true;
}

static void on_exception(struct sigcontext *s, struct block *b, const struct bz_exception *exc)
{
	if (on_entry_fault(s, b, exc))
		return;
	if (in_resume(s->rip)) {
		/* The guest's rip or flags cannot be loaded: its fault, with the context as it is. */
	} else if (at_work(s, b)) {
		on_inner_fault(s, b, exc);
		return;
	} else {
		save_context(&b->ctx, s, b);
	}
	leave_guest(b);
	b->exc = *exc;
	redirect(s, host_enter_exception, b->tcb.stack_top, &b->ctx, &b->exc);
}

/* SIGSYS: the filter caught a `syscall` instruction that is not ours, a 32-bit or a vsyscall-page call. */
static void on_sigsys(const siginfo_t *info, struct sigcontext *s, struct block *b)
{
	struct bz_exception exc = {.kind = BZ_EXC_SYSCALL, .addr = s->rip};

	if (!host.upcalls && in_host_text(s->rip)) {
		host.vdso_trapped = true;
		s->rax = -BZ_ENOSYS;
		return;
	}
	if (info->si_arch != AUDIT_ARCH_X86_64) {
		/* int 0x80 or sysenter: what Linux gives where it has no 32-bit calls. */
		s->rip -= 2;
		exc = (struct bz_exception){.kind = BZ_EXC_SEGV, .code = SI_KERNEL_CODE, .trapno = TRAPNO_GP};
		save_context(&b->ctx, s, b);
		leave_guest(b);
		b->exc = exc;
		redirect(s, host_enter_exception, b->tcb.stack_top, &b->ctx, &b->exc);
		return;
	}
	if (at_work(s, b))
		exc.kind = BZ_EXC_ILL; /* a bug: the library OS makes no system calls */
	on_exception(s, b, &exc);
}

/* Called by host_signal_entry on the alternate stack, all signals blocked. */
void host_signal(int sig, const void *siginfo, void *ucontext, struct block *b, uint64_t gs)
{
	const siginfo_t *info = siginfo;
	struct sigcontext *s = &((struct ucontext *)ucontext)->uc_mcontext;
	struct bz_exception exc;

	syscall_count(HOST_CALL_rt_sigreturn); /* at the handler's end */
	b->signal_gs = gs;
	leave_quick(s, b);
	switch (sig) {
	case HOST_SIGNAL_TEMPLATE:
		/* Of interest to control_next alone: other calls of the template go on, and so do its other threads, of which the
		 * kernel may have chosen one to tell of a death. */
		host.template_woken = 1;
		if (!host.template_watching)
			return;
		if (b->tcb.tid == sandbox->template_tid)
			on_interrupt(s, b);
		else
			SYS(tgkill, sandbox->template_tid, sandbox->template_tid, HOST_SIGNAL_TEMPLATE);
		return;
	case HOST_SIGNAL_INTERRUPT:
		on_interrupt(s, b);
		return;
	case SIGSYS_NUMBER:
		on_sigsys(info, s, b);
		return;
	}
	exc = (struct bz_exception){
		.kind = sig,
		.code = info->si_code,
		.addr = (uint64_t)info->si_addr,
		.trapno = s->trapno,
		.err = s->err,
		.cr2 = s->cr2,
	};
	on_exception(s, b, &exc);
}

/* Called by entry.S on the library OS stack. */
void upcall_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	host.upcalls->exception(ctx, exc);
}

void upcall_remote(struct bz_context *ctx)
{
	host.upcalls->remote(ctx);
}

void upcall_thread_start(void *arg, struct bz_context *ctx)
{
	host.upcalls->thread_start(arg, ctx);
}

static void set_handler(int sig, void (*handler)(void), unsigned long flags)
{
	struct kernel_sigaction action = {
		.handler = handler,
		.flags = flags | SA_SIGINFO | SA_ONSTACK | SA_RESTORER_FLAG,
		.restorer = host_restorer,
		.mask = ~0ul,
	};

	if (syscall_raw(NR_RT_SIGACTION, sig, (long)&action, 0, 8, 0, 0) < 0)
		host_die("a signal handler was refused");
}

void signal_setup(void)
{
	static const int faults[] = {SIGSYS_NUMBER, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGTSTP, SIGHUP};
	unsigned long none = 0;

	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		set_handler(faults[i], host_signal_entry, 0);
	set_handler(HOST_SIGNAL_INTERRUPT, host_signal_entry, 0);
	/* Picoprocesses that end are reaped by the kernel; the template still hears of it. */
	set_handler(HOST_SIGNAL_TEMPLATE, host_signal_entry, SA_NOCLDSTOP | SA_NOCLDWAIT);
	for (size_t i = 0; i < ARRAY_SIZE(ignored); i++)
		set_handler(ignored[i], (void (*)(void))1, 0); /* SIG_IGN */
	syscall_raw(NR_RT_SIGPROCMASK, 2 /* SIG_SETMASK */, (long)&none, 0, 8, 0, 0);
}
