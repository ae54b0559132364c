/*
 * mseal(2), of Linux 6.10: mappings that are not to be unmapped, moved, replaced or protected otherwise any more, nor lose
 * their contents to advice; what asks looks at VMA_SEALED.  It lasts for the life of the address space, and a fork's has it too.
 */
#include "libos/mm/internal.h"
#include "libos/kernel/syscall.h"

SYSCALL(mseal, void *addr, size_t len_in, unsigned long flags)
{
	u64 start = (u64)addr, len = PAGE_ALIGN(len_in), end = start + len;
	struct mm *mm;
	struct vma *v;
	long ret;

	if (flags || (start & ~PAGE_MASK) || (len_in && !len) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	mm = lock_mm();
	ret = vma_covers(mm, start, end) ? vma_isolate(mm, start, end) : -ENOMEM;
	for (v = vma_find(mm, start); !ret && v && v->start < end; v = vma_next(mm, v))
		v->flags |= VMA_SEALED;
	vma_merge_range(mm, start, end);
	mutex_unlock(&mm->lock);
	return ret;
}
