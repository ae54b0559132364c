/*
 * System call dispatch: a table indexed by number, filled at start from the .syscalls section.
 * Owns the counters of --stats.
 */
#include "libos/kernel/dispatch.h"
#include "libos/mm/mm.h"
#include "libos/proc/proc.h"
#include "libos/ptrace/ptrace.h"
#include "libos/seccomp/seccomp.h"
#include "libos/signal/signal.h"
#include "libos/trace/trace.h"

extern const struct syscall_entry __start_syscalls[], __stop_syscalls[];

static const struct syscall_entry *table[SYSCALL_MAX];
syscall_fn syscall_functions[SYSCALL_MAX + 1];
static u64 counts[SYSCALL_MAX];
static u64 unknown_count, trapped_count, patched_sites;
u64 quick_slow, quick_direct;
/* What stubs jump through: at a fixed address, since images hold stubs (libos.lds). */
__attribute__((section(".data.syscall_slot"), used)) static u64 syscall_slot[2] = {1};

static long no_call(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	return -ENOSYS;
}

void syscall_table_init(void)
{
	for (u32 i = 0; i <= SYSCALL_MAX; i++)
		syscall_functions[i] = no_call;
	for (const struct syscall_entry *e = __start_syscalls; e < __stop_syscalls; e++) {
		ASSERT(e->nr < SYSCALL_MAX && !table[e->nr]);
		table[e->nr] = e;
		syscall_functions[e->nr] = e->fn;
	}
	quick_slow = host->syscall_entry;
	quick_direct = host->direct_entry ? host->direct_entry : host->syscall_entry;
	syscall_slot[0] = (u64)quick_begin;
	syscall_slot[1] = quick_direct;
	/* Who counts calls or looks on sees all of them. */
	if (boot->flags & (BZ_START_STATS | BZ_START_TRACE))
		syscall_watch_all();
}

void syscall_watch_all(void)
{
	for (int i = 0; i < 2; i++)
		__atomic_store_n(&syscall_slot[i], host->syscall_entry, __ATOMIC_SEQ_CST);
}

u64 syscall_slot_address(void)
{
	return (u64)syscall_slot;
}

const struct syscall_entry *syscall_lookup(u64 nr)
{
	return nr < SYSCALL_MAX ? table[nr] : NULL;
}

static void count_call(u64 nr, const struct syscall_entry *e)
{
	__atomic_fetch_add(e ? &counts[nr] : &unknown_count, 1, __ATOMIC_RELAXED);
}

/* Before a call that is counted, printed or asked about.  False: it is not to be made, and *ret is what it gives. */
static bool watch_enter(struct thread *t, struct bz_context *ctx, long *ret)
{
	const struct syscall_entry *e = syscall_lookup(ctx->rax);
	u64 args[6] = {ctx->rdi, ctx->rsi, ctx->rdx, ctx->r10, ctx->r8, ctx->r9};

	if (boot->flags & BZ_START_STATS)
		count_call(ctx->rax, e);
	if (tracing())
		trace_enter(t, ctx->rax, e, args);
	if ((READ_ONCE(t->hooks) & HOOK_CALLS) && !ptrace_call_begins(t, ctx, ret))
		return false;
	if (!(READ_ONCE(t->hooks) & HOOK_SECCOMP))
		return true;
	switch (seccomp_check(t, ctx, ret)) {
	case SECCOMP_GO_ON:
		return true;
	case SECCOMP_GONE:
		/* Here and now: the handler may put a result in place, before the instructions behind the call look at it. */
		t->orig_rax = ~0ull;
		signal_deliver(ctx);
		break;
	case SECCOMP_SKIP:
		break;
	}
	return false;
}

void syscall_left(struct bz_context *ctx, long ret)
{
	struct thread *t = current;

	if (tracing())
		trace_leave(t, ret);
	if ((READ_ONCE(t->hooks) & (HOOK_CALLS | HOOK_EMULATE)) == HOOK_CALLS) {
		ptrace_call_ends(t, ctx);
		ret = ctx->rax;
	}
	if (is_restart(ret) && t->orig_rax != ~0ull)
		signal_deliver(ctx);
	t->orig_rax = ~0ull;
}

void syscall_dispatch_watched(struct thread *t, struct bz_context *ctx)
{
	long ret = -ENOSYS;
	bool made;
	u64 nr;

	made = watch_enter(t, ctx, &ret);
	nr = min(ctx->rax, (u64)SYSCALL_MAX); /* a tracer may have put another in its place */
	if (t->orig_rax != ~0ull)
		t->orig_rax = nr;
	if (made)
		ret = syscall_functions[nr](ctx->rdi, ctx->rsi, ctx->rdx, ctx->r10, ctx->r8, ctx->r9);
	t = current;
	if (t->orig_rax != ~0ull)
		ctx->rax = ret;
	syscall_left(ctx, ret);
}

void syscall_stats_trapped(void)
{
	if (boot->flags & BZ_START_STATS)
		__atomic_fetch_add(&trapped_count, 1, __ATOMIC_RELAXED);
}

void syscall_stats_patched(void)
{
	__atomic_fetch_add(&patched_sites, 1, __ATOMIC_RELAXED);
}

void syscall_stats_report(void)
{
	size_t room = 24 << 10, n = 0;
	char *text = kmalloc(room);
	struct memory_use use;
	u64 sum = unknown_count;

	if (!text)
		return;
	for (u32 i = 0; i < SYSCALL_MAX; i++) {
		if (!counts[i] || n > room - 96)
			continue;
		sum += counts[i];
		n += snprintf(text + n, room - n, "guest %s %lu\n", table[i]->name, (unsigned long)counts[i]);
	}
	memory_use(&use);
	n += snprintf(text + n, room - n, "value trapped_calls %lu\nvalue patched_calls %lu\nvalue patched_sites %lu\nvalue arena_peak_bytes %lu\n",
		      (unsigned long)trapped_count, (unsigned long)(sum - trapped_count), (unsigned long)patched_sites,
		      (unsigned long)(use.peak_pages * PAGE_SIZE));
	host->debug_log(BZ_LOG_STATS, text, n);
	kfree(text);
}
