/*
 * Faults that are the library OS's to serve (stack growth, files that grew), brk(2), and what happens to mappings when
 * a file changes its size.
 */
#include "libos/mm/internal.h"
#include "libos/kernel/syscall.h"

#define FAULT_WRITE 2u
#define FAULT_EXEC 16u
#define STACK_CHUNK (32 * PAGE_SIZE) /* deep recursion shall not pay a trap for each page */

static u32 access_of(u64 err)
{
	if (err & FAULT_EXEC)
		return PROT_EXEC;
	/* x86: what may be written or executed may be read. */
	return err & FAULT_WRITE ? PROT_WRITE : PROT_READ | PROT_WRITE | PROT_EXEC;
}

/* Extend the stack v downwards over addr.  -ENOMEM: the limit or a neighbour is in the way. */
static int grow_stack(struct mm *mm, struct vma *v, u64 addr)
{
	struct vma *prev = vma_prev(mm, v);
	u64 limit = rlimit_soft(RLIMIT_STACK), floor = MMAP_MIN_ADDR, start = addr & PAGE_MASK, chunk;
	int err;

	if (limit < v->end)
		floor = max(floor, PAGE_ALIGN(v->end - limit));
	if (prev && prev->prot && !(prev->flags & MAP_GROWSDOWN))
		floor = max(floor, prev->end + STACK_GUARD_GAP);
	else if (prev)
		floor = max(floor, prev->end);
	if (v->start >= BZ_RESERVED_HIGH)
		floor = max(floor, BZ_RESERVED_HIGH);
	if (start < floor)
		return -ENOMEM;
	chunk = v->start - start < STACK_CHUNK ? v->start - min(v->start, STACK_CHUNK) : start;
	chunk = max(chunk, floor);
	start = min(start, chunk);
	if (mm_may_expand(mm, (v->start - start) >> PAGE_SHIFT, false))
		return -ENOMEM;
	err = host->mem_map(start, v->start - start, host_prot(v->prot), BZ_MAP_NOREPLACE | BZ_MAP_STACK);
	if (!err)
		vma_set_range(mm, v, start, v->end);
	return err;
}

/* The file behind v may have grown since it was mapped: back what is there now.  True if addr is backed then. */
static bool back_again(struct vma *v, u64 addr)
{
	u64 from = v->backed_end;
	int err;

	if (addr < from)
		return true;
	err = mm_back_range(v, from, v->end);
	if (err) {
		if (host->mem_map(from, v->end - from, 0, BZ_MAP_NORESERVE))
			panic("the host does not keep a mapping's tail");
		v->backed_end = from;
		return false;
	}
	return addr < v->backed_end;
}

static bool fault_locked(struct mm *mm, u64 addr, u64 err, int *sig, int *code)
{
	struct vma *v = vma_find(mm, addr);
	bool bus = *sig == BZ_EXC_BUS;

	*sig = BZ_EXC_SEGV;
	*code = 1; /* SEGV_MAPERR */
	if (!v)
		return false;
	if (v->start > addr) {
		if (!(v->flags & MAP_GROWSDOWN))
			return false;
		return !grow_stack(mm, v, addr);
	}
	*code = 2; /* SEGV_ACCERR */
	if (!(v->prot & access_of(err)))
		return false;
	if (v->file && (addr >= v->backed_end || bus)) {
		if (!bus && back_again(v, addr))
			return true;
		*sig = BZ_EXC_BUS;
		*code = 2; /* BUS_ADRERR */
		return false;
	}
	if (bus) {
		*sig = BZ_EXC_BUS;
		*code = 2;
		return false;
	}
	/* Another thread changed the mapping between the fault and here. */
	return true;
}

bool mm_fault(u64 addr, u64 err, int *sig, int *code)
{
	struct mm *mm;
	bool ok;

	/* SI_KERNEL: no page fault; alignment checks are the guest's own affair. */
	if (*code == 0x80 || (*sig == BZ_EXC_BUS && *code == 1))
		return false;
	if (!access_ok((void *)addr, 1)) {
		*sig = BZ_EXC_SEGV;
		*code = 1;
		return false;
	}
	mm = lock_mm();
	ok = fault_locked(mm, addr, err, sig, code);
	mutex_unlock(&mm->lock);
	return ok;
}

