/*
 * Texts without any table: decoded as a whole, from the section's first byte to its last.  Functions are taken to begin where
 * something calls; what lies between two such places, be it one function or several, is treated as one.  The decoding counts only
 * if it agrees with itself: each direct call and jump, of thousands, must lead to the beginning of an instruction.
 */
#include "libos/rewrite/prove.h"
#include "libos/rewrite/decode.h"
#include "libos/kernel/kernel.h"

#define CHUNK 4096
#define INSN_MAX 15

struct linear {
	const struct code_source *source;
	u64 start, end;		/* of the section */
	u8 *begins, *called, *reached;	/* a bit for each byte: an instruction begins, is called, is jumped to */
	u8 buf[CHUNK + INSN_MAX];
};

static void set(u8 *bits, u64 i)
{
	bits[i / 8] |= 1 << i % 8;
}

static bool is_set(const u8 *bits, u64 i)
{
	return bits[i / 8] & 1 << i % 8;
}

static void note_flow(struct linear *l, u64 next, const struct insn *i)
{
	u64 to = next + (i64)i->target - l->start;

	if (to >= l->end - l->start)
		return;
	if (i->kind == INSN_CALL)
		set(l->called, to);
	else if (i->kind == INSN_JUMP || i->kind == INSN_BRANCH || i->kind == INSN_LOOP)
		set(l->reached, to);
}

static bool decode_all(struct linear *l)
{
	u64 at = l->start, chunk = at, have = 0;
	struct insn i;

	while (at < l->end) {
		if (at + INSN_MAX > chunk + have && chunk + have < l->end) {
			chunk = at;
			have = min(l->end - at, (u64)sizeof(l->buf));
			if (!l->source->read(l->source, at, l->buf, have))
				return false;
		}
		if (!insn_decode(&i, l->buf + (at - chunk), chunk + have - at))
			return false;
		set(l->begins, at - l->start);
		at += i.length;
		note_flow(l, at, &i);
	}
	return at == l->end;
}

static bool agrees(const struct linear *l)
{
	for (u64 i = 0; i < (l->end - l->start + 7) / 8; i++)
		if ((l->called[i] | l->reached[i]) & ~l->begins[i])
			return false;
	return true;
}

static void bounds_of(const struct linear *l, u64 site, struct function *f)
{
	u64 from = site - l->start, to = from + 1;

	while (from && !is_set(l->called, from))
		from--;
	while (to < l->end - l->start && !is_set(l->called, to))
		to++;
	*f = (struct function){.start = l->start + from, .end = l->start + to};
}

/* For each site of the targets that lies in the section, the function that it is in. */
static bool note_bounds(const struct linear *l, struct targets *t, void *(*alloc)(size_t))
{
	struct function f;

	t->from = alloc(t->count * sizeof(u32) + 4);
	t->to = alloc(t->count * sizeof(u32) + 4);
	t->reached = alloc(t->count * sizeof(u32) + 4);
	if (!t->from || !t->to || !t->reached)
		return false;
	for (u32 i = 0; i < t->count; i++) {
		u64 site = t->start + t->site[i];

		if (site < l->start || site >= l->end)
			continue;
		bounds_of(l, site, &f);
		t->from[i] = f.start - t->start;
		t->to[i] = f.end - t->start;
		for (u32 d = 0; d < 32 && site + d < l->end; d++)
			if (is_set(l->reached, site + d - l->start) || is_set(l->called, site + d - l->start))
				t->reached[i] |= 1u << d;
	}
	return true;
}

bool linear_scan(const struct code_source *s, const struct tables *tables, void *(*alloc)(size_t), struct targets *t)
{
	u64 start = tables->text, end = tables->text_end, bytes;
	struct linear *l;
	bool done;

	if (!t->count || start < t->start || end > t->end || start >= end || end - start > LINEAR_MAX)
		return false;
	bytes = (end - start) / 8 + 1;
	l = alloc(sizeof(*l) + 3 * bytes);
	if (!l)
		return false;
	l->source = s;
	l->start = start;
	l->end = end;
	l->begins = (u8 *)(l + 1);
	l->called = l->begins + bytes;
	l->reached = l->called + bytes;
	if (tables->entry - start < end - start)
		set(l->called, tables->entry - start);
	done = decode_all(l) && agrees(l) && note_bounds(l, t, alloc);
	kfree(l);
	return done;
}
