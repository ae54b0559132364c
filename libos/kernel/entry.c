/*
 * The upcalls: where the host enters the library OS, and what is done on the way back to the guest.
 * Owns nothing; see abi/bartizan_abi.h for the contract.
 */
#include "libos/kernel/kernel.h"
#include "libos/kernel/debug.h"
#include "libos/kernel/dispatch.h"
#include "libos/kernel/offsets.h"
#include "libos/kernel/pages.h"
#include "libos/kernel/syscall.h"
#include "libos/mm/mm.h"
#include "libos/proc/proc.h"
#include "libos/proc/hold.h"
#include "libos/proc/vfork.h"
#include "libos/ptrace/ptrace.h"
#include "libos/signal/signal.h"

const struct bz_abi *host;
const struct bz_start *boot;

extern const struct initcall __start_initcalls[], __stop_initcalls[];
extern const struct bz_fixup __start_fixups[], __stop_fixups[];

extern char __libos_first[], __libos_end[];
static struct bz_upcalls upcalls;

/* quick.S knows these places. */
_Static_assert(offsetof(struct thread, tid) == THREAD_TID, "offsets.h");
_Static_assert(offsetof(struct thread, process) == THREAD_PROCESS, "offsets.h");
_Static_assert(offsetof(struct process, pid) == PROCESS_PID, "offsets.h");

static void run_initcalls(void)
{
	u32 done = 0;

	/* Few enough that finding the next order by search beats sorting. */
	for (;;) {
		u32 next = ~0u;

		for (const struct initcall *c = __start_initcalls; c < __stop_initcalls; c++)
			if (c->order > done && c->order < next)
				next = c->order;
		if (next == ~0u)
			return;
		for (const struct initcall *c = __start_initcalls; c < __stop_initcalls; c++)
			if (c->order == next)
				c->fn();
		done = next;
	}
}

static void upcall_start(const struct bz_start *start)
{
	boot = start;
	/* What every start writes to (LATE tables lie in front of it): a fault a page took a tenth of a start. */
	host->mem_advise((u64)__libos_first, PAGE_ALIGN((u64)__libos_end) - (u64)__libos_first, BZ_ADV_POPULATE_WRITE);
	pages_init((u64)__libos_end);
	alloc_init();
	syscall_table_init();
	run_initcalls();
	template_main();
}

#define FLAG_TRAP 0x100u	/* single step */
#define STEPPING (HOOK_STEP | HOOK_WATCH) /* a tracer wants it, and no guest is to see it */

/* Entered from guest code that may have been in a stub: from here on its own text alone is seen. */
static void show_context(struct thread *t, struct bz_context *ctx)
{
	ctx->rip = rewrite_shown(t->process->mm, ctx->rip);
	if (t->stepping)
		ctx->rflags &= ~(u64)FLAG_TRAP;
	ctx->flags |= BZ_CTX_FULL;
}

/*
 * A signal is to find an address of the guest's own text, with the bytes that the guest knows there, not one among the
 * instructions that a patch displaced: those few are finished first, one by one.
 */
static bool step_first(struct thread *t, struct bz_context *ctx)
{
	if (t->stepping)
		return true;
	if (t->faulted || thread_must_exit(t) || (ctx->rflags & FLAG_TRAP))
		return false;
	while (rewrite_interpret(t->process->mm, ctx))
		;
	if (!rewrite_displaced(t->process->mm, ctx->rip))
		return false;
	ctx->rflags |= FLAG_TRAP;
	ctx->flags |= BZ_CTX_FULL;
	t->stepping = true;
	return true;
}

/* What must be seen to before guest code runs again. */
static void see_to_signals(struct bz_context *ctx)
{
	while (signal_is_pending() && !step_first(current, ctx))
		signal_deliver(ctx);
	current->faulted = false;
}

/* Where a vfork's child may end, its parent goes on (proc/vfork.c); that may be such a child too.  Inlined: the frame is to be its caller's. */
#define mark_return()                                                                                        \
	do {                                                                                                 \
		while (unlikely(current->vfork) && jump_mark(&current->vfork->jump))                         \
			;                                                                                    \
	} while (0)
#define came_back() (unlikely(current->vfork) && jump_mark(&current->vfork->jump))