/* Usercopy may hold locks that come behind mm->lock in the order (an inode's): so this only tries, for a while. */
static bool try_lock(struct mm *mm)
{
	for (int i = 0; i < 1000; i++) {
		if (mutex_trylock(&mm->lock))
			return true;
		host->thread_yield();
	}
	return false;
}

bool mm_fault_in(u64 addr, size_t len, bool write)
{
	u64 end = addr + len;
	int sig = BZ_EXC_SEGV, code = 1;
	bool any = false;
	struct mm *mm;
	struct vma *v;

	if (!current || !len || !access_ok((void *)addr, len))
		return false;
	mm = current->process->mm;
	if (!mm || mutex_is_mine(&mm->lock) || !try_lock(mm))
		return false;
	while (addr < end && fault_locked(mm, addr, write ? FAULT_WRITE : 0, &sig, &code)) {
		v = vma_find(mm, addr);
		if (!v || v->start > addr)
			break;
		any = true;
		addr = v->file ? max(v->backed_end, (addr & PAGE_MASK) + PAGE_SIZE) : v->end;
		sig = BZ_EXC_SEGV;
	}
	mutex_unlock(&mm->lock);
	return any;
}

/* --- files that change their size or place --- */

bool vma_maps_inode(const struct vma *v, const struct inode *inode)
{
	const struct inode *i = v->file ? v->file->inode : NULL;

	return i && (i == inode || i->bound == inode);
}

void mm_cut_mappings(struct mm *mm, const struct inode *inode, u64 size)
{
	struct vma *v;

	list_for_each(v, &mm->vmas, node) {
		u64 keep;

		if (!vma_maps_inode(v, inode))
			continue;
		keep = size > v->offset ? PAGE_ALIGN(size - v->offset) : 0;
		if (keep >= v->backed_end - v->start)
			continue;
		if (host->mem_map(v->start + keep, v->backed_end - (v->start + keep), 0, BZ_MAP_NORESERVE))
			panic("the host does not cut a mapping");
		v->backed_end = v->start + keep;
	}
}

void mm_truncate_notify(struct inode *inode, u64 size)
{
	struct mm *mm;

	if (!current || !current->process->mm)
		return;
	mm = lock_mm();
	mm_cut_mappings(mm, inode, size);
	mutex_unlock(&mm->lock);
	mm_truncate_others(inode, size);
}

/* --- brk --- */

static int brk_grow(struct mm *mm, u64 from, u64 to)
{
	struct vma *v = vma_find(mm, from), *n;
	u64 pages = (to - from) >> PAGE_SHIFT;
	u32 flags = MAP_PRIVATE | (u32)mm->def_flags;
	int err;

	if (v && v->start < to + PAGE_SIZE + (v->flags & MAP_GROWSDOWN ? STACK_GUARD_GAP : 0))
		return -ENOMEM;
	if (!range_ok(from, to - from) || mm_may_expand(mm, pages, true) || mm->count >= MAX_MAP_COUNT)
		return -ENOMEM;
	if ((flags & VMA_LOCKED) && mm_may_lock(mm, pages))
		return -EAGAIN;
	n = vma_new(from, to, PROT_READ | PROT_WRITE, flags);
	if (!n)
		return -ENOMEM;
	n->name = "[heap]";
	err = host->mem_map(from, to - from, BZ_PROT_READ | BZ_PROT_WRITE, BZ_MAP_NOREPLACE);
	if (err) {
		vma_free(n);
		return err;
	}
	vma_insert(mm, n);
	vma_merge_range(mm, from, to);
	return 0;
}

SYSCALL(brk, void *addr)
{
	struct mm *mm = lock_mm();
	u64 brk = (u64)addr, from = PAGE_ALIGN(mm->brk), to = PAGE_ALIGN(brk), limit = rlimit_soft(RLIMIT_DATA);
	int err = 0;

	if (brk < mm->start_brk || brk > BZ_GUEST_HIGH)
		err = -EINVAL;
	else if (limit != ~0ull && brk - mm->start_brk + (mm->end_data - mm->start_data) > limit)
		err = -ENOMEM;
	else if (to > from)
		err = brk_grow(mm, from, to);
	else if (to < from)
		err = mm_unmap_locked(mm, to, from - to);
	if (!err)
		mm->brk = brk;
	brk = mm->brk;
	mutex_unlock(&mm->lock);
	return brk;
}
