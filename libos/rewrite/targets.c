/* Where jumps may lead: a superset, found without knowing where instructions begin (see prove.h). */
#include "libos/rewrite/prove.h"
#include "libos/kernel/kernel.h"

#define CHUNK 4096
#define OVERLAP 8	/* an instruction that begins in a chunk is wholly read */
#define GRANULE 16
#define REACH 31

struct scan {
	const struct code_source *source;
	struct targets *t;
	u8 *near;	/* a bit for each GRANULE bytes: a site's window touches it */
	u8 buf[CHUNK + OVERLAP];
};

static bool read_chunk(struct scan *s, u64 at, size_t *n)
{
	size_t left = s->t->end - at, want = min(left, sizeof(s->buf));

	memset(s->buf, 0, sizeof(s->buf));
	*n = min(left, (size_t)CHUNK);
	return s->source->read(s->source, at, s->buf, want);
}

/* Bit 7 of each byte that is zero; above the first such byte there may be false ones. */
static u64 zero_bytes(u64 w)
{
	return (w - 0x0101010101010101ul) & ~w & 0x8080808080808080ul;
}

#define EACH(byte) (0x0101010101010101ul * (byte))
#define STEP 7	/* of the eight bytes that are looked at, the last may begin a pair that is not whole */

static u64 eight(const u8 *code)
{
	u64 w;

	memcpy(&w, code, sizeof(w));
	return w;
}

/* Most of a text is passed over STEP bytes at a time: no 0f 05 begins there. */
static bool no_syscall(u64 w)
{
	return !(zero_bytes(w ^ EACH(0x0f)) & zero_bytes((w >> 8) ^ EACH(0x05)));
}

/* No e8, e9, or 0f 80 to 0f 8f. */
static bool no_jump(u64 w)
{
	return !(zero_bytes((w & EACH(0xfe)) ^ EACH(0xe8)) |
		 (zero_bytes(w ^ EACH(0x0f)) & zero_bytes(((w >> 8) & EACH(0xf0)) ^ EACH(0x80))));
}

/* Counts the sites, or notes them where there is room. */
static bool find_sites(struct scan *s)
{
	struct targets *t = s->t;
	size_t n;

	t->count = 0;
	for (u64 at = t->start; at < t->end; at += n) {
		if (!read_chunk(s, at, &n))
			return false;
		for (size_t i = 0; i < n; i += STEP) {
			if (no_syscall(eight(s->buf + i)))
				continue;
			for (size_t k = i; k < i + STEP && k < n; k++) {
				if (s->buf[k] != 0x0f || s->buf[k + 1] != 0x05)
					continue;
				if (t->site)
					t->site[t->count] = at + k - t->start;
				t->count++;
			}
		}
	}
	return true;
}

static void mark_windows(struct scan *s)
{
	for (u32 i = 0; i < s->t->count; i++)
		for (u32 d = 0; d <= REACH; d += GRANULE / 2) {
			u32 g = (s->t->site[i] + d) / GRANULE;

			s->near[g / 8] |= 1 << g % 8;
		}
}

static void note(struct scan *s, u64 from, i32 distance)
{
	struct targets *t = s->t;
	u64 to = from + (i64)distance - t->start;
	u32 g = to / GRANULE, low = 0, high = t->count;

	if (to >= t->end - t->start || !(s->near[g / 8] & 1 << g % 8))
		return;
	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (t->site[middle] <= to)
			low = middle;
		else
			high = middle;
	}
	/* Windows overlap: each site that the target lies behind hears of it. */
	for (u32 i = low; to >= t->site[i] && to - t->site[i] <= REACH; i--) {
		t->mask[i] |= 1u << (to - t->site[i]);
		if (!i)
			break;
	}
}

static void note_jump(struct scan *s, u64 at, const u8 *code)
{
	u32 length = (code[0] & 0xfe) == 0xe8 ? 5 : code[0] == 0x0f && (code[1] & 0xf0) == 0x80 ? 6 : 0;
	i32 distance;

	if (length) {
		memcpy(&distance, code + length - 4, 4);
		note(s, at + length, distance);
	}
}

static bool find_targets(struct scan *s)
{
	size_t n;

	for (u64 at = s->t->start; at < s->t->end; at += n) {
		if (!read_chunk(s, at, &n))
			return false;
		for (size_t i = 0; i < n; i += STEP) {
			if (no_jump(eight(s->buf + i)))
				continue;
			for (size_t k = i; k < i + STEP && k < n; k++)
				note_jump(s, at + k, s->buf + k);
		}
	}
	return true;
}

enum verdict targets_scan(const struct code_source *source, u64 start, u64 end, void *(*alloc)(size_t), struct targets *t)
{
	struct scan *s = alloc(sizeof(*s) + (end - start + 2 * REACH) / GRANULE / 8 + 2);
	bool done;

	*t = (struct targets){.start = start, .end = end};
	if (!s)
		return PATCH_UNREADABLE;
	s->source = source;
	s->t = t;
	s->near = (u8 *)(s + 1);
	done = find_sites(s);
	if (done) {
		t->site = alloc(t->count * sizeof(u32) + 4);
		t->mask = alloc(t->count * sizeof(u32) + 4);
	}
	if (t->site && t->mask && t->count) {
		find_sites(s);
		mark_windows(s);
		done = find_targets(s);
	}
	kfree(s);
	return done && t->site && t->mask ? PATCH_FITS : PATCH_UNREADABLE;
}

void targets_free(struct targets *t)
{
	kfree(t->site);
	kfree(t->mask);
	kfree(t->from);
	kfree(t->to);
	kfree(t->reached);
	t->site = t->mask = t->from = t->to = t->reached = NULL;
}
