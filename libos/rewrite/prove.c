#include "libos/rewrite/prove.h"
#include "libos/rewrite/decode.h"
#include "libos/kernel/kernel.h"

#define FUNCTION_MAX (64u << 10)
#define SHORT_REACH 128	/* of a jump with an 8-bit distance */
#define MOV_SHORT 5	/* mov $number, %eax */
#define MOV_LONG 7	/* mov $number, %rax */
#define RT_SIGRETURN 15

const char *const verdict_names[PATCH_VERDICTS] = {
	[PATCH_FITS] = "patched",
	[PATCH_UNREADABLE] = "text that cannot be read",
	[PATCH_NO_FUNCTION] = "unknown function",
	[PATCH_NO_INSTRUCTION] = "no instruction",
	[PATCH_LANDING_PADS] = "landing pads",
	[PATCH_UNDECODED] = "not decoded",
	[PATCH_INDIRECT_JUMP] = "jump through a register",
	[PATCH_JUMPED_INTO] = "jumped into",
	[PATCH_UNMOVABLE] = "next instruction cannot be moved",
	[PATCH_NO_ROOM] = "no room",
	[PATCH_RESTORER] = "return from signals",
};

static bool ends_flow(const struct insn *i)
{
	return i->kind == INSN_JUMP || i->kind == INSN_RETURN;
}

/* What stands behind the end of a flow and is no target of any jump: only padding may be overwritten. */
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

/* Which instructions behind the site are taken along to cover `need` bytes from there.  `code`: what stands at the site. */
static enum verdict measure(struct patch_plan *p, const u8 *code, u64 function_end, u32 need)
{
	struct insn i = {0};
	u32 at = 2;

