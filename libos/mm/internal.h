/* What the parts of mm/ share.  Everything here is called with mm->lock held. */
#ifndef LIBOS_MM_INTERNAL_H
#define LIBOS_MM_INTERNAL_H

#include "libos/kernel/sysctl.h"
#include "libos/mm/mm.h"
#include "libos/proc/proc.h"
#include "libos/vfs/vfs.h"

#define MAX_MAP_COUNT READ_ONCE(mm_max_map_count)
#define MMAP_MIN_ADDR 65536ul
#define STACK_GUARD_GAP (256 * PAGE_SIZE)
#define HUGE_ALIGN (2ul << 20)

/* --- vma.c: the set of vmas --- */
struct vma *vma_new(u64 start, u64 end, u32 prot, u32 flags);
void vma_free(struct vma *v);			/* drops the file; v is in no set */
void vma_insert(struct mm *mm, struct vma *v);
void vma_erase(struct mm *mm, struct vma *v);
struct vma *vma_next(struct mm *mm, struct vma *v);	/* by address, or null */
struct vma *vma_prev(struct mm *mm, struct vma *v);
void vma_set_range(struct mm *mm, struct vma *v, u64 start, u64 end); /* no neighbour is crossed */
/* Cut v at addr; v keeps the lower part.  -ENOMEM. */
int vma_split(struct mm *mm, struct vma *v, u64 addr);
/* Make [start, end) begin and end at vma borders. */
int vma_isolate(struct mm *mm, u64 start, u64 end);
/* Join all neighbours in and around [start, end) that differ in nothing. */
void vma_merge_range(struct mm *mm, u64 start, u64 end);
/* Highest free range of len bytes in [low, high), aligned; 0: none. */
u64 vma_find_gap(struct mm *mm, u64 low, u64 high, u64 len, u64 align);
/* True if [start, end) is covered without a hole. */
bool vma_covers(struct mm *mm, u64 start, u64 end);
bool vma_any_sealed(struct mm *mm, u64 start, u64 end);

/* --- map.c --- */
static inline bool vma_is_shared(const struct vma *v)
{
	return v->flags & MAP_SHARED;
}
/* v maps its file from now on, or no longer; its flags are set. */
static inline void vma_counted(const struct vma *v, int add)
{
	struct inode *inode = v->file->inode;

	if (!inode)
		return;
	__atomic_fetch_add(&inode->map_count, add, __ATOMIC_RELAXED);
	if ((v->flags & (MAP_SHARED | VMA_NOWRITE)) == MAP_SHARED)
		__atomic_fetch_add(&inode->map_writable, add, __ATOMIC_RELAXED);
	if (v->file->ops->mapped)
		v->file->ops->mapped(v->file, add);
}
/* Pages that count towards RLIMIT_DATA. */
static inline bool data_like(u32 prot, u32 flags)
{
	return (prot & PROT_WRITE) && !(flags & (MAP_SHARED | MAP_GROWSDOWN));
}
/* In the guest's part of the address space, as a whole. */
static inline bool range_ok(u64 addr, u64 len)
{
	return len <= BZ_GUEST_HIGH && addr <= BZ_GUEST_HIGH - len &&
	       (addr + len <= BZ_RESERVED_LOW || addr >= BZ_RESERVED_HIGH);
}
int mm_may_expand(struct mm *mm, u64 pages, bool data);
int mm_may_lock(struct mm *mm, u64 pages);
long mm_unmapped_area(struct mm *mm, u64 addr, u64 len, u32 flags, bool huge);
int mm_unmap_locked(struct mm *mm, u64 addr, u64 len);
/* Map what v describes on the host, replacing what is there; sets v->backed_end. */
int mm_back_vma(struct vma *v);
int mm_back_range(struct vma *v, u64 start, u64 end);	/* as above, part of v; backed_end is the caller's */
u32 host_prot(u32 prot);
void mm_account(struct mm *mm, const struct vma *v, bool add);

bool vma_maps_inode(const struct vma *v, const struct inode *inode);
/* fault.c: take away what lies behind `size` of the file, in the current address space. */
void mm_cut_mappings(struct mm *mm, const struct inode *inode, u64 size);
/* window.c: all that are kept; the address space goes on with another program */
void mm_windows_drop(struct mm *mm);
/* remote.c */
void mm_truncate_others(struct inode *inode, u64 size);
void mm_drop_requests(struct mm *mm);

static inline struct mm *lock_mm(void)
{
	struct mm *mm = current->process->mm;

	mutex_lock(&mm->lock);
	return mm;
}

#endif