/*
 * Back with an address that may have been patched meanwhile.  The thread says first that it runs guest code: whoever changes
 * text from then on waits until it has come back here.
 */
static void return_to_guest(struct bz_context *ctx)
{
	struct thread *t;
	u64 real;

	debug_no_locks("a return to the guest");
	mark_return();
	see_to_signals(ctx);
	debug_no_locks("a return to the guest");
	t = current;
	while (__atomic_store_n(&t->in_guest, 1, __ATOMIC_SEQ_CST), __atomic_load_n(&t->hold, __ATOMIC_SEQ_CST)) {
		__atomic_store_n(&t->in_guest, 0, __ATOMIC_SEQ_CST);
		thread_wait_hold(t);
	}
	if (unlikely(READ_ONCE(t->hooks) & STEPPING)) {
		ctx->rflags |= FLAG_TRAP;
		ctx->flags |= BZ_CTX_FULL;
	}
	real = rewrite_real(t->process->mm, ctx->rip);
	if (real != ctx->rip) {
		ctx->rip = real;
		ctx->flags |= BZ_CTX_FULL; /* or rcx would show it */
	}
}

static void upcall_thread_start(void *arg, struct bz_context *ctx)
{
	struct thread *t = arg;
	struct service *service = arg;
	struct bz_tcb *tcb = current_tcb();

	if (service->magic == SERVICE_MAGIC)
		service->run(service->arg);
	if (service->magic == PARKED_MAGIC)
		t = template_parked(service);
	tcb->libos = t;
	tcb->resume_flag = (u64)&t->in_guest;
	/* Before it looks for signals: who sends one from now on interrupts it. */
	__atomic_store_n(&t->host_tid, (i32)tcb->tid, __ATOMIC_SEQ_CST);
	__atomic_store_n(&t->begun, 1, __ATOMIC_SEQ_CST);
	t->ctx = ctx;
	if (t->process->image) {
		launch_enter(t, ctx);
		if (READ_ONCE(t->hooks) & HOOK_CALLS)
			ptrace_call_ends(t, ctx); /* exec, in another picoprocess than it began */
	} else {
		*ctx = t->start_ctx;
		write_fs_base(t->start_fs);
	}
	ctx->flags |= BZ_CTX_FULL;
	return_to_guest(ctx);
}

static void handle_fault(struct bz_context *ctx, const struct bz_exception *exc)
{
	struct siginfo_kernel info = {0};
	struct thread *t = current;
	int sig = exc->kind, code = exc->code;
	u64 addr = exc->addr;

	if (t->stepping && sig == BZ_EXC_TRAP) {
		t->stepping = false;
		return;
	}
	t->stepping = false;
	if ((sig == BZ_EXC_SEGV || sig == BZ_EXC_BUS) && mm_fault(exc->addr, exc->err, &sig, &code))
		return;
	t->fault_trapno = exc->trapno;
	t->fault_err = exc->err;
	t->fault_cr2 = exc->cr2;
	info.si_signo = sig;
	info.si_code = code;
	/* FPE, ILL and TRAP name the instruction. */
	info.fault.addr = rewrite_shown(t->process->mm, addr);
	if (unlikely(READ_ONCE(t->hooks) & HOOK_WATCH) && sig == BZ_EXC_TRAP && ptrace_watch(t, t->ctx, &info))
		return;
	t->faulted = true;
	signal_force(sig, &info);
}

/* For whoever reads it: whose code it was, what for, and where the guest was. */
static void __noreturn inner_fault(const struct thread *t, const struct bz_context *ctx, const struct bz_exception *exc)
{
	const char *where = ctx->rip < BZ_LIBOS_BASE ? "host layer" : "library OS";

	if (!t || !t->ctx)
		panic("signal %u (code %d) in the %s at %#lx, address %#lx", exc->kind, exc->code, where,
		      (unsigned long)ctx->rip, (unsigned long)exc->addr);
	panic("signal %u (code %d) in the %s at %#lx, address %#lx; thread %d of the guest was at %#lx, system call %ld",
	      exc->kind, exc->code, where, (unsigned long)ctx->rip, (unsigned long)exc->addr, t->tid,
	      (unsigned long)t->ctx->rip, (long)t->orig_rax);
}

