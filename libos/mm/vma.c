/*
 * The set of vmas of an address space: a list by address, and a treap by start in which each node also knows the
 * largest gap below any vma of its subtree, so that a free range is found in O(log n).  All under mm->lock.
 *
 *        treap order: start            heap order: priority (random, parent >= child)
 *        v->gap     = v->start - end of the vma before (0 for the first: from address 0)
 *        v->max_gap = max(v->gap, children's max_gap)
 */
#include "libos/mm/internal.h"

i64 mm_max_map_count = 65530;

static u32 priority_state = 0x9e3779b9;

static u32 next_priority(void)
{
	u32 x = priority_state;

	/* A race between address spaces costs nothing but a repeated number. */
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return priority_state = x;
}

/* One that was freed last, for programs that map and unmap by turns: taken and given by an exchange. */
static struct vma *spare;

static struct vma *vma_alloc(void)
{
	struct vma *v = READ_ONCE(spare) ? __atomic_exchange_n(&spare, NULL, __ATOMIC_ACQUIRE) : NULL;

	if (v)
		memset(v, 0, sizeof(*v));
	return v ? v : kzalloc(sizeof(*v));
}

struct vma *vma_new(u64 start, u64 end, u32 prot, u32 flags)
{
	struct vma *v = vma_alloc();

	if (!v)
		return NULL;
	v->start = start;
	v->end = end;
	v->backed_end = end;
	v->prot = prot;
	v->flags = flags;
	list_init(&v->node);
	return v;
}

void vma_free(struct vma *v)
{
	if (v->file) {
		vma_counted(v, -1);
		file_put(v->file);
	}
	kfree(READ_ONCE(spare) ? v : __atomic_exchange_n(&spare, v, __ATOMIC_ACQ_REL));
}

struct vma *vma_next(struct mm *mm, struct vma *v)
{
	return v->node.next == &mm->vmas ? NULL : list_entry(v->node.next, struct vma, node);
}

struct vma *vma_prev(struct mm *mm, struct vma *v)
{
	return v->node.prev == &mm->vmas ? NULL : list_entry(v->node.prev, struct vma, node);
}

/* --- the treap --- */

static void update(struct vma *v)
{
	u64 m = v->gap;

	if (v->left && v->left->max_gap > m)
		m = v->left->max_gap;
	if (v->right && v->right->max_gap > m)
		m = v->right->max_gap;
	v->max_gap = m;
}

/* Of v something changed, of those above nothing else: they need not be looked at where this one's maximum stays. */
static void update_up(struct vma *v)
{
	u64 before;

	for (; v; v = v->up) {
		before = v->max_gap;
		update(v);
		if (v->max_gap == before)
			return;
	}
}

static void replace_child(struct mm *mm, struct vma *parent, struct vma *old, struct vma *new)
{
	if (!parent)
		mm->root = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
	if (new)
		new->up = parent;
}

/* Bring child c above its parent. */
static void rotate_up(struct mm *mm, struct vma *c)
{
	struct vma *p = c->up, *moved;

	replace_child(mm, p->up, p, c);
	if (p->left == c) {
		moved = c->right;
		c->right = p;
		p->left = moved;
	} else {
		moved = c->left;
		c->left = p;
		p->right = moved;
	}
	if (moved)
		moved->up = p;
	p->up = c;
	update(p);
	update(c);
}

static void set_gap(struct mm *mm, struct vma *v)
{
	struct vma *prev = vma_prev(mm, v);
	u64 below = prev ? prev->end : 0;

	v->gap = v->start - below;
	update_up(v);
}

void vma_insert(struct mm *mm, struct vma *v)
{
	struct vma *at = mm->root, *parent = NULL, *prev = NULL;

	while (at) {
		parent = at;
		if (v->start < at->start) {
			at = at->left;
		} else {
			prev = at;
			at = at->right;
		}
	}
	list_add(&v->node, prev ? &prev->node : &mm->vmas);
	v->left = v->right = NULL;
	v->max_gap = 0;
	v->priority = next_priority();
	v->up = parent;
	if (!parent)
		mm->root = v;
	else if (v->start < parent->start)
		parent->left = v;
	else
		parent->right = v;
	set_gap(mm, v);
	while (v->up && v->up->priority < v->priority)
		rotate_up(mm, v);
	update_up(v);
	if (vma_next(mm, v))
		set_gap(mm, vma_next(mm, v));
	mm->count++;
	mm_account(mm, v, true);
}

void vma_erase(struct mm *mm, struct vma *v)
{
	struct vma *next = vma_next(mm, v), *up;

	if (mm->found == v)
		mm->found = NULL;
	mm_account(mm, v, false);
	while (v->left && v->right)
		rotate_up(mm, v->left->priority > v->right->priority ? v->left : v->right);
	up = v->up;
	replace_child(mm, up, v, v->left ? v->left : v->right);
	update_up(up);
	list_del(&v->node);
	if (next)
		set_gap(mm, next);
	mm->count--;
}

void vma_set_range(struct mm *mm, struct vma *v, u64 start, u64 end)
{
	mm_account(mm, v, false);
	v->start = start;
	v->end = end;
	mm_account(mm, v, true);
	set_gap(mm, v);
	if (vma_next(mm, v))
		set_gap(mm, vma_next(mm, v));
}

struct vma *vma_find(struct mm *mm, u64 addr)
{
	struct vma *at = mm->root, *best = mm->found, *prev;

