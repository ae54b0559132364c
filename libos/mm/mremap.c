/* mremap(2): shrink, grow in place, move; checks in the order of Linux 6.1. */
#include "libos/mm/internal.h"
#include "libos/kernel/syscall.h"

struct remap {
	u64 addr, old_len, to, new_len;
	u32 flags;
};

static int check_resize(struct mm *mm, struct vma *v, const struct remap *r)
{
	u64 delta;

	if (!r->old_len && !vma_is_shared(v))
		return -EINVAL;
	if ((r->flags & MREMAP_DONTUNMAP) && (v->flags & VMA_SPECIAL))
		return -EINVAL;
	if (r->new_len == r->old_len)
		return r->old_len > v->end - r->addr ? -EFAULT : 0;
	if (r->old_len > v->end - r->addr)
		return -EFAULT;
	if (v->file && v->offset + (r->addr - v->start) + r->new_len < r->new_len)
		return -EINVAL;
	if (v->flags & VMA_SPECIAL)
		return -EFAULT;
	delta = r->new_len > r->old_len ? (r->new_len - r->old_len) >> PAGE_SHIFT : 0;
	if ((v->flags & VMA_LOCKED) && mm_may_lock(mm, delta))
		return -EAGAIN;
	return mm_may_expand(mm, delta, data_like(v->prot, v->flags));
}

/*
 * Anonymous memory that the host keeps in several pieces (madvise marks some of it, and what grew later lacks the mark)
 * cannot be moved by one host call, and nobody can say where the seams are: it is copied.
 */
static int copy_pages(struct vma *old, struct vma *n, bool keep)
{
	u64 old_len = old->end - old->start, new_len = n->end - n->start;
	int err = host->mem_map(n->start, new_len, BZ_PROT_READ | BZ_PROT_WRITE, BZ_MAP_NORESERVE);

	if (!err && !(old->prot & PROT_READ))
		err = host->mem_protect(old->start, old_len, BZ_PROT_READ);
	if (!err && copy_fault_safe((void *)n->start, (void *)old->start, min(old_len, new_len)))
		err = -EFAULT;
	if (!err)
		err = host->mem_protect(n->start, new_len, host_prot(n->prot));
	if (err) {
		host->mem_unmap(n->start, new_len);
		host->mem_protect(old->start, old_len, host_prot(old->prot));
		return err;
	}
	return keep ? host->mem_map(old->start, old_len, host_prot(old->prot), BZ_MAP_NORESERVE)
		    : host->mem_unmap(old->start, old_len);
}

/* The host's part of a move: pages of old go to n, whose tail is backed. */
static int move_pages(struct vma *old, struct vma *n, bool keep)
{
	u64 old_len = old->end - old->start, new_len = n->end - n->start, moved = old_len;
	int err;

	if (!old->file) {
		err = host->mem_move(old->start, old_len, n->start, new_len, keep);
		return err == -EFAULT ? copy_pages(old, n, keep) : err;
	}
	moved = min(old->backed_end, old->end) - old->start;
	if (moved) {
		err = host->mem_move(old->start, moved, n->start, moved, keep);
		if (err)
			return err;
	}
	n->backed_end = n->start + moved;
	if (new_len > moved && moved == old_len)
		err = mm_back_range(n, n->start + moved, n->end);
	else if (new_len > moved)
		err = host->mem_map(n->start + moved, new_len - moved, 0, BZ_MAP_NORESERVE);
	else
		err = 0;
	if (err && moved && host->mem_move(n->start, moved, old->start, moved, 0))
		panic("the host does not take back a move");
	if (!err && !keep && moved < old_len)
		host->mem_unmap(old->start + moved, old_len - moved);
	return err;
}

static struct vma *clone_vma(const struct vma *v, u64 from, u64 to, u64 len)
{
	struct vma *n = vma_new(to, to + len, v->prot, v->flags);

	if (!n)
		return NULL;
	n->name = v->name;
	n->policy = v->policy;
	n->file = v->file;
	n->offset = v->offset;
	if (v->file) {
		n->offset += from - v->start;
		file_get(v->file);
		vma_counted(n, 1);
	}
	return n;
}

/* r->to is chosen and free. */
static long move_vma(struct mm *mm, struct vma *v, const struct remap *r)
{
	bool keep = r->flags & MREMAP_DONTUNMAP;
	struct vma *n;
	int err;

	if (mm->count + 3 >= MAX_MAP_COUNT)
		return -ENOMEM;
	n = clone_vma(v, r->addr, r->to, r->new_len);
	if (!n)
		return -ENOMEM;
	if (!r->old_len) {
		/* A second mapping of the same shared pages. */
		err = mm_back_vma(n);
		if (err) {
			vma_free(n);
			return err;
		}
		vma_insert(mm, n);
		vma_merge_range(mm, r->to, r->to + r->new_len);
		return r->to;
	}
	err = vma_isolate(mm, r->addr, r->addr + r->old_len);
	if (!err) {
		v = vma_find(mm, r->addr);
		rewrite_restore(mm, v->start, v->end);
		err = move_pages(v, n, keep);
	}
	if (err) {
		vma_merge_range(mm, r->addr, r->addr + r->old_len);
		vma_free(n);
		return err;
	}
	if (!keep) {
		vma_erase(mm, v);
		vma_free(v);
	} else if (v->flags & VMA_LOCKED) {
		mm_account(mm, v, false);
		v->flags &= ~VMA_LOCKED;
		mm_account(mm, v, true);
	}
	vma_insert(mm, n);
	vma_merge_range(mm, r->to, r->to + r->new_len);
	if (keep)
		vma_merge_range(mm, r->addr, r->addr + r->old_len);
	return r->to;
}

