/* madvise(2), process_madvise(2), msync(2), mincore(2), mlock(2) and its kin: what is said about memory that exists. */
#include "libos/mm/internal.h"
#include "libos/kernel/syscall.h"
#include <linux/capability.h>

/* The guest's advice as the host's; -1: not known, -2: done by marking the vma alone. */
static int host_advice(int advice)
{
	switch (advice) {
	case MADV_NORMAL: return BZ_ADV_NORMAL;
	case MADV_RANDOM: return BZ_ADV_RANDOM;
	case MADV_SEQUENTIAL: return BZ_ADV_SEQUENTIAL;
	case MADV_WILLNEED: return BZ_ADV_WILLNEED;
	case MADV_DONTNEED: case MADV_DONTNEED_LOCKED: return BZ_ADV_DONTNEED;
	case MADV_FREE: return BZ_ADV_FREE;
	case MADV_REMOVE: return BZ_ADV_REMOVE;
	case MADV_HUGEPAGE: return BZ_ADV_HUGEPAGE;
	case MADV_NOHUGEPAGE: return BZ_ADV_NOHUGEPAGE;
	case MADV_COLD: return BZ_ADV_COLD;
	case MADV_PAGEOUT: return BZ_ADV_PAGEOUT;
	case MADV_POPULATE_READ: return BZ_ADV_POPULATE_READ;
	case MADV_POPULATE_WRITE: return BZ_ADV_POPULATE_WRITE;
	case MADV_DONTFORK: case MADV_DOFORK: case MADV_WIPEONFORK: case MADV_KEEPONFORK:
	case MADV_DONTDUMP: case MADV_DODUMP: return -2;
	}
	return -1;
}

/* Set and clear bits of all vmas in [start, end), which are isolated first. */
static int mark_range(struct mm *mm, u64 start, u64 end, u32 set, u32 clear)
{
	int err = vma_isolate(mm, start, end);
	struct vma *v;

	if (err)
		return err;
	for (v = vma_find(mm, start); v && v->start < end; v = vma_next(mm, v)) {
		mm_account(mm, v, false);
		v->flags = (v->flags & ~clear) | set;
		mm_account(mm, v, true);
	}
	vma_merge_range(mm, start, end);
	return 0;
}

static int mark_vma(struct mm *mm, struct vma *v, u64 start, u64 end, int advice)
{
	switch (advice) {
	case MADV_DONTFORK:
		return mark_range(mm, start, end, VMA_DONTFORK, 0);
	case MADV_DOFORK:
		return v->flags & VMA_SPECIAL ? -EINVAL : mark_range(mm, start, end, 0, VMA_DONTFORK);
	case MADV_WIPEONFORK:
		if (v->file || vma_is_shared(v))
			return -EINVAL;
		return mark_range(mm, start, end, VMA_WIPEONFORK, 0);
	case MADV_KEEPONFORK:
		return mark_range(mm, start, end, 0, VMA_WIPEONFORK);
	case MADV_DONTDUMP:
		return mark_range(mm, start, end, VMA_DONTDUMP, 0);
	}
	return v->flags & VMA_SPECIAL ? -EINVAL : mark_range(mm, start, end, 0, VMA_DONTDUMP);
}

/* Punch a hole into the file behind a shared mapping. */
static int remove_pages(struct vma *v, u64 start, u64 end)
{
	if (v->flags & VMA_LOCKED)
		return -EINVAL;
	if (!v->file)
		return -EINVAL;
	if (!vma_is_shared(v) || (v->flags & VMA_NOWRITE))
		return -EACCES;
	if (!v->file->ops->fallocate)
		return -EOPNOTSUPP;
	/* FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE */
	return v->file->ops->fallocate(v->file, 3, v->offset + (start - v->start), end - start);
}

static int advise_vma(struct vma *v, u64 start, u64 end, int advice, int adv)
{
	int err;

	switch (advice) {
	case MADV_DONTNEED:
	case MADV_COLD:
	case MADV_PAGEOUT:
		if (v->flags & (VMA_LOCKED | VMA_SPECIAL))
			return -EINVAL;
		break;
	case MADV_DONTNEED_LOCKED:
		if (v->flags & VMA_SPECIAL)
			return -EINVAL;
		break;
	case MADV_FREE:
		if (v->file || vma_is_shared(v))
			return -EINVAL;
		break;
	case MADV_REMOVE:
		return remove_pages(v, start, end);
	case MADV_POPULATE_READ:
	case MADV_POPULATE_WRITE:
		if ((v->flags & VMA_SPECIAL) || !(v->prot & (advice == MADV_POPULATE_READ ? 7 : PROT_WRITE)))
			return -EINVAL;
		if (v->file && end > v->backed_end)
			return -EFAULT;
		break;
	}
	if (v->file)
		end = min(end, v->backed_end);
	if (end <= start)
		return 0;
	err = host->mem_advise(start, end - start, adv);
	/* A hint that the host does not take is no error of the guest's. */
	if (err && advice != MADV_DONTNEED && advice != MADV_DONTNEED_LOCKED && advice != MADV_POPULATE_READ &&
	    advice != MADV_POPULATE_WRITE)
		return 0;
	return err;
}

