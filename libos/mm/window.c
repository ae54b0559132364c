/* A window for the library OS itself, at the end of the range that the image has: see mm.h.  It is no vma, as the guest does not have it. */
#include "libos/mm/internal.h"

#define WINDOW_BASE (BZ_IMAGE_BASE + BZ_IMAGE_MAX - WINDOW_MAX - PAGE_SIZE)

static u64 pages_of(u64 off, size_t len)
{
	return PAGE_ALIGN((off & (PAGE_SIZE - 1)) + len);
}

const char *mm_window_open(bz_stream s, u64 off, size_t len)
{
	struct mm *mm = current->process->mm;

	ASSERT(len <= WINDOW_MAX);
	if (!mutex_trylock(&mm->lock))
		return NULL;
	if (host->stream_map(s, WINDOW_BASE, pages_of(off, len), BZ_PROT_READ, BZ_MAP_SHARED, off & PAGE_MASK)) {
		mutex_unlock(&mm->lock);
		return NULL;
	}
	return (const char *)WINDOW_BASE + (off & (PAGE_SIZE - 1));
}

void mm_window_close(size_t len)
{
	struct mm *mm = current->process->mm;

	/* One page more, where the window did not begin with a page: there is nothing else behind it. */
	host->mem_unmap(WINDOW_BASE, PAGE_ALIGN(len) + PAGE_SIZE);
	mutex_unlock(&mm->lock);
}