	/* One call looks several times at one place. */
	if (best && best->end > addr) {
		prev = vma_prev(mm, best);
		if (best->start <= addr || !prev || prev->end <= addr)
			return best;
	}
	best = NULL;
	while (at) {
		if (at->end > addr) {
			best = at;
			at = at->left;
		} else {
			at = at->right;
		}
	}
	if (best)
		mm->found = best;
	return best;
}

bool vma_covers(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = vma_find(mm, start);

	while (v && v->start <= start) {
		if (v->end >= end)
			return true;
		start = v->end;
		v = vma_next(mm, v);
	}
	return false;
}

/* --- cutting and joining --- */

int vma_split(struct mm *mm, struct vma *v, u64 addr)
{
	struct vma *high;

	ASSERT(addr > v->start && addr < v->end);
	if (mm->count >= MAX_MAP_COUNT)
		return -ENOMEM;
	high = vma_new(addr, v->end, v->prot, v->flags);
	if (!high)
		return -ENOMEM;
	high->name = v->name;
	high->policy = v->policy;
	high->backed_end = max(v->backed_end, addr);
	high->offset = v->offset;
	if (v->file) {
		high->offset += addr - v->start;
		high->file = v->file;
		file_get(v->file);
		vma_counted(high, 1);
	}
	vma_set_range(mm, v, v->start, addr);
	v->backed_end = min(v->backed_end, addr);
	/* The upper part of a stack is the part that cannot grow into what is below it. */
	vma_insert(mm, high);
	return 0;
}

int vma_isolate(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = vma_find(mm, start);
	int err;

	if (v && v->start < start) {
		err = vma_split(mm, v, start);
		if (err)
			return err;
	}
	v = vma_find(mm, end - 1);
	if (v && v->start < end && v->end > end)
		return vma_split(mm, v, end);
	return 0;
}

static bool mergeable(const struct vma *a, const struct vma *b)
{
	if (a->end != b->start || a->prot != b->prot || a->flags != b->flags || a->name != b->name ||
	    a->policy != b->policy || a->file != b->file || (a->flags & VMA_SPECIAL))
		return false;
	/* A tail beyond the end of the file may be followed by nothing but more of it. */
	if (a->file)
		return a->offset + (a->end - a->start) == b->offset &&
		       (a->backed_end == a->end || b->backed_end == b->start);
	return true;
}

void vma_merge_range(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = vma_find(mm, start ? start - 1 : 0), *next;

	while (v && v->start <= end) {
		next = vma_next(mm, v);
		if (!next || !mergeable(v, next)) {
			v = next;
			continue;
		}
		u64 new_end = next->end;
		u64 backed = v->backed_end == v->end ? next->backed_end : v->backed_end;

		vma_erase(mm, next);
		vma_free(next);
		vma_set_range(mm, v, v->start, new_end);
		v->backed_end = backed;
	}
}

/* --- finding room --- */

/* The vma with the highest start below addr whose gap is at least len. */
static struct vma *last_gap(struct mm *mm, u64 addr, u64 len)
{
	struct vma *at = mm->root, *v = NULL;

	while (at) {
		if (at->start < addr) {
			v = at;
			at = at->right;
		} else {
			at = at->left;
		}
	}
	while (v) {
		if (v->gap >= len)
			return v;
		if (v->left && v->left->max_gap >= len) {
			v = v->left;
			for (;;) {
				if (v->right && v->right->max_gap >= len)
					v = v->right;
				else if (v->gap >= len)
					return v;
				else
					v = v->left;
			}
		}
		while (v->up && v->up->left == v)
			v = v->up;
		v = v->up;
	}
	return NULL;
}

/* The highest aligned place for len bytes in a gap, or 0. */
static u64 fit(u64 from, u64 to, u64 len, u64 align)
{
	u64 addr;

	if (to < len || to - len < from)
		return 0;
	addr = (to - len) & ~(align - 1);
	return addr >= from ? addr : 0;
}

/* Where the gap below v ends: a stack keeps its distance. */
static u64 gap_top(const struct vma *v)
{
	if (!(v->flags & MAP_GROWSDOWN))
		return v->start;
	return v->start > STACK_GUARD_GAP ? v->start - STACK_GUARD_GAP : 0;
}

u64 vma_find_gap(struct mm *mm, u64 low, u64 high, u64 len, u64 align)
{
	struct vma *v = vma_find(mm, high), *prev;
	u64 top = high, addr;

	/* The gap that `high` lies in, or ends at. */
	if (v && v->start > high) {
		top = min(high, gap_top(v));
	} else if (v) {
		top = gap_top(v);
	}
	prev = v ? vma_prev(mm, v) : list_empty(&mm->vmas) ? NULL : list_entry(mm->vmas.prev, struct vma, node);
	addr = fit(max(low, prev ? prev->end : 0), top, len, align);
	while (!addr) {
		v = prev ? last_gap(mm, prev->start + 1, len) : NULL;
		if (!v || v->start <= low)
			return 0;
		prev = vma_prev(mm, v);
		addr = fit(max(low, prev ? prev->end : 0), gap_top(v), len, align);
	}
	return addr;
}

bool vma_any_sealed(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = vma_find(mm, start);

	for (; v && v->start < end; v = vma_next(mm, v))
		if (v->flags & VMA_SEALED)
			return true;
	return false;
}