/* Contents of what may not be written go by no advice either, once it is sealed. */
static bool advice_breaks_seal(struct mm *mm, u64 start, u64 end, int advice)
{
	struct vma *v;

	switch (advice) {
	case MADV_FREE: case MADV_DONTNEED: case MADV_DONTNEED_LOCKED: case MADV_REMOVE: case MADV_DONTFORK: case MADV_WIPEONFORK:
		for (v = vma_find(mm, start); v && v->start < end; v = vma_next(mm, v))
			if ((v->flags & VMA_SEALED) && !vma_is_shared(v) && !(v->prot & PROT_WRITE))
				return true;
	}
	return false;
}

static long do_madvise(u64 start, u64 len_in, int advice)
{
	u64 len = PAGE_ALIGN(len_in), end = start + len;
	int adv = host_advice(advice), err = 0, hole = 0;
	struct vma *v;
	struct mm *mm;

	if (adv == -1)
		return -EINVAL;
	if ((start & ~PAGE_MASK) || (len_in && !len) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	mm = lock_mm();
	if (advice_breaks_seal(mm, start, end, advice))
		err = -EPERM;
	v = vma_find(mm, start);
	while (start < end && !err) {
		u64 to;

		if (!v || v->start >= end) {
			hole = -ENOMEM;
			break;
		}
		if (v->start > start) {
			hole = -ENOMEM;
			start = v->start;
			if (adv == BZ_ADV_POPULATE_READ || adv == BZ_ADV_POPULATE_WRITE)
				break;
		}
		to = min(v->end, end);
		err = adv == -2 ? mark_vma(mm, v, start, to, advice) : advise_vma(v, start, to, advice, adv);
		start = to;
		/* Marking may have joined v with others.  Nobody looks for what lies behind the end: the next call looks here again. */
		if (start < end)
			v = vma_find(mm, start);
	}
	mutex_unlock(&mm->lock);
	return err ? err : hole;
}

SYSCALL(madvise, void *addr, size_t len, int advice)
{
	return do_madvise((u64)addr, len, advice);
}

SYSCALL(msync, void *addr, size_t len, int flags)
{
	u64 start = (u64)addr, end;
	struct mm *mm;
	struct vma *v;
	long ret = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (start & ~PAGE_MASK) ||
	    ((flags & MS_ASYNC) && (flags & MS_SYNC)))
		return -EINVAL;
	end = start + PAGE_ALIGN(len);
	if (end < start)
		return -ENOMEM;
	if (end == start)
		return 0;
	mm = lock_mm();
	while (start < end) {
		struct file *file = NULL;

		v = vma_find(mm, start);
		if (!v || v->start >= end) {
			ret = -ENOMEM;
			break;
		}
		if (v->start > start) {
			ret = -ENOMEM;
			start = v->start;
		}
		if ((flags & MS_INVALIDATE) && (v->flags & VMA_LOCKED)) {
			ret = -EBUSY;
			break;
		}
		start = v->end;
		if (!(flags & MS_SYNC) || !v->file || !vma_is_shared(v) || !v->file->ops->fsync)
			continue;
		file = v->file;
		file_get(file);
		/* Writing to disk takes long: not under the lock. */
		mutex_unlock(&mm->lock);
		int err = file->ops->fsync(file, true);

		file_put(file);
		mutex_lock(&mm->lock);
		if (err) {
			ret = err;
			break;
		}
	}
	mutex_unlock(&mm->lock);
	return ret;
}

/* Nothing is ever swapped out; what was never touched is told as present as well, since only the host knows. */
SYSCALL(mincore, void *addr, size_t len, unsigned char *vec)
{
	u64 start = (u64)addr, pages = PAGE_ALIGN(len) >> PAGE_SHIFT, at = start;
	char ones[64];
	struct mm *mm;
	long ret = 0;

	if (start & ~PAGE_MASK)
		return -EINVAL;
	if (!access_ok(addr, len))
		return -ENOMEM;
	if (!access_ok(vec, pages))
		return -EFAULT;
	memset(ones, 1, sizeof(ones));
	mm = lock_mm();
	while (pages && !ret) {
		u64 n = min(pages, (u64)sizeof(ones));

		if (!vma_covers(mm, at, at + n * PAGE_SIZE))
			ret = -ENOMEM;
		else if (copy_to_user(vec, ones, n))
			ret = -EFAULT;
		pages -= n;
		vec += n;
		at += n * PAGE_SIZE;
	}
	mutex_unlock(&mm->lock);
	return ret;
}

