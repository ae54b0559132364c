#include "libos/rewrite/prove.h"
#include "libos/rewrite/decode.h"
#include "libos/kernel/kernel.h"

#define FUNCTION_MAX (64u << 10)
#define SHORT_REACH 128	/* of a jump with an 8-bit distance */

const char *const verdict_names[PATCH_VERDICTS] = {
	[PATCH_FITS] = "patched",
	[PATCH_UNREADABLE] = "text that cannot be read",
	[PATCH_NO_FUNCTION] = "no unwind table",
	[PATCH_LANDING_PADS] = "landing pads",
	[PATCH_UNDECODED] = "not decoded",
	[PATCH_INDIRECT_JUMP] = "jump through a register",
	[PATCH_JUMPED_INTO] = "jumped into",
	[PATCH_UNMOVABLE] = "next instruction cannot be moved",
	[PATCH_NO_ROOM] = "no room",
};

static bool is_inside(const struct patch_plan *p, u64 addr)
{
	return addr > p->site && addr < p->site + p->length;
}

static bool ends_flow(const struct insn *i)
{
	return i->kind == INSN_JUMP || i->kind == INSN_RETURN;
}

/* What follows a function up to the next: only padding may be overwritten. */
static bool is_padding(const u8 *code, size_t n)
{
	struct insn i;

	for (size_t at = 0; at < n; at += i.length) {
		if (code[at] == 0xcc) {
			i.length = 1;
			continue;
		}
		if (!insn_decode(&i, code + at, 15) || i.kind != INSN_PLAIN || (i.opcode != 0x90 && i.opcode != 0x1f))
			return false;
	}
	return true;
}

/* Which instructions behind the site are taken along.  `code`: what stands at the site. */
static enum verdict measure(struct patch_plan *p, const u8 *code, u64 function_end)
{
	struct insn i = {0};
	u32 at = 2;

	while (at < PATCH_JUMP) {
		if (i.length && ends_flow(&i)) {
			if (p->site + at < function_end || !is_padding(code + at, PATCH_JUMP - at))
				return PATCH_NO_ROOM;
			at = PATCH_JUMP;
			break;
		}
		if (p->count == PATCH_MOVED || !insn_decode(&i, code + at, 15))
			return PATCH_UNDECODED;
		if (p->site + at + i.length > function_end)
			return PATCH_NO_ROOM;
		if (i.kind == INSN_OTHER || i.kind == INSN_CALL || i.kind == INSN_LOOP || i.kind == INSN_INDIRECT || i.kind == INSN_SLOT)
			return PATCH_UNMOVABLE;
		p->from[p->count++] = at;
		at += i.length;
	}
	p->length = at;
	p->falls_through = !ends_flow(&i);
	memcpy(p->original, code, at);
	return PATCH_FITS;
}

/* The function from its first byte to its last; the site must be one of its instructions. */
static enum verdict walk_function(const struct patch_plan *p, const struct function *f, const u8 *code)
{
	bool seen = false;
	struct insn i;

	for (u64 at = f->start; at < f->end; at += i.length) {
		seen |= at == p->site;
		if (!insn_decode(&i, code + (at - f->start), f->end - at))
			return PATCH_UNDECODED;
		if (i.kind == INSN_INDIRECT)
			return PATCH_INDIRECT_JUMP;
		if ((i.kind == INSN_JUMP || i.kind == INSN_BRANCH || i.kind == INSN_LOOP || i.kind == INSN_CALL) &&
		    is_inside(p, at + i.length + (i64)i.target))
			return PATCH_JUMPED_INTO;
	}
	return seen ? PATCH_FITS : PATCH_UNDECODED;
}

/* Code outside of the function that is near enough for a short jump: any two bytes that could be one count. */
static bool reached_from_outside(const struct patch_plan *p, const struct function *f, const struct code_source *s)
{
	u8 code[2 * SHORT_REACH + PATCH_MAX + 4];
	u64 from = p->site - SHORT_REACH - 2;

	for (u32 i = 0; i + 1 < sizeof(code); i++) {
		u64 at = from + i;

		if (at >= f->start && at < f->end)
			continue;
		if (!s->read(s, at, code, 2))
			continue;	/* nothing is there */
		if (((code[0] & 0xf0) == 0x70 || code[0] == 0xeb || (code[0] & 0xfc) == 0xe0) && is_inside(p, at + 2 + (i64)(i8)code[1]))
			return true;
	}
	return false;
}

static bool is_target(const struct patch_plan *p, const struct targets *t)
{
	u32 low = 0, high = t->count, offset = p->site - t->start;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (t->site[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	/* Bits 1 .. length-1. */
	return !t->count || t->site[low] != offset || (t->mask[low] & ((1u << p->length) - 2));
}

static enum verdict prove_in(const struct code_source *s, const struct function *f, const struct targets *t, u8 *code,
			     struct patch_plan *p)
{
	u8 window[PATCH_MAX + 15] = {0};
	enum verdict v;

	/* The window may reach beyond the text's last page. */
	for (u32 n = sizeof(window); n >= PATCH_JUMP && !s->read(s, p->site, window, n); n--)
		;
	if (window[0] != 0x0f || window[1] != 0x05 || !s->read(s, f->start, code, f->end - f->start))
		return PATCH_UNREADABLE;
	v = measure(p, window, f->end);
	if (v == PATCH_FITS)
		v = walk_function(p, f, code);
	if (v == PATCH_FITS && (is_target(p, t) || reached_from_outside(p, f, s)))
		v = PATCH_JUMPED_INTO;
	return v;
}

enum verdict patch_prove(const struct code_source *s, const struct unwind *u, const struct targets *t, u64 site,
			 struct patch_plan *plan)
{
	struct function f;
	enum verdict v = function_find(s, u, site, &f);
	u8 *code;

	*plan = (struct patch_plan){.site = site};
	if (v != PATCH_FITS)
		return v;
	if (f.landing_pads)
		return PATCH_LANDING_PADS;
	if (f.end - f.start > FUNCTION_MAX)
		return PATCH_UNDECODED;
	code = kmalloc(f.end - f.start);
	if (!code)
		return PATCH_UNREADABLE;
	v = prove_in(s, &f, t, code, plan);
	kfree(code);
	return v;
}
