/*
 * Pages of the arena: a buddy allocator (Knuth, TAOCP 1, 2.5) in front of a wilderness that was never touched.
 * Owns the page table `pages`, one 16-byte entry a page, itself sparse; pages_lock protects it.
 *
 *   arena:  | host part | .data .bss | page table | allocated and free blocks ... | wilderness -> |
 *
 * A block of order n is 2^n pages, aligned to its size relative to the arena.  Blocks from the wilderness read as
 * zero; `zero` in a free block's entry remembers that it still does, and in a used one's that it did.  Freed blocks of 64 KiB and more are given
 * back to the host at once; smaller ones are kept dirty and cleared when somebody asks for zeroes.
 */
#include "libos/kernel/pages.h"
#include "libos/kernel/debug.h"
#include "libos/kernel/lock.h"

#define MAX_ORDER 28
#define PUNCH_ORDER 4
#define REFILL_ORDER 5	/* what is taken from the wilderness for small requests */
#define FIRST_PAGES 8	/* of the first block, which the start fills with slabs */
#define NIL 0xffffffffu

static struct page *pages;
static u32 free_head[MAX_ORDER + 1];
static u32 wilderness, page_limit;
static u64 used_pages, peak_pages;
static struct mutex pages_lock = MUTEX_INIT(RANK_PAGES);

static void *page_address(u32 index)
{
	return (void *)(BZ_ARENA_BASE + (u64)index * PAGE_SIZE);
}

static u32 page_index(const void *p)
{
	return arena_offset(p) >> PAGE_SHIFT;
}

struct page *page_of(const void *p)
{
	return &pages[page_index(p)];
}

/* Where the first slabs will be is made present by one call. */
static void touch_first(void)
{
	u64 slabs = (u64)page_address(ROUND_UP(wilderness, 1u << REFILL_ORDER));

	host->mem_advise(slabs, FIRST_PAGES * PAGE_SIZE, BZ_ADV_POPULATE_WRITE);
}

void pages_init(u64 first)
{
	u64 total = boot->arena_size >> PAGE_SHIFT;
	u64 start = PAGE_ALIGN(first);

	for (int i = 0; i <= MAX_ORDER; i++)
		free_head[i] = NIL;
	pages = (struct page *)start;
	page_limit = total;
	wilderness = page_index((void *)PAGE_ALIGN(start + total * sizeof(struct page)));
	if (wilderness >= page_limit)
		panic("the memory limit is too small: %lu bytes of arena",
		      (unsigned long)boot->arena_size);
	used_pages = peak_pages = 0;
	touch_first();
}

/* The head of a free block of this order.  A used page's state is its user's to change meanwhile, but not to this one. */
static bool is_free(u32 index, unsigned int order)
{
	return READ_ONCE(pages[index].state) == PAGE_FREE && pages[index].order == order;
}

static void free_push(u32 index, unsigned int order, bool zero)
{
	struct page *p = &pages[index];

	p->state = PAGE_FREE;
	p->order = order;
	p->zero = zero;
	p->prev = NIL;
	p->next = free_head[order];
	if (p->next != NIL)
		pages[p->next].prev = index;
	free_head[order] = index;
}

static void free_unlink(u32 index)
{
	struct page *p = &pages[index];

	if (p->prev != NIL)
		pages[p->prev].next = p->next;
	else
		free_head[p->order] = p->next;
	if (p->next != NIL)
		pages[p->next].prev = p->prev;
	p->state = PAGE_USED;
}

/* Free pages [from, to) as the largest aligned blocks that fit. */
static void free_range(u32 from, u32 to)
{
	while (from < to) {
		unsigned int order = from ? __builtin_ctz(from) : MAX_ORDER;

		while (order > MAX_ORDER || from + (1ull << order) > to)
			order--;
		free_push(from, order, true);
		from += 1u << order;
	}
}

/* An aligned block from the wilderness, or NIL.  What alignment skips becomes free. */
static u32 wilderness_take(unsigned int order)
{
	u64 size = 1ull << order;
	u64 start = ROUND_UP((u64)wilderness, size);

	if (start + size > page_limit)
		return NIL;
	free_range(wilderness, start);
	wilderness = start + size;
	return start;
}

/* The part of the free block `index` of order `o` that begins at `from`, of the given order; the rest stays free. */
static u32 split(u32 index, unsigned int o, u32 from, unsigned int order, bool zero)
{
	while (o > order) {
		u32 upper = index + (1u << --o);

		free_push(from < upper ? upper : index, o, zero);
		index = from < upper ? index : upper;
	}
	return index;
}