	p->count = 0;
	while (at < need) {
		if (i.length && ends_flow(&i)) {
			if (!is_padding(code + at, need - at))
				return PATCH_NO_ROOM;
			at = need;
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
	p->falls_through = !i.length || !ends_flow(&i);
	memcpy(p->original, code, at);
	return PATCH_FITS;
}

/* What a walk over a function, from its first byte to its last, finds. */
struct walk {
	u64 previous;		/* the instruction before the site; 0: the site begins the function */
	u64 other;		/* the last `syscall` before the site, or 0 */
	bool seen, indirect;	/* the site is an instruction; there is a jump through a register */
	bool jumped_into, jumped_before;	/* into what is replaced behind the site, or between the bytes of `previous` */
	bool jumped_at;				/* to the site itself */
};

static void note_jump(const struct patch_plan *p, struct walk *w, u64 to)
{
	w->jumped_into |= to > p->site && to < p->site + p->length;
	w->jumped_at |= to == p->site;
	w->jumped_before |= to < p->site && to > p->site - MOV_LONG;
}

static bool is_syscall(const u8 *code, u64 n)
{
	return n >= 2 && code[0] == 0x0f && code[1] == 0x05;
}

static enum verdict walk_function(const struct patch_plan *p, const struct function *f, const u8 *code, struct walk *w)
{
	u64 previous = 0;
	struct insn i;

	*w = (struct walk){0};
	for (u64 at = f->start; at < f->end; previous = at, at += i.length) {
		if (at == p->site) {
			w->seen = true;
			w->previous = previous;
		} else if (!w->seen && is_syscall(code + (at - f->start), f->end - at)) {
			w->other = at;
		}
		if (!insn_decode(&i, code + (at - f->start), f->end - at))
			return PATCH_UNDECODED;
		w->indirect |= i.kind == INSN_INDIRECT;
		if (i.kind == INSN_JUMP || i.kind == INSN_BRANCH || i.kind == INSN_LOOP || i.kind == INSN_CALL)
			note_jump(p, w, at + i.length + (i64)i.target);
	}
	return w->seen ? PATCH_FITS : PATCH_NO_INSTRUCTION;
}

/* The site's place among the targets; count: it is not there. */
static u32 target_index(const struct targets *t, u64 site)
{
	u32 low = 0, high = t->count, offset = site - t->start;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (t->site[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return t->count && t->site[low] == offset ? low : t->count;
}

static bool is_target(const struct patch_plan *p, const struct targets *t)
{
	u32 i = target_index(t, p->site);

	/* Bits 1 .. length-1. */
	return i == t->count || (t->mask[i] & ((1u << p->length) - 2));
}

/* mov $number to eax, or sign-extended to rax: its length, or 0. */
static u32 mov_length(const u8 *code, u64 before)
{
	if (before == MOV_SHORT && code[0] == 0xb8)
		return MOV_SHORT;
	return before == MOV_LONG && code[0] == 0x48 && code[1] == 0xc7 && code[2] == 0xc0 ? MOV_LONG : 0;
}

/* The second way: the jump takes the place of a mov before the site. */
static bool prove_before(const struct function *f, const struct walk *w, const u8 *code, struct patch_plan *p)
{
	const u8 *mov = code + (w->previous - f->start);
	u32 n = w->previous ? mov_length(mov, p->site - w->previous) : 0;

	/* What stands behind another `syscall` may be that one's to replace. */
	if (!n || w->jumped_before || (w->other && w->previous - w->other < PATCH_JUMP))
		return false;
	p->before = p->length = n;
	p->count = 0;
	p->falls_through = true;
	memcpy(p->original, mov, n);
	return true;
}

static bool is_restorer(const struct function *f, const struct walk *w, const u8 *code, u64 site)
{
	const u8 *mov = code + (w->previous - f->start);
	u32 n = w->previous ? mov_length(mov, site - w->previous) : 0, number;

	if (!n || f->unwinds)
		return false;
	memcpy(&number, mov + n - 4, 4);
	return number == RT_SIGRETURN;
}

/* What tells of functions, the surest first. */
static enum verdict find_bounds(const struct code_source *s, const struct tables *tables, const struct targets *t, u64 site,
				struct function *f)
{
	u32 i;

	*f = (struct function){0};
	if (function_find(s, tables, site, f) == PATCH_FITS)
		return PATCH_FITS;
	*f = (struct function){0};
	if (go_function_find(s, tables, site, f))
		return PATCH_FITS;
	i = target_index(t, site);
	if (!t->from || i == t->count || !t->to[i])
		return PATCH_NO_FUNCTION;
	*f = (struct function){.start = t->start + t->from[i], .end = t->start + t->to[i], .whole = true};
	return PATCH_FITS;
}

/* Among the instructions that were replaced, and not where the jump stands. */
static bool is_behind(const struct patch_plan *p, u64 to)
{
	return to >= p->site + !p->before && to < p->site + patch_behind(p->before, p->length);
}

/* Does an instruction of another function lead among those behind the site?  True also if that function does not decode. */
static bool reached_from(const struct patch_plan *p, const struct function *f, const struct code_source *s)
{
	u8 *code = f->end - f->start <= FUNCTION_MAX ? kmalloc(f->end - f->start) : NULL;
	bool reached = !code || !s->read(s, f->start, code, f->end - f->start);
	struct insn i;

	for (u64 at = f->start; !reached && at < f->end; at += i.length) {
		reached = !insn_decode(&i, code + (at - f->start), f->end - at);
		if (i.kind == INSN_JUMP || i.kind == INSN_BRANCH || i.kind == INSN_LOOP || i.kind == INSN_CALL)
			reached |= is_behind(p, at + i.length + (i64)i.target);
	}
	kfree(code);
	return reached;
}

/* Two bytes that could be a short jump: they count unless they are known to be something else. */
static bool reached_by_bytes(const struct patch_plan *p, u64 at, const struct code_source *s)
{
	u8 code[2];

	if (!s->read(s, at, code, 2))
		return false;	/* nothing is there */
	return ((code[0] & 0xf0) == 0x70 || code[0] == 0xeb || (code[0] & 0xfc) == 0xe0) && is_behind(p, at + 2 + (i64)(i8)code[1]);
}

/* Code outside of the function that is near enough for a short jump. */
static bool reached_from_outside(const struct patch_plan *p, const struct function *f, const struct code_source *s,
				 const struct tables *tables, const struct targets *t)
{
	u64 from = p->site - SHORT_REACH - 2, to = p->site + SHORT_REACH + PATCH_MAX + 2;
	struct function other;

	if (f->whole)
		return t->reached[target_index(t, p->site)] & ((1u << patch_behind(p->before, p->length)) - (p->before ? 1 : 2));
	for (u64 at = from; at < to;) {
		if (at >= f->start && at < f->end)
			at = f->end;
		else if (!reached_by_bytes(p, at, s))
			at++;
		else if (find_bounds(s, tables, t, at, &other) == PATCH_FITS && !reached_from(p, &other, s))
			at = other.end;
		else
			return true;
	}
	return false;
}

static enum verdict prove_behind(const struct code_source *s, const struct function *f, const struct targets *t,
				 const struct tables *tables, const struct walk *w, const struct patch_plan *p)
{
	if (f->landing_pads)
		return PATCH_LANDING_PADS;
	if (w->indirect)
		return PATCH_INDIRECT_JUMP;
	if (w->jumped_into || is_target(p, t) || reached_from_outside(p, f, s, tables, t))
		return PATCH_JUMPED_INTO;
	return PATCH_FITS;
}

/* The third way: from the instruction before the site on, with as little behind it as need be.  `code` is the function's, `window` the site's. */
static bool prove_around(const struct code_source *s, const struct function *f, const struct tables *tables, const struct targets *t,
			 const u8 *code, const u8 *window, struct patch_plan *p)
{
	u32 i = target_index(t, p->site), before;
	struct insn previous;
	struct walk w;

	if (walk_function(p, f, code, &w) != PATCH_FITS || !w.previous || f->landing_pads || w.indirect || w.jumped_at ||
	    (w.other && w.previous - w.other < PATCH_JUMP))
		return false;
	before = p->site - w.previous;
	if (!insn_decode(&previous, code + (w.previous - f->start), before) || previous.kind != INSN_PLAIN || previous.relative_at ||
	    measure(p, window, f->end, before + 2 < PATCH_JUMP ? PATCH_JUMP - before : 2) != PATCH_FITS || before + p->length > PATCH_MAX)
		return false;
	walk_function(p, f, code, &w);
	if (w.jumped_into || i == t->count || (t->mask[i] & ((1u << p->length) - 1)))
		return false;
	p->before = before;
	p->length += before;
	memcpy(p->original, code + (w.previous - f->start), before);
	memcpy(p->original + before, window, p->length - before);
	return !reached_from_outside(p, f, s, tables, t);
}

static enum verdict prove_in(const struct code_source *s, const struct function *f, const struct tables *tables,
			     const struct targets *t, u8 *code, struct patch_plan *p)
{
	u8 window[PATCH_MAX + 15] = {0};
	enum verdict measured, v;
	struct walk w;

	/* The window may reach beyond the text's last page. */
	for (u32 n = sizeof(window); n >= PATCH_JUMP && !s->read(s, p->site, window, n); n--)
		;
	if (!is_syscall(window, sizeof(window)) || !s->read(s, f->start, code, f->end - f->start))
		return PATCH_UNREADABLE;
	measured = measure(p, window, f->end, PATCH_JUMP);
	v = walk_function(p, f, code, &w);
	if (v != PATCH_FITS)
		return v;
	if (is_restorer(f, &w, code, p->site))
		return PATCH_RESTORER;
	v = measured == PATCH_FITS ? prove_behind(s, f, t, tables, &w, p) : measured;
	if (v == PATCH_FITS || prove_before(f, &w, code, p))
		return PATCH_FITS;
	/* The verdict is that of the first way. */
	if (prove_around(s, f, tables, t, code, window, p))
		return PATCH_FITS;
	*p = (struct patch_plan){.site = p->site};
	return v;
}

/* Is it worth decoding the whole text?  Of a few sites spread over it, most are in no table. */
bool tables_lack_functions(const struct code_source *s, const struct tables *tables, const struct targets *t)
{
	u32 step = t->count / 16 + 1, looked = 0, unknown = 0;
	struct function f;

	for (u32 i = 0; i < t->count; i += step, looked++) {
		u64 site = t->start + t->site[i];

		unknown += function_find(s, tables, site, &f) != PATCH_FITS && !go_function_find(s, tables, site, &f);
	}
	return unknown * 2 > looked;
}

enum verdict patch_prove(const struct code_source *s, const struct tables *tables, const struct targets *t, u64 site,
			 struct patch_plan *plan)
{
	struct function f;
	enum verdict v = find_bounds(s, tables, t, site, &f);
	u8 *code;

	/* Into which the entry's last instruction falls. */
	if (v == PATCH_NO_FUNCTION && find_bounds(s, tables, t, site - 1, &f) == PATCH_FITS && f.end == site) {
		f.end = site + 2;
		v = PATCH_FITS;
	}

	*plan = (struct patch_plan){.site = site};
	if (v != PATCH_FITS)
		return v;
	if (f.end - f.start > FUNCTION_MAX)
		return PATCH_UNDECODED;
	code = kmalloc(f.end - f.start);
	if (!code)
		return PATCH_UNREADABLE;
	v = prove_in(s, &f, tables, t, code, plan);
	kfree(code);
	return v;
}
