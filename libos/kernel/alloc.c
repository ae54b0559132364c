/*
 * Objects of the library OS: size classes of slabs, each a run of pages with its header at the start; larger requests
 * are runs of pages of their own.  Each class has its own lock, which protects its slabs.
 *
 * A thread keeps a few freed ones of its own.
 *
 *   slab:  | struct slab | object | object | ... |     free objects are linked through their first word
 */
#include "libos/kernel/pages.h"
#include "libos/kernel/alloc.h"
#include "libos/kernel/debug.h"
#include "libos/kernel/lock.h"
#include "libos/proc/proc.h"

struct slab {
	struct list node;	/* in class->partial while it has room */
	void *free;
	u32 used, class_index;
	u32 fresh;		/* objects from here on were never handed out */
	u32 capacity;
};

struct class {
	struct mutex lock;
	u32 size;
	u32 order;
	struct list partial;
};

static const u16 sizes[] = {16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096};
#define CLASSES ARRAY_SIZE(sizes)
static struct class classes[CLASSES];
static u8 small_class[1024 / 16 + 1]; /* by size in sixteens */

void alloc_init(void)
{
	for (u32 i = 0; i < CLASSES; i++) {
		mutex_init(&classes[i].lock, RANK_ALLOC);
		classes[i].size = sizes[i];
		/* At least eight objects a slab. */
		classes[i].order = sizes[i] <= 256 ? 0 : sizes[i] <= 1024 ? 1 : sizes[i] <= 2048 ? 2 : 3;
		list_init(&classes[i].partial);
	}
	for (u32 n = 0, i = 0; n < ARRAY_SIZE(small_class); n++) {
		i += n * 16 > sizes[i];
		small_class[n] = i;
	}
}

static u32 class_for(size_t n)
{
	u32 i = 0;

	if (n <= 1024)
		return small_class[(n + 15) / 16];
	while (sizes[i] < n)
		i++;
	return i;
}

static void *object_at(struct slab *s, u32 i)
{
	return (char *)s + ROUND_UP(sizeof(*s), 16) + (u64)i * classes[s->class_index].size;
}

static struct slab *slab_new(u32 class_index)
{
	struct class *c = &classes[class_index];
	struct slab *s = pages_alloc(c->order);

	if (!s)
		return NULL;
	for (u32 i = 0; i < 1u << c->order; i++) {
		struct page *p = page_of((char *)s + i * PAGE_SIZE);

		WRITE_ONCE(p->state, PAGE_SLAB); /* who frees its neighbour looks at it */
		p->slab = arena_offset(s) >> PAGE_SHIFT;
	}
	s->free = NULL;
	s->used = s->fresh = 0;
	s->class_index = class_index;
	s->capacity = ((PAGE_SIZE << c->order) - ROUND_UP(sizeof(*s), 16)) / c->size;
	for (u32 i = 0; i < s->capacity; i++)
		debug_poison(object_at(s, i), c->size);
	list_add(&s->node, &c->partial);
	return s;
}

static void *class_alloc(u32 class_index)
{
	struct class *c = &classes[class_index];
	struct slab *s;
	void *p = NULL;

	mutex_lock(&c->lock);
	s = list_empty(&c->partial) ? slab_new(class_index) : list_first(&c->partial, struct slab, node);
	if (s) {
		if (s->free) {
			p = s->free;
			s->free = *(void **)p;
		} else {
			p = object_at(s, s->fresh++);
		}
		if (++s->used == s->capacity)
			list_del(&s->node);
	}
	mutex_unlock(&c->lock);
	return p;
}

static void class_free(void *p)
{
	struct slab *s = (void *)(BZ_ARENA_BASE + (u64)page_of(p)->slab * PAGE_SIZE);
	struct class *c = &classes[s->class_index];
	bool release;

	mutex_lock(&c->lock);
	ASSERT(s->used);
	*(void **)p = s->free;
	s->free = p;
	if (s->used-- == s->capacity)
		list_add(&s->node, &c->partial);
	/* Keep one empty slab a class, so that alternating calls do not make and free one each. */
	release = s->used == 0 && c->partial.next->next != &c->partial;
	if (release)
		list_del(&s->node);
	mutex_unlock(&c->lock);
	if (release) {
		for (u32 i = 1; i < 1u << c->order; i++)
			WRITE_ONCE(page_of((char *)s + i * PAGE_SIZE)->state, PAGE_USED);
		pages_free(s, c->order);
	}
}

