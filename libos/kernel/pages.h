/* What the page allocator (pages.c) and the object allocator (alloc.c) share. */
#ifndef LIBOS_PAGES_H
#define LIBOS_PAGES_H

#include "libos/kernel/kernel.h"

enum page_state { PAGE_NONE, PAGE_FREE, PAGE_USED, PAGE_SLAB, PAGE_LARGE };

struct page {
	u32 next, prev;		/* free lists, by index; of a used block's first page in debug builds `next` is who asked for it */
	u32 slab;		/* PAGE_SLAB: index of the slab's first page */
	u8 state;
	u8 order;
	u8 zero;		/* PAGE_FREE: its memory reads as zero; PAGE_USED: it did, and the host has no pages for it */
	u8 pad;
};

struct page *page_of(const void *p);
/* The arena behind `first` is ours. */
void pages_init(u64 first);
void alloc_init(void);
void pages_use(struct memory_use *m);
#ifdef LIBOS_DEBUG
/* Each block, free or used, with its first page; nothing may be allocated meanwhile. */
void pages_walk(void (*visit)(const struct page *page, void *memory));
/* Each object of a slab that is in use, or kept by a thread for its next call (owner 0). */
void slab_walk(void *slab, void (*visit)(u32 owner, u32 size));
#endif

#endif
