/*
 * A second opinion on each patch, by Zydis: a patch that was proven and laid out with the library OS's own decoder counts only
 * if another decoder, which is older and used by many, sees the same instructions in what is replaced, and in the stub
 * the same ones again, which lead to the same places.  Owns nothing; the bytes are hostile, Zydis bounds its reads.
 */
#include <Zydis/Zydis.h>
#include <string.h>

#include "image/sites.h"
#include "libos/rewrite/prove.h"

struct decoded {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static bool decode(const uint8_t *code, size_t n, struct decoded *d)
{
	static ZydisDecoder decoder;
	static bool ready;

	if (!ready)
		ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ready = true;
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, code, n, &d->insn, d->operands));
}

/* Where an operand leads that is relative to its instruction; UINT64_MAX: there is none. */
static uint64_t leads_to(const struct decoded *d, uint64_t address)
{
	ZyanU64 target;

	for (unsigned int i = 0; i < d->insn.operand_count_visible; i++)
		if (ZYAN_SUCCESS(ZydisCalcAbsoluteAddress(&d->insn, &d->operands[i], address, &target)) &&
		    (d->insn.attributes & ZYDIS_ATTRIB_IS_RELATIVE))
			return target;
	return UINT64_MAX;
}

/* The same operation on the same operands; only how far away a relative one is may be written otherwise. */
static bool same_operation(const struct decoded *a, uint64_t at, const struct decoded *b, uint64_t bt)
{
	if (a->insn.mnemonic != b->insn.mnemonic || a->insn.operand_count_visible != b->insn.operand_count_visible ||
	    leads_to(a, at) != leads_to(b, bt))
		return false;
	for (unsigned int i = 0; i < a->insn.operand_count_visible; i++) {
		const ZydisDecodedOperand *x = &a->operands[i], *y = &b->operands[i];

		if (x->type != y->type)
			return false;
		if (x->type == ZYDIS_OPERAND_TYPE_REGISTER && x->reg.value != y->reg.value)
			return false;
		if (x->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && !x->imm.is_relative && x->imm.value.u != y->imm.value.u)
			return false;
		if (x->type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    (x->mem.base != y->mem.base || x->mem.index != y->mem.index || x->mem.scale != y->mem.scale ||
		     x->mem.segment != y->mem.segment ||
		     (x->mem.base != ZYDIS_REGISTER_RIP && x->mem.disp.value != y->mem.disp.value)))
			return false;
	}
	return true;
}

/* One instruction of what the plan replaces, which ends at `to`; or before, if nothing goes on behind it. */
static bool decode_original(const struct patch_plan *p, uint32_t from, uint32_t to, bool goes_on, struct decoded *d)
{
	return from < to && to <= sizeof(p->original) && decode(p->original + from, to - from, d) &&
	       (d->insn.length == to - from || !goes_on);
}

/* No jump, call, return, interrupt or the like. */
static bool moves_data(const struct decoded *d)
{
	switch (d->insn.meta.category) {
	case ZYDIS_CATEGORY_CALL:
	case ZYDIS_CATEGORY_COND_BR:
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_RET:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_SYSTEM:
	case ZYDIS_CATEGORY_UNCOND_BR:
		return false;
	default:
		return true;
	}
}

bool opinion_agrees(const struct patch_plan *p, uint64_t stub)
{
	struct decoded was, is;

	/* The jump stands in front, in place of one instruction, with which the stub begins. */
	if (p->before && (!decode_original(p, 0, p->before, true, &was) || leads_to(&was, 0) != UINT64_MAX || !moves_data(&was) ||
			  memcmp(p->stub, p->original, p->before)))
		return false;
	if (p->before && p->length == p->before)
		return was.insn.mnemonic == ZYDIS_MNEMONIC_MOV;
	if (!decode_original(p, p->before, p->before + 2, true, &was) || was.insn.mnemonic != ZYDIS_MNEMONIC_SYSCALL)
		return false;
	for (uint32_t n = 0; n < p->count; n++) {
		bool last = n + 1 == p->count;
		uint32_t from = p->before + p->from[n], end = last ? p->length : p->before + p->from[n + 1];

		if ((n == 0 && p->from[0] != 2) || !decode_original(p, from, end, !last || p->falls_through, &was) || p->to[n] >= p->stub_length ||
		    !decode(p->stub + p->to[n], p->stub_length - p->to[n], &is) ||
		    !same_operation(&was, p->site + p->from[n], &is, stub + p->to[n]))
			return false;
	}
	return p->count || p->length <= p->before + 2;
}