/*
 * Inlined, as few frames as can be between here and the host: behind a host call each return is predicted wrongly, since the
 * kernel's own have filled the processor's stack of them (6 ns each, on an AMD with its mitigations).
 */
static inline __attribute__((always_inline)) void dispatch(struct thread *t, struct bz_context *ctx)
{
	/* ~0 means "in no call", so an unknown number must not look like it. */
	u64 nr = min(ctx->rax, (u64)SYSCALL_MAX);
	long ret;

	t->orig_rax = nr;
	if (unlikely((boot->flags & (BZ_START_STATS | BZ_START_TRACE)) || READ_ONCE(t->hooks))) {
		syscall_dispatch_watched(t, ctx);
		return;
	}
	ret = syscall_functions[nr](ctx->rdi, ctx->rsi, ctx->rdx, ctx->r10, ctx->r8, ctx->r9);
	/* A fork goes on here as another thread. */
	t = current;
	/* rt_sigreturn and exec replace the whole context, rax and all. */
	if (likely(t->orig_rax != ~0ull))
		ctx->rax = ret;
	if (unlikely(READ_ONCE(t->hooks) || is_restart(ret)))
		syscall_left(ctx, ret);
	t->orig_rax = ~0ull;
}

static void upcall_trap(struct bz_context *ctx, const struct bz_exception *exc)
{
	struct thread *t = current;

	if (unlikely(exc->in_libos))
		inner_fault(t, ctx, exc);
	t->ctx = ctx;
	if (came_back()) {
		return_to_guest(ctx);
		return;
	}
	if (unlikely(READ_ONCE(t->hooks) & STEPPING))
		ctx->rflags &= ~(u64)FLAG_TRAP;
	if (exc->kind == BZ_EXC_SYSCALL) {
		rewrite_trapped(t, ctx);
		dispatch(t, ctx);
		if (unlikely(READ_ONCE(current->hooks) & HOOK_STEP))
			ptrace_stepped(current);
	} else if (exc->kind == BZ_EXC_TRAP && rewrite_is_entering(t->process->mm, ctx->rip) && !signal_is_pending()) {
		ctx->flags |= BZ_CTX_FULL; /* the guest steps itself: on to its next instruction */
	} else {
		show_context(t, ctx);
		handle_fault(ctx, exc);
	}
	return_to_guest(ctx);
}

/* A call from a stub. */
static u32 upcall_call(struct bz_context *ctx)
{
	struct thread *t = current;
	u64 shown = ctx->rip;

	t->ctx = ctx;
	if (came_back()) {
		return_to_guest(ctx);
		return 0;
	}
	dispatch(t, ctx);
	debug_no_locks("a return to the guest");
	/* The host knows the way back, unless something else was put in its place, or is to be seen to first. */
	if (likely(!signal_is_pending() && ctx->rip == shown && !(ctx->flags & BZ_CTX_FULL)))
		return 1;
	return_to_guest(ctx);
	return 0;
}

static u32 upcall_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	if (likely(!exc))
		return upcall_call(ctx);
	upcall_trap(ctx, exc);
	return 0;
}

static void upcall_remote(struct bz_context *ctx)
{
	current->ctx = ctx;
	show_context(current, ctx);
	if (unlikely(READ_ONCE(current->hooks) & STEPPING))
		ctx->rflags &= ~(u64)FLAG_TRAP;
	current->stepping = current->faulted = false;
	return_to_guest(ctx);
}

const struct bz_upcalls *libos_entry(const struct bz_abi *abi);

__attribute__((section(".text.entry"), used, visibility("default")))
const struct bz_upcalls *libos_entry(const struct bz_abi *abi)
{
	host = abi;
	upcalls = (struct bz_upcalls){
		.version = BZ_ABI_VERSION,
		.fixup_count = __stop_fixups - __start_fixups,
		.fixups = __start_fixups,
		.start = upcall_start,
		.thread_start = upcall_thread_start,
		.exception = upcall_exception,
		.remote = upcall_remote,
		.quick_begin = (u64)quick_begin,
		.quick_commit = (u64)quick_commit,
		.quick_end = (u64)quick_end,
	};
	return &upcalls;
}
