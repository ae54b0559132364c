/*
 * A stub, which does what the replaced bytes did:
 *
 *	 0	movabs $slot, %r11		a fixed address, which holds the library OS's entry
 *	10	lea    back(%rip), %rcx
 *	17	jmp    *(%r11)
 *	20	.quad  site + 2 - back		what the guest's rip is to look like
 *	28 back: the moved instructions
 *		jmp    behind the patch
 *
 * Nothing in it depends on where text and stubs lie, as long as their distance is the same: images hold stubs that are laid out.
 * If the jump stands before the site (patch_plan.before), the stub begins with the instruction that was there, and goes on behind
 * the `syscall`.  rcx and r11 are free at a `syscall`; flags and stack are not touched (see bz_abi.syscall_entry).
 */
#include "libos/rewrite/prove.h"
#include "libos/rewrite/decode.h"
#include "libos/kernel/kernel.h"

struct writer {
	struct patch_plan *plan;
	u64 stub;
	u32 at;
	bool bad;
};

static void put(struct writer *w, const void *bytes, u32 n)
{
	if (w->at + n > STUB_SIZE) {
		w->bad = true;
		return;
	}
	memcpy(w->plan->stub + w->at, bytes, n);
	w->at += n;
}

static void put_byte(struct writer *w, u8 byte)
{
	put(w, &byte, 1);
}

/* A 32-bit distance from behind itself to `to`. */
static void put_distance(struct writer *w, u64 to, u32 behind)
{
	i64 distance = to - (w->stub + w->at + 4 + behind);
	i32 word = distance;

	w->bad |= word != distance;
	put(w, &word, 4);
}

static void move_insn(struct writer *w, const struct insn *i, const u8 *code, u64 origin)
{
	u64 target = origin + i->length + (i64)i->target;

	switch (i->kind) {
	case INSN_JUMP:
		put_byte(w, 0xe9);
		put_distance(w, target, 0);
		break;
	case INSN_BRANCH:
		put_byte(w, 0x0f);
		put_byte(w, 0x80 | (i->opcode & 0x0f));
		put_distance(w, target, 0);
		break;
	default:
		if (!i->relative_at) {
			put(w, code, i->length);
			break;
		}
		i32 distance;

		memcpy(&distance, code + i->relative_at, 4);
		put(w, code, i->relative_at);
		put_distance(w, origin + i->length + (i64)distance, i->length - i->relative_at - 4);
		put(w, code + i->relative_at + 4, i->length - i->relative_at - 4);
	}
}

enum verdict patch_lay_out(struct patch_plan *plan, u64 stub)
{
	struct writer w = {plan, stub, 0, false};
	static const u8 lea[] = {0x48, 0x8d, 0x0d}, jmp_slot[] = {0x41, 0xff, 0x23};
	u64 shown = plan->site + 2, slot = SYSCALL_SLOT;
	u64 distance = shown - (stub + plan->before + STUB_BACK);
	struct insn i;
	u64 behind = patch_start(plan) + PATCH_JUMP;
	i32 word = stub - behind;

	put(&w, plan->original, plan->before);
	put(&w, (const u8[]){0x49, 0xbb}, 2);
	put(&w, &slot, 8);
	put(&w, lea, sizeof(lea));
	put_distance(&w, stub + plan->before + STUB_BACK, 0);
	put(&w, jmp_slot, sizeof(jmp_slot));
	put(&w, &distance, 8);
	for (u32 n = 0; n < plan->count; n++) {
		u8 code[15 + PATCH_MAX] = {0};

		memcpy(code, plan->original + plan->before + plan->from[n], plan->length - plan->before - plan->from[n]);
		if (!insn_decode(&i, code, 15))
			return PATCH_UNDECODED;
		plan->to[n] = w.at;
		move_insn(&w, &i, code, plan->site + plan->from[n]);
	}
	if (plan->falls_through) {
		put_byte(&w, 0xe9);
		put_distance(&w, plan->site + patch_behind(plan->before, plan->length), 0);
	}
	plan->stub_length = w.at;
	/* The jump, and behind it what no one reaches. */
	plan->jump[0] = 0xe9;
	memcpy(plan->jump + 1, &word, 4);
	for (u32 at = PATCH_JUMP; at < plan->length; at++)
		plan->jump[at] = 0x90;
	return w.bad || (i64)word != (i64)(stub - behind) ? PATCH_NO_ROOM : PATCH_FITS;
}