static struct alloc_cache *cache_of(u32 class_index)
{
	return class_index < CACHED_CLASSES && current ? &current->cache : NULL;
}

static void *object_alloc(u32 class_index)
{
	struct alloc_cache *c = cache_of(class_index);

	if (c && c->count[class_index])
		return c->object[class_index][--c->count[class_index]];
	return class_alloc(class_index);
}

static void object_free(void *p)
{
	const struct slab *s = (void *)(BZ_ARENA_BASE + (u64)page_of(p)->slab * PAGE_SIZE);
	u32 class_index = s->class_index;
	struct alloc_cache *c = cache_of(class_index);

	if (!c || c->count[class_index] == CACHED_OBJECTS) {
		class_free(p);
		return;
	}
	ASSERT(!c->count[class_index] || c->object[class_index][0] != p);
	c->object[class_index][c->count[class_index]++] = p;
}

void alloc_cache_drop(struct alloc_cache *c)
{
	for (u32 i = 0; i < CACHED_CLASSES; i++)
		while (c->count[i])
			class_free(c->object[i][--c->count[i]]);
}

static unsigned int order_for(size_t n)
{
	unsigned int order = 0;

	while ((PAGE_SIZE << order) < n)
		order++;
	return order;
}

static void *alloc_small(size_t n, u64 caller)
{
	u32 class_index = class_for(n);
	void *p = object_alloc(class_index);

	if (p) {
		debug_poisoned(p, sizes[class_index]);
		debug_own(p, sizes[class_index], caller);
	}
	return p;
}

static void *large(void *p, u64 caller)
{
	if (p) {
		page_of(p)->next = debug_owner(caller);
		WRITE_ONCE(page_of(p)->state, PAGE_LARGE); /* who frees its neighbour looks at it */
	}
	return p;
}

static void *alloc(size_t n, u64 caller)
{
	if (n + DEBUG_TAIL <= sizes[CLASSES - 1])
		return alloc_small(n + DEBUG_TAIL, caller);
	return large(pages_alloc(order_for(n)), caller);
}

void *kmalloc(size_t n)
{
	return alloc(n, CALLER);
}

void *kzalloc(size_t n)
{
	void *p;

	if (n + DEBUG_TAIL > sizes[CLASSES - 1])
		return large(pages_alloc_zero(order_for(n)), CALLER);
	p = alloc_small(n + DEBUG_TAIL, CALLER);
	return p ? memset(p, 0, n) : NULL;
}

static size_t usable_size(const void *p)
{
	struct page *pg = page_of(p);

	if (pg->state == PAGE_LARGE)
		return PAGE_SIZE << pg->order;
	return classes[((struct slab *)(BZ_ARENA_BASE + (u64)pg->slab * PAGE_SIZE))->class_index].size - DEBUG_TAIL;
}

void *krealloc(void *p, size_t old, size_t n)
{
	void *q;

	if (p && n <= usable_size(p) && n >= usable_size(p) / 2)
		return p;
	q = alloc(n, CALLER);
	if (!q || !p)
		return q;
	memcpy(q, p, min(old, n));
	kfree(p);
	return q;
}

void kfree(void *p)
{
	struct page *pg;

	if (!p)
		return;
	pg = page_of(p);
	if (pg->state == PAGE_SLAB) {
		debug_poison(p, usable_size(p) + DEBUG_TAIL);
		object_free(p);
		return;
	}
	ASSERT(pg->state == PAGE_LARGE);
	pages_free(p, pg->order);
}

void memory_use(struct memory_use *m)
{
	pages_use(m);
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = alloc(n, CALLER);

	return p ? memcpy(p, s, n) : NULL;
}

#ifdef LIBOS_DEBUG
/* What is freed is poisoned, its last word too. */
void slab_walk(void *slab, void (*visit)(u32 owner, u32 size))
{
	struct slab *s = slab;
	u32 size = classes[s->class_index].size;

	for (u32 i = 0; i < s->fresh; i++) {
		u64 tail = *(u64 *)((char *)object_at(s, i) + size - DEBUG_TAIL);

		if (tail >> 32 == 0)
			visit(tail, size);
	}
}
#endif
