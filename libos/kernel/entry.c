/*
 * The upcalls: where the host enters the library OS, and what is done on the way back to the guest.
 * Owns nothing; see abi/bartizan_abi.h for the contract.
 */
#include "libos/kernel/kernel.h"
#include "libos/kernel/dispatch.h"
#include "libos/kernel/pages.h"
#include "libos/kernel/syscall.h"
#include "libos/mm/mm.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"

const struct bz_abi *host;
const struct bz_start *boot;

extern const struct initcall __start_initcalls[], __stop_initcalls[];
extern const struct bz_fixup __start_fixups[], __stop_fixups[];

extern char __libos_end[];
static struct bz_upcalls upcalls;

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
	pages_init((u64)__libos_end);
	alloc_init();
	syscall_table_init();
	run_initcalls();
	template_main();
}

/* What must be seen to before guest code runs again. */
static void return_to_guest(struct bz_context *ctx)
{
	while (signal_is_pending())
		signal_deliver(ctx);
}

static void upcall_thread_start(void *arg, struct bz_context *ctx)
{
	struct thread *t = arg;
	struct service *service = arg;
	struct bz_tcb *tcb = current_tcb();

	if (service->magic == SERVICE_MAGIC)
		service->run(service->arg);
	tcb->libos = t;
	tcb->resume_flag = (u64)&t->in_guest;
	t->host_tid = tcb->tid;
	t->ctx = ctx;
	if (!t->process->exe) {
		init_enter(t, ctx);
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

	if ((sig == BZ_EXC_SEGV || sig == BZ_EXC_BUS) && mm_fault(exc->addr, exc->err, &sig, &code))
		return;
	t->fault_trapno = exc->trapno;
	t->fault_err = exc->err;
	t->fault_cr2 = exc->cr2;
	info.si_signo = sig;
	info.si_code = code;
	info.fault.addr = exc->addr;
	signal_force(sig, &info);
}

static void upcall_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	struct thread *t = current;

	if (unlikely(exc->in_libos))
		panic("fault %u code %d in the library OS at %#lx, address %#lx", exc->kind, exc->code,
		      (unsigned long)ctx->rip, (unsigned long)exc->addr);
	t->ctx = ctx;
	if (exc->kind == BZ_EXC_SYSCALL) {
		syscall_dispatch(t, ctx);
	} else {
		ctx->flags |= BZ_CTX_FULL;
		handle_fault(ctx, exc);
	}
	return_to_guest(ctx);
}

static void upcall_remote(struct bz_context *ctx)
{
	current->ctx = ctx;
	ctx->flags |= BZ_CTX_FULL;
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
	};
	return &upcalls;
}
