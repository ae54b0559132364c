/*
 * Displaced instructions that a signal would have to wait for, done by hand: those that follow a `syscall` nearly always.  What is
 * not here is single-stepped, at the price of a host signal, and in a virtual machine of several exits.
 */
#include "libos/rewrite/internal.h"
#include "libos/rewrite/rewrite.h"

#define ARITHMETIC 0x8d5ul /* OF, SF, ZF, AF, PF, CF */
#define REX_B 1
#define REX_R 4
#define REX_W 8

static u64 flags_of_cmp(u64 a, u64 b, bool wide)
{
	u64 flags;

	if (wide)
		__asm__("cmpq %2, %1\n\tpushfq\n\tpopq %0" : "=r"(flags) : "r"(a), "r"(b) : "cc");
	else
		__asm__("cmpl %k2, %k1\n\tpushfq\n\tpopq %0" : "=r"(flags) : "r"(a), "r"(b) : "cc");
	return flags;
}

static u64 flags_of_test(u64 a, bool wide)
{
	u64 flags;

	if (wide)
		__asm__("testq %1, %1\n\tpushfq\n\tpopq %0" : "=r"(flags) : "r"(a) : "cc");
	else
		__asm__("testl %k1, %k1\n\tpushfq\n\tpopq %0" : "=r"(flags) : "r"(a) : "cc");
	return flags;
}

/* Jcc's condition: its low bit negates. */
static bool condition(u8 code, u64 flags)
{
	bool cf = flags & 1, pf = flags & 4, zf = flags & 0x40, sf = flags & 0x80, of = flags & 0x800;
	const bool holds[8] = {of, cf, zf, cf || zf, sf, pf, sf != of, zf || sf != of};

	return holds[code >> 1 & 7] != (code & 1);
}

static u64 *reg(struct bz_context *c, u32 n)
{
	u64 *const regs[16] = {&c->rax, &c->rcx, &c->rdx, &c->rbx, &c->rsp, &c->rbp, &c->rsi, &c->rdi,
			       &c->r8, &c->r9, &c->r10, &c->r11, &c->r12, &c->r13, &c->r14, &c->r15};

	return regs[n];
}

static i64 immediate(const u8 *at, u32 n)
{
	i32 word;

	if (n == 1)
		return (i8)*at;
	memcpy(&word, at, 4);
	return word;
}

static void set_flags(struct bz_context *ctx, u64 flags)
{
	ctx->rflags = (ctx->rflags & ~ARITHMETIC) | (flags & ARITHMETIC);
}

/* The instruction at `at`, of n bytes; false: not one of ours, and nothing has changed. */
static bool interpret(struct bz_context *ctx, const u8 *at, u32 n)
{
	u8 rex = n > 1 && (at[0] & 0xf0) == 0x40 ? *at++ : 0;
	bool wide = rex & REX_W;

	n -= rex != 0;
	if (n == 5 && at[0] == 0x3d) {					/* cmp $imm32, rax */
		set_flags(ctx, flags_of_cmp(ctx->rax, immediate(at + 1, 4), wide));
	} else if (n == 3 && !(rex & REX_B) && at[0] == 0x83 && at[1] == 0xf8) { /* cmp $imm8, rax */
		set_flags(ctx, flags_of_cmp(ctx->rax, immediate(at + 2, 1), wide));
	} else if (n == 2 && !(rex & (REX_B | REX_R)) && at[0] == 0x85 && at[1] == 0xc0) { /* test rax, rax */
		set_flags(ctx, flags_of_test(ctx->rax, wide));
	} else if (n == 2 && at[0] == 0x89 && at[1] >= 0xc0) {		/* mov reg, reg */
		u64 value = *reg(ctx, (at[1] >> 3 & 7) | (rex & REX_R ? 8 : 0));

		*reg(ctx, (at[1] & 7) | (rex & REX_B ? 8 : 0)) = wide ? value : (u32)value;
	} else if (n == 2 && !rex && (at[0] & 0xf0) == 0x70) {		/* jcc near by */
		if (condition(at[0], ctx->rflags))
			ctx->rip += immediate(at + 1, 1);
	} else if (n == 6 && !rex && at[0] == 0x0f && (at[1] & 0xf0) == 0x80) {
		if (condition(at[1], ctx->rflags))
			ctx->rip += immediate(at + 2, 4);
	} else {
		return false;
	}
	return true;
}

bool rewrite_interpret(const struct mm *mm, struct bz_context *ctx)
{
	const struct patch *p = mm->rewrite ? patch_around(mm->rewrite, ctx->rip) : NULL;
	u8 original[PATCH_MAX];
	struct stub_map map;
	u64 offset;

	if (p && READ_ONCE(p->live)) {
		map = p->map;
		memcpy(original, p->original, sizeof(original));
	} else if (!image_displaced(mm, ctx->rip, &map, original)) {
		return false;
	}
	offset = ctx->rip - map.site;
	for (u32 n = 0; n < map.moved; n++) {
		u32 end = n + 1 < map.moved ? map.from[n + 1] : patch_behind(map.before, map.length);

		if (map.from[n] != offset)
			continue;
		if (!interpret(ctx, original + map.before + offset, end - offset))
			return false;
		ctx->rip += end - offset;
		ctx->flags |= BZ_CTX_FULL;
		return true;
	}
	return false;
}
