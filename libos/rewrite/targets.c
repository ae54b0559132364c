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

/* Counts the sites, or notes them where there is room. */
static bool find_sites(struct scan *s)
{
	struct targets *t = s->t;
	size_t n;

	t->count = 0;
	for (u64 at = t->start; at < t->end; at += n) {
		if (!read_chunk(s, at, &n))
			return false;
		for (size_t i = 0; i < n; i++) {
			if (s->buf[i] != 0x0f || s->buf[i + 1] != 0x05)
				continue;
			if (t->site)
				t->site[t->count] = at + i - t->start;
			t->count++;
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

static bool find_targets(struct scan *s)
{
	i32 distance;
	size_t n;

	for (u64 at = s->t->start; at < s->t->end; at += n) {
		if (!read_chunk(s, at, &n))
			return false;
		for (size_t i = 0; i < n; i++) {
			u32 length = (s->buf[i] & 0xfe) == 0xe8 ? 5 : s->buf[i] == 0x0f && (s->buf[i + 1] & 0xf0) == 0x80 ? 6 : 0;

			if (!length)
				continue;
			memcpy(&distance, s->buf + i + length - 4, 4);
			note(s, at + i + length, distance);
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