static u32 take_block(unsigned int order, bool *zero)
{
	unsigned int o = order;
	u32 index;

	while (o <= MAX_ORDER && free_head[o] == NIL)
		o++;
	if (o > MAX_ORDER) {
		o = max(order, (unsigned int)REFILL_ORDER);
		index = wilderness_take(o);
		if (index == NIL && o > order)
			index = wilderness_take(o = order);
		if (index == NIL)
			return NIL;
		*zero = true;
	} else {
		index = free_head[o];
		free_unlink(index);
		*zero = pages[index].zero;
	}
	return split(index, o, index, order, *zero);
}

/* The block at `index`, if it is free. */
static u32 take_block_at(u32 index, unsigned int order, bool *zero)
{
	if (index & ((1u << order) - 1))
		return NIL;
	if (index >= wilderness) {
		*zero = true;
		return index == ROUND_UP(wilderness, 1u << order) ? wilderness_take(order) : NIL;
	}
	for (unsigned int o = order; o <= MAX_ORDER; o++) {
		u32 head = index & ~((1u << o) - 1);

		if (!is_free(head, o))
			continue;
		free_unlink(head);
		*zero = pages[head].zero;
		return split(head, o, index, order, *zero);
	}
	return NIL;
}

/* The first of 2^room free pages, while there is plenty of them: who begins a file there may go on behind it. */
static u32 take_block_before_room(unsigned int order, unsigned int room, bool *zero)
{
	u32 index = wilderness < page_limit / 2 ? take_block(room, zero) : NIL;

	return index == NIL ? NIL : split(index, room, index, order, *zero);
}

static void *alloc_block(unsigned int order, const void *at, unsigned int room, bool *zero, u64 caller)
{
	u32 index = NIL;

	if (order > MAX_ORDER)
		return NULL;
	mutex_lock(&pages_lock);
	if (at)
		index = take_block_at(page_index(at), order, zero);
	else if (room > order)
		index = take_block_before_room(order, room, zero);
	if (index == NIL)
		index = take_block(order, zero);
	if (index != NIL) {
		pages[index].state = PAGE_USED;
		pages[index].order = order;
		pages[index].zero = *zero;
		pages[index].next = debug_owner(caller);
		used_pages += 1ull << order;
		peak_pages = max(peak_pages, used_pages);
	}
	mutex_unlock(&pages_lock);
	return index == NIL ? NULL : page_address(index);
}

void *pages_alloc(unsigned int order)
{
	bool zero;

	return alloc_block(order, NULL, 0, &zero, CALLER);
}

static void *alloc_zero(unsigned int order, const void *at, unsigned int room, u64 caller)
{
	bool zero = false;
	void *p = alloc_block(order, at, room, &zero, caller);

	if (p && !zero) {
		if (order >= PUNCH_ORDER)
			pages_punch(p, PAGE_SIZE << order);
		else
			memset(p, 0, PAGE_SIZE << order);
		page_of(p)->zero = order >= PUNCH_ORDER;
	}
	return p;
}

void *pages_alloc_zero(unsigned int order)
{
	return alloc_zero(order, NULL, 0, CALLER);
}

void *pages_alloc_zero_near(unsigned int order, const void *at, unsigned int room)
{
	return alloc_zero(order, at, room, CALLER);
}

bool pages_came_untouched(const void *block)
{
	return page_of(block)->zero;
}

void pages_punch(void *p, size_t len)
{
	if (host->mem_advise((u64)p, len, BZ_ADV_REMOVE) < 0)
		memset(p, 0, len);
}

void pages_free(void *p, unsigned int order)
{
	u32 index = page_index(p);
	bool zero = order >= PUNCH_ORDER;

	if (zero)
		pages_punch(p, PAGE_SIZE << order);
	mutex_lock(&pages_lock);
	ASSERT(pages[index].state != PAGE_FREE && pages[index].order == order);
	used_pages -= 1ull << order;
	while (order < MAX_ORDER) {
		u32 buddy = index ^ (1u << order);

		if (buddy >= wilderness || !is_free(buddy, order))
			break;
		free_unlink(buddy);
		zero = zero && pages[buddy].zero;
		index &= ~(1u << order);
		order++;
	}
	free_push(index, order, zero);
	mutex_unlock(&pages_lock);
}

void pages_use(struct memory_use *m)
{
	mutex_lock(&pages_lock);
	m->total_pages = page_limit;
	m->used_pages = used_pages;
	m->peak_pages = peak_pages;
	mutex_unlock(&pages_lock);
}

#ifdef LIBOS_DEBUG
void pages_walk(void (*visit)(const struct page *page, void *memory))
{
	u32 index = page_index((void *)PAGE_ALIGN((u64)pages + page_limit * sizeof(struct page)));

	mutex_lock(&pages_lock);
	while (index < wilderness) {
		const struct page *p = &pages[index];

		if (p->state != PAGE_NONE)
			visit(p, page_address(index));
		index += p->state == PAGE_NONE ? 1 : 1u << p->order;
	}
	mutex_unlock(&pages_lock);
}
#endif