/* --- locking --- */

static bool can_lock(void)
{
	return rlimit_soft(RLIMIT_MEMLOCK) || capable(CAP_IPC_LOCK);
}

static u64 locked_in(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = vma_find(mm, start);
	u64 pages = 0;

	for (; v && v->start < end; v = vma_next(mm, v))
		if (v->flags & VMA_LOCKED)
			pages += (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;
	return pages;
}

/* Bring in what can be: Linux faults locked pages in at once. */
static void populate(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = vma_find(mm, start);

	for (; v && v->start < end; v = vma_next(mm, v)) {
		u64 from = max(start, v->start), to = min(end, v->file ? v->backed_end : v->end);

		if (to > from && (v->prot & PROT_READ) && !(v->flags & VMA_SPECIAL))
			host->mem_advise(from, to - from, (v->prot & PROT_WRITE) && !vma_is_shared(v) ?
							  BZ_ADV_POPULATE_WRITE : BZ_ADV_POPULATE_READ);
	}
}

static long do_mlock(u64 addr, u64 len, bool onfault)
{
	u64 start = addr & PAGE_MASK, end, limit = rlimit_soft(RLIMIT_MEMLOCK) >> PAGE_SHIFT, pages;
	struct mm *mm;
	long ret = 0;

	if (!can_lock())
		return -EPERM;
	len = PAGE_ALIGN(len + (addr & ~PAGE_MASK));
	end = start + len;
	pages = len >> PAGE_SHIFT;
	mm = lock_mm();
	if (mm->locked_pages + pages - min(pages, locked_in(mm, start, end)) > limit && !capable(CAP_IPC_LOCK))
		ret = -ENOMEM;
	else if (end < start)
		ret = -EINVAL;
	else if (end > start && !vma_covers(mm, start, end))
		ret = -ENOMEM;
	else if (end > start)
		ret = mark_range(mm, start, end, VMA_LOCKED, 0);
	if (!ret && !onfault)
		populate(mm, start, end);
	mutex_unlock(&mm->lock);
	return ret;
}

SYSCALL(mlock, void *addr, size_t len)
{
	return do_mlock((u64)addr, len, false);
}

SYSCALL(mlock2, void *addr, size_t len, int flags)
{
	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	return do_mlock((u64)addr, len, flags & MLOCK_ONFAULT);
}

SYSCALL(munlock, void *addr, size_t ulen)
{
	u64 start = (u64)addr & PAGE_MASK, end = start + PAGE_ALIGN(ulen + ((u64)addr & ~PAGE_MASK));
	struct mm *mm;
	long ret;

	if (end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	mm = lock_mm();
	ret = vma_covers(mm, start, end) ? mark_range(mm, start, end, 0, VMA_LOCKED) : -ENOMEM;
	mutex_unlock(&mm->lock);
	return ret;
}

static void mark_all(struct mm *mm, u32 set, u32 clear)
{
	struct vma *v;

	list_for_each(v, &mm->vmas, node) {
		if (v->flags & VMA_SPECIAL)
			continue;
		mm_account(mm, v, false);
		v->flags = (v->flags & ~clear) | set;
		mm_account(mm, v, true);
	}
	vma_merge_range(mm, 0, BZ_GUEST_HIGH);
}

SYSCALL(mlockall, int flags)
{
	struct mm *mm;
	long ret = 0;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!can_lock())
		return -EPERM;
	mm = lock_mm();
	if ((flags & MCL_CURRENT) && mm->total_pages > rlimit_soft(RLIMIT_MEMLOCK) >> PAGE_SHIFT &&
	    !capable(CAP_IPC_LOCK)) {
		ret = -ENOMEM;
	} else {
		mm->def_flags = flags & MCL_FUTURE ? VMA_LOCKED : 0;
		if (flags & MCL_CURRENT) {
			mark_all(mm, VMA_LOCKED, 0);
			if (!(flags & MCL_ONFAULT))
				populate(mm, 0, BZ_GUEST_HIGH);
		}
	}
	mutex_unlock(&mm->lock);
	return ret;
}

SYSCALL0(munlockall)
{
	struct mm *mm = lock_mm();

	mm->def_flags = 0;
	mark_all(mm, 0, VMA_LOCKED);
	mutex_unlock(&mm->lock);
	return 0;
}