static long remap_to(struct mm *mm, struct remap *r)
{
	bool dontunmap = r->flags & MREMAP_DONTUNMAP;
	struct vma *v;
	long ret;

	if ((r->to & ~PAGE_MASK) || r->new_len > BZ_GUEST_HIGH || r->to > BZ_GUEST_HIGH - r->new_len)
		return -EINVAL;
	if (r->addr + r->old_len > r->to && r->to + r->new_len > r->addr)
		return -EINVAL;
	if (mm->count + 2 >= MAX_MAP_COUNT)
		return -ENOMEM;
	if (r->flags & MREMAP_FIXED) {
		if (r->to < MMAP_MIN_ADDR)
			return -EPERM;
		if (!range_ok(r->to, r->new_len))
			return -EINVAL;
		ret = mm_unmap_locked(mm, r->to, r->new_len);
		if (ret)
			return ret;
	}
	if (r->old_len > r->new_len) {
		ret = mm_unmap_locked(mm, r->addr + r->new_len, r->old_len - r->new_len);
		if (ret)
			return ret;
		r->old_len = r->new_len;
	}
	v = vma_find(mm, r->addr);
	if (!v || v->start > r->addr)
		return -EFAULT;
	ret = check_resize(mm, v, r);
	if (ret)
		return ret;
	if (dontunmap && mm_may_expand(mm, r->old_len >> PAGE_SHIFT, data_like(v->prot, v->flags)))
		return -ENOMEM;
	ret = mm_unmapped_area(mm, r->to, r->new_len, r->flags & MREMAP_FIXED ? MAP_FIXED : 0, !v->file);
	if (ret < 0)
		return ret;
	r->to = ret;
	return move_vma(mm, v, r);
}

static bool can_grow_in_place(struct mm *mm, const struct vma *v, const struct remap *r)
{
	struct vma *next = vma_next(mm, (struct vma *)v);
	u64 end = r->addr + r->new_len;

	if (r->old_len != v->end - r->addr || !range_ok(v->start, end - v->start))
		return false;
	if (!next)
		return true;
	return next->start >= end + (next->flags & MAP_GROWSDOWN ? STACK_GUARD_GAP : 0);
}

static int grow_in_place(struct mm *mm, struct vma *v, u64 new_end)
{
	u64 old_end = v->end, old_backed = v->backed_end;
	int err;

	if (v->file && old_backed < old_end)
		err = host->mem_map(old_end, new_end - old_end, 0, BZ_MAP_NORESERVE);
	else
		err = mm_back_range(v, old_end, new_end);
	if (err) {
		v->backed_end = old_backed;
		return err;
	}
	vma_set_range(mm, v, v->start, new_end);
	if (!v->file)
		v->backed_end = new_end;
	vma_merge_range(mm, v->start, new_end);
	return 0;
}

static long remap_locked(struct mm *mm, struct remap *r)
{
	struct vma *v = vma_find(mm, r->addr);
	long ret;

	if (!v || v->start > r->addr)
		return -EFAULT;
	if (v->flags & VMA_SEALED)
		return -EPERM;
	if (r->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return remap_to(mm, r);
	if (r->old_len >= r->new_len) {
		if (r->old_len > r->new_len) {
			if (r->addr + r->old_len < r->addr || !range_ok(r->addr, r->old_len))
				return -EINVAL;
			ret = mm_unmap_locked(mm, r->addr + r->new_len, r->old_len - r->new_len);
			if (ret)
				return ret;
		}
		return r->addr;
	}
	ret = check_resize(mm, v, r);
	if (ret)
		return ret;
	if (can_grow_in_place(mm, v, r) && !grow_in_place(mm, v, r->addr + r->new_len))
		return r->addr;
	if (!(r->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	ret = mm_unmapped_area(mm, 0, r->new_len, 0, !v->file);
	if (ret < 0)
		return ret;
	r->to = ret;
	return move_vma(mm, v, r);
}

SYSCALL(mremap, void *addr, size_t old_len, size_t new_len, unsigned long flags, void *to)
{
	struct remap r = {(u64)addr, PAGE_ALIGN(old_len), (u64)to, PAGE_ALIGN(new_len), flags};
	struct mm *mm;
	long ret;

	if (flags & ~(unsigned long)(MREMAP_FIXED | MREMAP_MAYMOVE | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && (!(flags & MREMAP_MAYMOVE) || old_len != new_len))
		return -EINVAL;
	if ((r.addr & ~PAGE_MASK) || !r.new_len)
		return -EINVAL;
	mm = lock_mm();
	ret = remap_locked(mm, &r);
	mutex_unlock(&mm->lock);
	return ret;
}
