/*
 * Where a function begins and ends: .eh_frame_hdr's sorted table, then the entry (FDE) itself.  Formats: Linux Standard
 * Base, Core, "Exception Frames"; only the encodings that linkers make for x86-64 are read, others give no answer.
 */
#include "libos/rewrite/prove.h"
#include "libos/kernel/kernel.h"

#define ENC_PCREL_SDATA4 0x1b
#define ENC_UDATA4 0x03
#define ENC_DATAREL_SDATA4 0x3b
#define ENC_OMIT 0xff
#define AUGMENTATION_MAX 64

static bool read_u32(const struct code_source *s, u64 addr, u32 *v)
{
	return s->read(s, addr, v, sizeof(*v));
}

/* The entry of the table with the greatest start that is not beyond addr: the address of its FDE, or 0. */
static u64 search_table(const struct code_source *s, u64 header, u64 addr)
{
	u8 enc[4];
	u32 count, low = 0, high;
	i32 pair[2];

	if (!s->read(s, header, enc, 4) || enc[0] != 1 || enc[1] == ENC_OMIT || (enc[1] & 0x0f) != 0x0b || enc[2] != ENC_UDATA4 ||
	    enc[3] != ENC_DATAREL_SDATA4 || !read_u32(s, header + 8, &count) || !count)
		return 0;
	for (high = count; high - low > 1;) {
		u32 middle = low + (high - low) / 2;

		if (!s->read(s, header + 12 + middle * 8ul, pair, 8))
			return 0;
		if (header + (i64)pair[0] <= addr)
			low = middle;
		else
			high = middle;
	}
	if (!s->read(s, header + 12 + low * 8ul, pair, 8) || header + (i64)pair[0] > addr)
		return 0;
	return header + (i64)pair[1];
}

/* The same by going through all entries: each begins with its length, a common one has 0 behind it. */
static u64 scan_entries(const struct code_source *s, const struct tables *u, u64 addr)
{
	u32 word[4];	/* length, distance to the common entry, start, size */

	for (u64 at = u->frames; at + sizeof(word) <= u->frames_end; at += 4 + word[0]) {
		if (!s->read(s, at, word, sizeof(word)) || !word[0] || word[0] > u->frames_end - at - 4)
			return 0;
		if (word[1] && addr - (at + 8 + (i64)(i32)word[2]) < word[3])
			return at;
	}
	return 0;
}

struct cursor {
	u8 byte[AUGMENTATION_MAX];
	u32 at;
	bool bad;
};

static u8 next(struct cursor *c)
{
	if (c->at >= sizeof(c->byte)) {
		c->bad = true;
		return 0;
	}
	return c->byte[c->at++];
}

static u64 next_leb(struct cursor *c)
{
	u64 v = 0;
	u32 shift = 0;
	u8 b;

	do {
		b = next(c);
		if (shift < 64)
			v |= (u64)(b & 0x7f) << shift;
		shift += 7;
	} while (b & 0x80);
	return v;
}

struct common {
	u8 encoding, lsda;	/* how its FDEs write addresses, and what points to landing pads */
	bool signal_frame;
};

/* The common entry's augmentation. */
static bool read_common(const struct code_source *s, u64 addr, struct common *common)
{
	struct cursor c = {0};
	u8 letters[8];
	u32 n = 0;

	*common = (struct common){.lsda = ENC_OMIT};
	if (!s->read(s, addr + 8, c.byte, sizeof(c.byte)))
		return false;
	if (next(&c) != 1)	/* version */
		return false;
	while (n < sizeof(letters) && (letters[n] = next(&c)))
		n++;
	if (n == sizeof(letters) || letters[0] != 'z')
		return false;
	next_leb(&c);		/* code alignment, data alignment, return address */
	next_leb(&c);
	next(&c);
	next_leb(&c);		/* length of what follows */
	for (u32 i = 1; i < n; i++) {
		if (letters[i] == 'R')
			common->encoding = next(&c);
		else if (letters[i] == 'L')
			common->lsda = next(&c);
		else if (letters[i] == 'P')
			c.at += (next(&c) & 7) == 4 || !(c.byte[c.at - 1] & 7) ? 8 : 4;
		else if (letters[i] == 'S')
			common->signal_frame = true;
		else if (letters[i] != 'B')
			return false;
	}
	return !c.bad && c.at <= sizeof(c.byte);
}

enum verdict function_find(const struct code_source *s, const struct tables *u, u64 addr, struct function *f)
{
	u64 fde = u->header ? search_table(s, u->header, addr) : scan_entries(s, u, addr), at;
	u32 word[4];	/* length, distance to the common entry, start, size */
	struct common common;
	u8 length;
	i32 pads = 0;

	if (!fde || !s->read(s, fde, word, sizeof(word)) || !word[0] || word[0] == ~0u || !word[1])
		return PATCH_NO_FUNCTION;
	if (!read_common(s, fde + 4 - word[1], &common) || common.encoding != ENC_PCREL_SDATA4)
		return PATCH_NO_FUNCTION;
	f->start = fde + 8 + (i64)(i32)word[2];
	f->end = f->start + word[3];
	if (addr < f->start || addr >= f->end)
		return PATCH_NO_FUNCTION;
	at = fde + 16;
	if (!s->read(s, at, &length, 1) || length >= 0x80)
		return PATCH_NO_FUNCTION;
	if (common.lsda != ENC_OMIT && (common.lsda != ENC_PCREL_SDATA4 || !s->read(s, at + 1, &pads, 4)))
		return PATCH_NO_FUNCTION;
	/* Such an entry begins a byte early, for unwinders that look a return address up by the byte before it. */
	if (common.signal_frame && addr > f->start)
		f->start++;
	f->landing_pads = pads != 0;
	f->unwinds = true;
	return PATCH_FITS;
}
