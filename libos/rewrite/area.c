#include "libos/rewrite/internal.h"

#define AREA_BYTES ((u64)AREA_STUBS * STUB_SIZE)
#define REACH (0x7fffffffl - (i64)AREA_BYTES - PATCH_MAX)

static bool reaches(u64 start, u64 site)
{
	i64 distance = start - site;

	return distance > -REACH && distance < REACH;
}

/*
 * Below the text if there is room, else above; away from where the program maps and unmaps, for a hole that it has just made
 * is one that it may look at (stress-ng's mincore does), or map at.
 */
#define ASIDE (1ul << 30)
static u64 find_place(struct mm *mm, u64 site)
{
	struct vma *v = vma_find(mm, site);
	u64 low = site > MMAP_MIN_ADDR + REACH ? site - REACH : MMAP_MIN_ADDR, place = 0;

	if (v->start > low + ASIDE)
		place = vma_find_gap(mm, low, v->start - ASIDE, AREA_BYTES, PAGE_SIZE);
	if (!place)
		place = vma_find_gap(mm, v->end, min(site + REACH, BZ_GUEST_HIGH), AREA_BYTES, PAGE_SIZE);
	return place && range_ok(place, AREA_BYTES) && reaches(place, site) ? place : 0;
}

static struct stub_area *area_make(struct mm *mm, u64 site)
{
	struct stub_area *area = kzalloc(sizeof(*area));
	u64 start = area ? find_place(mm, site) : 0;
	struct vma *v = start ? vma_new(start, start + AREA_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | VMA_SPECIAL) : NULL;

	if (!v || host->mem_map(start, AREA_BYTES, BZ_PROT_READ | BZ_PROT_EXEC, 0)) {
		if (v)
			vma_free(v);
		kfree(area);
		return NULL;
	}
	v->name = "[stubs]";
	vma_insert(mm, v);
	area->start = start;
	return area;
}

struct patch *area_take_stub(struct mm *mm, u64 site, u32 *index)
{
	struct rewrite *r = mm->rewrite;
	struct patch *p;
	u32 i;

	if (!r)
		r = mm->rewrite = kzalloc(sizeof(*r));
	if (!r || r->count >= PATCHES_MAX)
		return NULL;
	for (i = 0; i < AREAS && r->area[i]; i++)
		if (r->area[i]->used < AREA_STUBS && reaches(r->area[i]->start, site))
			break;
	if (i == AREAS)
		return NULL;
	if (!r->area[i])
		r->area[i] = area_make(mm, site);
	if (!r->area[i])
		return NULL;
	*index = i * AREA_STUBS + r->area[i]->used;
	p = &r->area[i]->patch[r->area[i]->used];
	p->stub = r->area[i]->start + (u64)r->area[i]->used++ * STUB_SIZE;
	return p;
}
