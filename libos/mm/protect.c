/* mprotect(2) and protection keys (which this processor, as the guest sees it, does not have: pkeys(7)). */
#include "libos/mm/internal.h"
#include "libos/kernel/syscall.h"

static int protect_piece(struct mm *mm, struct vma *v, u32 prot)
{
	u64 pages = (v->end - v->start) >> PAGE_SHIFT, end = v->file ? min(v->end, v->backed_end) : v->end;
	int err;

	if (data_like(prot, v->flags) && !data_like(v->prot, v->flags) &&
	    mm->data_pages + pages > rlimit_soft(RLIMIT_DATA) >> PAGE_SHIFT)
		return -ENOMEM;
	if (prot & PROT_WRITE)
		rewrite_restore(mm, v->start, v->end);
	/* What lies beyond the end of a file stays without access, so that touching it is seen. */
	if (end > v->start) {
		err = host->mem_protect(v->start, end - v->start, host_prot(prot));
		if (err)
			return err;
	}
	mm_account(mm, v, false);
	if (v->file && data_like(v->prot, v->flags))
		v->flags |= VMA_WRITTEN;
	v->prot = prot;
	mm_account(mm, v, true);
	return 0;
}

static int check_may(const struct vma *v, u32 prot)
{
	if (v->flags & VMA_SEALED)
		return -EPERM;
	if ((prot & PROT_WRITE) && (v->flags & VMA_NOWRITE))
		return -EACCES;
	if ((prot & PROT_EXEC) && (v->flags & VMA_NOEXEC))
		return -EACCES;
	return 0;
}

static long protect_locked(struct mm *mm, u64 start, u64 end, u32 prot, u32 grows)
{
	struct vma *v = vma_find(mm, start);
	u32 p = prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
	u64 at;
	int err;

	if (!v)
		return -ENOMEM;
	if (grows & PROT_GROWSDOWN) {
		if (v->start >= end)
			return -ENOMEM;
		if (!(v->flags & MAP_GROWSDOWN))
			return -EINVAL;
		start = v->start;
	} else if (v->start > start) {
		return -ENOMEM;
	} else if (grows & PROT_GROWSUP) {
		return -EINVAL;
	}
	for (at = start; at < end; at = v->end, v = vma_next(mm, v)) {
		if (!v || v->start > at)
			return -ENOMEM;
		err = check_may(v, p);
		if (err)
			return err;
		if (v->prot == p)
			continue;
		if (v->start < at) {
			err = vma_split(mm, v, at);
			if (err)
				return err;
			v = vma_next(mm, v);
		}
		if (v->end > end) {
			err = vma_split(mm, v, end);
			if (err)
				return err;
		}
		err = protect_piece(mm, v, p);
		if (err)
			return err;
	}
	return 0;
}

long mm_protect(u64 addr, u64 len, u32 prot)
{
	u32 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	struct mm *mm;
	long ret;

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (addr & ~PAGE_MASK))
		return -EINVAL;
	if (!len)
		return 0;
	len = PAGE_ALIGN(len);
	if (addr + len <= addr)
		return -ENOMEM;
	if (prot & ~(u32)(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	if ((current->personality & 0x0400000 /* READ_IMPLIES_EXEC */) && (prot & PROT_READ))
		prot |= PROT_EXEC;
	mm = lock_mm();
	ret = protect_locked(mm, addr, addr + len, prot, grows);
	vma_merge_range(mm, addr, addr + len);
	mutex_unlock(&mm->lock);
	return ret;
}

SYSCALL(mprotect, void *addr, size_t len, unsigned long prot)
{
	if (prot >> 32)
		return -EINVAL;
	return mm_protect((u64)addr, len, prot);
}

SYSCALL(pkey_mprotect, void *addr, size_t len, unsigned long prot, int pkey)
{
	if (pkey != -1)
		return -EINVAL;
	return mm_protect((u64)addr, len, prot);
}

SYSCALL(pkey_alloc, unsigned long flags, unsigned long rights)
{
	if (flags || (rights & ~3ul))
		return -EINVAL;
	return -ENOSPC;
}

SYSCALL(pkey_free, int pkey)
{
	return -EINVAL;
}
