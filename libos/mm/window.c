/*
 * Windows for the library OS itself, at the end of the range that the image has: see mm.h.  They are no vmas, as the guest does not have
 * them.  Small files stay mapped for the next call, which a server of files makes soon: mapping and unmapping takes as long as a quarter of
 * sending them.  What is kept is few and small, since a file that is deleted outside has its blocks as long as it is mapped.
 */
#include "libos/mm/internal.h"

#define KEPT_MAX (4ul << 20)
#define KEPT_STEP (KEPT_MAX + PAGE_SIZE)
#define WINDOW_BASE (BZ_IMAGE_BASE + BZ_IMAGE_MAX - WINDOW_MAX - PAGE_SIZE)
#define KEPT_BASE (WINDOW_BASE - WINDOWS * KEPT_STEP)

static u64 place_of(u32 i)
{
	return KEPT_BASE + i * KEPT_STEP;
}

/* The whole file, as it is now: with another size or time it is mapped anew, for it may be another one of the same number. */
static const char *keep(struct mm *mm, const struct host_identity *id, bz_stream s)
{
	struct window *w;
	u32 i;

	for (i = 0; i < WINDOWS; i++)
		if (mm->windows[i].size && !memcmp(&mm->windows[i], id, sizeof(*id)))
			return (const char *)place_of(i);
	i = mm->window_next++ % WINDOWS;
	w = &mm->windows[i];
	if (w->size)
		host->mem_unmap(place_of(i), PAGE_ALIGN(w->size));
	w->size = 0;
	if (host->stream_map(s, place_of(i), PAGE_ALIGN(id->size), BZ_PROT_READ, BZ_MAP_SHARED, 0))
		return NULL;
	memcpy(w, id, sizeof(*id));
	return (const char *)place_of(i);
}

const char *mm_window_open(const struct host_identity *id, bz_stream s, u64 off, size_t len)
{
	struct mm *mm = current->process->mm;
	u64 in = off & (PAGE_SIZE - 1);
	const char *at;

	_Static_assert(sizeof(struct window) == sizeof(struct host_identity), "a window's key");
	ASSERT(len && len <= WINDOW_MAX && off + len <= id->size);
	if (!mutex_trylock(&mm->lock))
		return NULL;
	if (id->size <= KEPT_MAX) {
		at = keep(mm, id, s);
		at = at ? at + off : NULL;
	} else {
		at = host->stream_map(s, WINDOW_BASE, PAGE_ALIGN(in + len), BZ_PROT_READ, BZ_MAP_SHARED, off - in)
			     ? NULL : (const char *)WINDOW_BASE + in;
	}
	if (!at)
		mutex_unlock(&mm->lock);
	return at;
}

void mm_window_close(const char *at, size_t len)
{
	struct mm *mm = current->process->mm;
	u64 in = (u64)at & (PAGE_SIZE - 1);

	if ((u64)at >= WINDOW_BASE)
		host->mem_unmap((u64)at - in, PAGE_ALIGN(in + len));
	mutex_unlock(&mm->lock);
}

void mm_windows_drop(struct mm *mm)
{
	for (u32 i = 0; i < WINDOWS; i++) {
		if (mm->windows[i].size)
			host->mem_unmap(place_of(i), PAGE_ALIGN(mm->windows[i].size));
		mm->windows[i].size = 0;
	}
}
