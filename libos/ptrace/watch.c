/*
 * Debug registers.  The host gives none, so a thread that has breakpoints or watched places in them runs step by step, and its library OS
 * looks behind each instruction: slow, as a debugger's own software watchpoints are, but without its part in it.  A write that
 * changes nothing, and a read (types 1 and 3 are told by writes alone), are not seen.
 */
#include "libos/ptrace/ptrace.h"
#include <linux/capability.h>

#define DR7_ENABLED(dr7, n) ((dr7) >> (2 * (n)) & 3)
#define DR7_TYPE(dr7, n) ((dr7) >> (16 + 4 * (n)) & 3)
#define DR7_LENGTH(dr7, n) ((dr7) >> (18 + 4 * (n)) & 3)
#define TYPE_EXECUTE 0
#define TYPE_IO 2
#define TRAP_TRACE 2
#define TRAP_HWBKPT 4

static u32 length_of(u64 dr7, u32 n)
{
	static const u8 lengths[4] = {1, 2, 8, 4};

	return lengths[DR7_LENGTH(dr7, n)];
}

static u64 now_there(const struct ptrace *pt, u32 n)
{
	u64 value = 0;

	if (copy_from_user(&value, (void *)pt->debug[n], length_of(pt->debug[7], n)))
		return 0;
	return value;
}

static bool valid(u64 dr7, u32 n, u64 addr)
{
	u32 len = length_of(dr7, n);

	if (DR7_TYPE(dr7, n) == TYPE_IO || (DR7_TYPE(dr7, n) == TYPE_EXECUTE && len != 1))
		return false;
	return !(addr & (len - 1)) && access_ok((void *)addr, len);
}

long ptrace_set_debug(struct ptrace *pt, u32 n, u64 value)
{
	u64 dr7 = n == 7 ? value : pt->debug[7];

	if (n == 4 || n == 5)
		return -EIO;
	for (u32 i = 0; i < 4; i++)
		if (DR7_ENABLED(dr7, i) && (n == 7 || n == i) && !valid(dr7, i, n == i ? value : pt->debug[i]))
			return -EINVAL;
	pt->debug[n] = value;
	if (pt->debug[7] & 0xff)
		__atomic_fetch_or(&pt->thread->hooks, HOOK_WATCH, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&pt->thread->hooks, ~HOOK_WATCH, __ATOMIC_SEQ_CST);
	return 0;
}

void ptrace_watch_begin(struct ptrace *pt)
{
	for (u32 n = 0; n < 4; n++)
		pt->watched[n] = now_there(pt, n);
}

/* Which of the four it hit. */
static u64 look(struct ptrace *pt, const struct bz_context *ctx)
{
	u64 hit = 0, dr7 = pt->debug[7], value;

	for (u32 n = 0; n < 4; n++) {
		if (!DR7_ENABLED(dr7, n))
			continue;
		if (DR7_TYPE(dr7, n) == TYPE_EXECUTE) {
			hit |= ctx->rip == pt->debug[n] ? 1u << n : 0;
			continue;
		}
		value = now_there(pt, n);
		if (value != pt->watched[n])
			hit |= 1u << n;
		pt->watched[n] = value;
	}
	return hit;
}

bool ptrace_watch(struct thread *t, struct bz_context *ctx, struct siginfo_kernel *info)
{
	struct ptrace *pt;
	u64 hit = 0;

	/* Only the thread itself takes away what it looks at here, or its tracer while it is stopped; but that may end. */
	mutex_lock(&tasklist_lock);
	pt = t->ptrace;
	if (pt)
		ref_get(&pt->refs);
	mutex_unlock(&tasklist_lock);
	if (!pt)
		return true;
	hit = look(pt, ctx);
	if (hit) {
		pt->debug[6] = (pt->debug[6] & ~15ull) | hit;
		info->si_code = TRAP_HWBKPT;
	}
	ptrace_put(pt);
	return !hit && info->si_code == TRAP_TRACE && !(READ_ONCE(t->hooks) & HOOK_STEP);
}
