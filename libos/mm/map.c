/*
 * Mapping and unmapping: mmap(2), munmap(2), the choice of addresses.  Each host call happens under mm->lock together
 * with the change of the list; a host call that fails leaves both as they were.
 */
#include "libos/mm/internal.h"
#include "libos/kernel/syscall.h"
#include <linux/capability.h>

#define MAP_32BIT_LOW 0x40000000ul
#define MAP_32BIT_HIGH 0x80000000ul
#define STACK_GAP_MIN (128ul << 20)

/* mm_set_base: mmap_base lies this far below the top, at least (random part of the stack and its guard). */
#define STACK_RANDOM ((0x3ffffful << PAGE_SHIFT) + STACK_GUARD_GAP)

struct mm *mm_create(void)
{
	struct mm *mm = kzalloc(sizeof(*mm));

	if (!mm)
		return NULL;
	mm->refs = 1;
	mutex_init(&mm->lock, RANK_MM);
	list_init(&mm->vmas);
	list_init(&mm->requests);
	return mm;
}

void mm_get(struct mm *mm)
{
	ref_get(&mm->refs);
}

/* The last reference is dropped by a process that ends: its host mappings end with its picoprocess. */
void (*mm_aio_forget)(struct mm *mm);

void mm_put(struct mm *mm)
{
	struct vma *v, *tmp;

	if (!ref_put(&mm->refs))
		return;
	list_for_each_safe(v, tmp, &mm->vmas, node) {
		list_del(&v->node);
		vma_free(v);
	}
	mm_drop_requests(mm);
	rewrite_free(mm);
	if (mm->aio)
		mm_aio_forget(mm);
	kfree(mm);
}

void mm_set_base(struct mm *mm, u64 stack_rlimit)
{
	u64 rnd, gap = stack_rlimit;

	host->random_bytes(&rnd, sizeof(rnd));
	gap = max(gap, STACK_GAP_MIN);
	gap = min(gap, BZ_GUEST_HIGH / 6 * 5) + STACK_RANDOM;
	/* The library OS's range lies below the base whatever the limit: leave room above it. */
	gap = min(gap, BZ_GUEST_HIGH - BZ_RESERVED_HIGH - (1ul << 44));
	rnd = current->personality & 0x0040000 /* ADDR_NO_RANDOMIZE */ ? 0 : rnd & ((1ul << 28) - 1);
	mm->mmap_base = PAGE_ALIGN(BZ_GUEST_HIGH - gap - (rnd << PAGE_SHIFT));
}

/* --- accounting --- */

void mm_account(struct mm *mm, const struct vma *v, bool add)
{
	u64 pages = (v->end - v->start) >> PAGE_SHIFT;

	if (!add)
		pages = -pages;
	mm->total_pages += pages;
	if (data_like(v->prot, v->flags))
		mm->data_pages += pages;
	if (v->flags & VMA_LOCKED)
		mm->locked_pages += pages;
}

int mm_may_expand(struct mm *mm, u64 pages, bool data)
{
	if (mm->total_pages + pages > rlimit_soft(RLIMIT_AS) >> PAGE_SHIFT)
		return -ENOMEM;
	if (data && mm->data_pages + pages > rlimit_soft(RLIMIT_DATA) >> PAGE_SHIFT)
		return -ENOMEM;
	return 0;
}

/* More locked memory; -EAGAIN as mmap and mremap say it. */
int mm_may_lock(struct mm *mm, u64 pages)
{
	if (mm->locked_pages + pages > rlimit_soft(RLIMIT_MEMLOCK) >> PAGE_SHIFT && !capable(CAP_IPC_LOCK))
		return -EAGAIN;
	return 0;
}

/* --- addresses --- */

static u64 search(struct mm *mm, u64 low, u64 high, u64 len, u64 align)
{
	u64 addr = 0;

	if (high > BZ_RESERVED_HIGH)
		addr = vma_find_gap(mm, max(low, BZ_RESERVED_HIGH), high, len, align);
	if (!addr && low < BZ_RESERVED_LOW)
		addr = vma_find_gap(mm, low, min(high, BZ_RESERVED_LOW), len, align);
	return addr;
}

static u64 search_from(struct mm *mm, u64 top, u64 len, bool huge)
{
	u64 addr = 0;

	if (huge)
		addr = search(mm, MMAP_MIN_ADDR, top, len, HUGE_ALIGN);
	return addr ? addr : search(mm, MMAP_MIN_ADDR, top, len, PAGE_SIZE);
}

static bool hint_free(struct mm *mm, u64 addr, u64 len)
{
	struct vma *v;

	if (!range_ok(addr, len) || addr < MMAP_MIN_ADDR)
		return false;
	v = vma_find(mm, addr);
	if (!v)
		return true;
	if (v->flags & MAP_GROWSDOWN)
		return v->start >= STACK_GUARD_GAP && addr + len <= v->start - STACK_GUARD_GAP;
	return addr + len <= v->start;
}

/* huge: a mapping that gains from large pages; it gets an address aligned to them if its length is. */
long mm_unmapped_area(struct mm *mm, u64 addr, u64 len, u32 flags, bool huge)
{
	if (len > BZ_GUEST_HIGH)
		return -ENOMEM;
	if (flags & MAP_FIXED) {
		if (addr > BZ_GUEST_HIGH - len)
			return -ENOMEM;
		if (addr & ~PAGE_MASK)
			return -EINVAL;
		if (addr < MMAP_MIN_ADDR)
			return -EPERM;
		return range_ok(addr, len) ? (long)addr : -ENOMEM;
	}
	if (flags & MAP_32BIT) {
		addr = search(mm, MAP_32BIT_LOW, MAP_32BIT_HIGH, len, PAGE_SIZE);
		return addr ? (long)addr : -ENOMEM;
	}
	addr = PAGE_ALIGN(addr);
	if (addr && hint_free(mm, addr, len))
		return addr;
	addr = search_from(mm, mm->mmap_base, len, huge && len >= HUGE_ALIGN && !(len & (HUGE_ALIGN - 1)));
	if (!addr)
		addr = search_from(mm, BZ_GUEST_HIGH, len, false);
	return addr ? (long)addr : -ENOMEM;
}

/* --- the host's side of a vma --- */

u32 host_prot(u32 prot)
{
	return prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
}

/* Bytes of [start, end) that the file has; the rest is mapped without access. */
static i64 back_file(struct vma *v, u64 start, u64 end)
{
	u64 off = v->offset + (start - v->start), backed;
	i64 n = v->file->ops->mmap(v->file, start, end - start, host_prot(v->prot),
				   vma_is_shared(v) ? BZ_MAP_SHARED : 0, off);

	if (n < 0)
		return n;
	backed = min(start + PAGE_ALIGN(n), end);
	if (backed < end) {
		int err = host->mem_map(backed, end - backed, 0, BZ_MAP_NORESERVE);

		if (err) {
			/* The range is nobody's now, whatever was there before. */
			host->mem_unmap(start, end - start);
			return err;
		}
	}
	return backed - start;
}

int mm_back_range(struct vma *v, u64 start, u64 end)
{
	i64 n;

	if (!v->file)
		return host->mem_map(start, end - start, host_prot(v->prot),
				     v->flags & MAP_NORESERVE ? BZ_MAP_NORESERVE : 0);
	n = back_file(v, start, end);
	if (n < 0)
		return n;
	v->backed_end = start + n;
	return 0;
}

int mm_back_vma(struct vma *v)
{
	v->backed_end = v->end;
	return mm_back_range(v, v->start, v->end);
}

/* --- unmapping --- */

static void forget_range(struct mm *mm, u64 start, u64 end)
{
	struct vma *v, *next;

	rewrite_forget(mm, start, end);
	for (v = vma_find(mm, start); v && v->start < end; v = next) {
		next = vma_next(mm, v);
		vma_erase(mm, v);
		vma_free(v);
	}
}

int mm_unmap_locked(struct mm *mm, u64 addr, u64 len)
{
	struct vma *v = vma_find(mm, addr);
	int err;

	if (!v || v->start >= addr + len)
		return 0;
	if (vma_any_sealed(mm, addr, addr + len))
		return -EPERM;
	err = vma_isolate(mm, addr, addr + len);
	if (!err)
		err = host->mem_unmap(addr, len);
	if (err) {
		vma_merge_range(mm, addr, addr + len);
		return err;
	}
	forget_range(mm, addr, addr + len);
	return 0;
}

long mm_unmap(u64 addr, u64 len)
{
	struct mm *mm;
	int err;

	if ((addr & ~PAGE_MASK) || addr > BZ_GUEST_HIGH || len > BZ_GUEST_HIGH - addr)
		return -EINVAL;
	len = PAGE_ALIGN(len);
	if (!len)
		return -EINVAL;
	/* The library OS's range is no memory of the guest's: there is nothing to unmap there. */
	if (addr < BZ_RESERVED_HIGH && addr + len > BZ_RESERVED_LOW) {
		if (addr < BZ_RESERVED_LOW) {
			long ret = mm_unmap(addr, BZ_RESERVED_LOW - addr);

			if (ret)
				return ret;
		}
		if (addr + len <= BZ_RESERVED_HIGH)
			return 0;
		return mm_unmap(BZ_RESERVED_HIGH, addr + len - BZ_RESERVED_HIGH);
	}
	mm = lock_mm();
	err = mm_unmap_locked(mm, addr, len);
	mutex_unlock(&mm->lock);
	return err;
}

long mm_unmap_file(u64 addr, const struct file_ops *ops)
{
	struct mm *mm = lock_mm();
	struct vma *v = vma_find(mm, addr), *next;
	struct file *file = NULL;
	u64 size = 0;
	long ret = -EINVAL;

	/* The first part that is left says which file it is; others of it may follow within its size. */
	for (; v && (!file || v->end - addr <= size); v = next) {
		next = vma_next(mm, v);
		if (!v->file || v->file->ops != ops || v->start - addr != v->offset || (file && v->file != file))
			continue;
		if (!file) {
			file = v->file;
			file_get(file);
			size = PAGE_ALIGN(file->inode->size);
		}
		ret = mm_unmap_locked(mm, v->start, v->end - v->start);
		if (ret)
			break;
	}
	mutex_unlock(&mm->lock);
	file_put(file);
	return ret;
}

void mm_unmap_all(struct mm *mm)
{
	struct vma *v, *next;

	mutex_lock(&mm->lock);
	mm_windows_drop(mm);
	for (v = list_empty(&mm->vmas) ? NULL : list_first(&mm->vmas, struct vma, node); v; v = next) {
		u64 start = v->start, end = v->end;

		/* One host call for neighbours. */
		for (next = vma_next(mm, v); next && next->start == end; next = vma_next(mm, next))
			end = next->end;
		if (host->mem_unmap(start, end - start))
			panic("the host does not unmap %lx-%lx", (unsigned long)start, (unsigned long)end);
	}
	forget_range(mm, 0, BZ_GUEST_HIGH);
	rewrite_free(mm);
	mm->def_flags = 0;
	mutex_unlock(&mm->lock);
	if (mm->aio)
		mm_aio_forget(mm);
}

#define GIVE_BACK_PAGES 1024u	/* as many as nobody will miss for the moment until the picoprocess is gone */

void mm_give_back(struct mm *mm)
{
	struct vma *v, *next;

	mutex_lock(&mm->lock);
	/* What is small goes with the picoprocess itself, which is cheaper, and nobody waits for it. */
	if (mm->data_pages > GIVE_BACK_PAGES) {
		host->mem_unmap(BZ_GUEST_LOW, BZ_RESERVED_LOW - BZ_GUEST_LOW);
		host->mem_unmap(BZ_RESERVED_HIGH, BZ_GUEST_HIGH - BZ_RESERVED_HIGH);
	}
	/* Who waits for the process finds its shared memory detached, and the room of files given back that have no name any more. */
	list_for_each_safe(v, next, &mm->vmas, node) {
		if (!v->file)
			continue;
		vma_erase(mm, v);
		vma_free(v);
	}
	mutex_unlock(&mm->lock);
}

/* --- mapping --- */

static u64 overlap_pages(struct mm *mm, u64 start, u64 end, bool data)
{
	struct vma *v = vma_find(mm, start);
	u64 pages = 0;

	for (; v && v->start < end; v = vma_next(mm, v))
		if (!data || data_like(v->prot, v->flags))
			pages += (min(end, v->end) - max(start, v->start)) >> PAGE_SHIFT;
	return pages;
}

/* Put v, which the caller filled, in place of what is there.  On failure v is not freed. */
static int map_vma(struct mm *mm, struct vma *v)
{
	u64 start = v->start, end = v->end, pages = (end - start) >> PAGE_SHIFT;
	u64 replaced = overlap_pages(mm, start, end, false);
	u64 replaced_data = overlap_pages(mm, start, end, true);
	int err;

	if (mm->total_pages - replaced + pages > rlimit_soft(RLIMIT_AS) >> PAGE_SHIFT)
		return -ENOMEM;
	if (data_like(v->prot, v->flags) &&
	    mm->data_pages - replaced_data + pages > rlimit_soft(RLIMIT_DATA) >> PAGE_SHIFT)
		return -ENOMEM;
	if (mm->count >= MAX_MAP_COUNT)
		return -ENOMEM;
	err = vma_isolate(mm, start, end);
	if (err) {
		vma_merge_range(mm, start, end);
		return err;
	}
	err = mm_back_vma(v);
	if (err) {
		/* A file may have been mapped in part: what was there is gone, as when Linux fails so late. */
		if (v->file && replaced && !host->mem_unmap(start, end - start))
			forget_range(mm, start, end);
		vma_merge_range(mm, start, end);
		return err;
	}
	if (replaced)
		forget_range(mm, start, end);
	vma_insert(mm, v);
	vma_merge_range(mm, start, end);
	return 0;
}

/* What MAP_SHARED_VALIDATE accepts: every flag but MAP_SYNC, which no file here can do. */
#define MAP_KNOWN                                                                                            \
	(MAP_TYPE | MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE |        \
	 MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE | MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | \
	 MAP_32BIT | 0x80 /* MAP_ABOVE4G */ | MAP_UNINITIALIZED | (0x3fu << 26))

/* Device 1:5; a shared mapping of it is shared anonymous memory (mem(4)). */
static bool is_dev_zero(const struct file *f)
{
	return f->inode && (f->inode->mode & 0170000) == 0020000 && f->inode->rdev == 0x105;
}

/* What mmap checks of a file; adds VMA_ bits to *vflags. */
static int check_file(struct file *file, u32 prot, u32 flags, u32 *vflags)
{
	switch (flags & MAP_TYPE) {
	case MAP_SHARED_VALIDATE:
		if (flags & ~(u32)MAP_KNOWN)
			return -EOPNOTSUPP;
		fallthrough;
	case MAP_SHARED:
		if (!FMODE_CAN_WRITE(file)) {
			if (prot & PROT_WRITE)
				return -EACCES;
			*vflags |= VMA_NOWRITE;
		} else if (file->inode && (file->inode->flags & INODE_APPEND)) {
			return -EACCES;
		}
		fallthrough;
	case MAP_PRIVATE:
		if (!FMODE_CAN_READ(file))
			return -EACCES;
		if (file->path.mount && (file->path.mount->flags & MNT_NOEXEC)) {
			if (prot & PROT_EXEC)
				return -EPERM;
			*vflags |= VMA_NOEXEC;
		}
		if (!file->ops->mmap)
			return -ENODEV;
		if (flags & MAP_GROWSDOWN)
			return -EINVAL;
		return 0;
	}
	return -EINVAL;
}

static int check_anon(u32 flags)
{
	u32 type = flags & MAP_TYPE;

	if (type != MAP_SHARED && type != MAP_PRIVATE)
		return -EINVAL;
	if (type == MAP_SHARED && (flags & MAP_GROWSDOWN))
		return -EINVAL;
	/* No pool of huge pages, as on a machine that reserved none. */
	return flags & MAP_HUGETLB ? -ENOMEM : 0;
}

static long map_locked(struct mm *mm, u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 off,
		       const char *name)
{
	u32 vflags = flags & (MAP_SHARED | MAP_PRIVATE | MAP_GROWSDOWN | MAP_NORESERVE);
	bool anon = !file;
	struct vma *v;
	long ret;

	ret = mm_unmapped_area(mm, addr, len, flags, anon);
	if (ret < 0)
		return ret;
	addr = ret;
	if ((flags & MAP_FIXED_NOREPLACE) && overlap_pages(mm, addr, addr + len, false))
		return -EEXIST;
	if ((flags & MAP_FIXED) && vma_any_sealed(mm, addr, addr + len))
		return -EPERM;
	if ((flags & MAP_LOCKED) && !rlimit_soft(RLIMIT_MEMLOCK) && !capable(CAP_IPC_LOCK))
		return -EPERM;
	if ((flags & MAP_LOCKED) || (mm->def_flags & VMA_LOCKED)) {
		vflags |= VMA_LOCKED;
		if (mm_may_lock(mm, len >> PAGE_SHIFT))
			return -EAGAIN;
	}
	ret = file ? check_file(file, prot, flags, &vflags) : check_anon(flags);
	if (ret)
		return ret;
	/* 3 is MAP_SHARED_VALIDATE; a vma is either shared or private. */
	if (vflags & MAP_SHARED)
		vflags &= ~MAP_PRIVATE;
	v = vma_new(addr, addr + len, prot & (PROT_READ | PROT_WRITE | PROT_EXEC), vflags);
	if (!v)
		return -ENOMEM;
	v->name = name;
	if (file && (vflags & MAP_SHARED) && is_dev_zero(file)) {
		file = NULL;
		anon = true;
	}
	if (anon && (vflags & MAP_SHARED)) {
		/* Pages that fork shares: a file in the arena that has no name. */
		file = tmpfs_anon_file("/dev/zero (deleted)", len, O_RDWR);
		if (IS_ERR(file)) {
			kfree(v);
			return PTR_ERR(file);
		}
		off = 0;
	} else if (file) {
		file_get(file);
	}
	v->file = file;
	v->offset = file ? off : 0;
	if (file)
		vma_counted(v, 1);
	ret = map_vma(mm, v);
	if (ret) {
		vma_free(v);
		return ret;
	}
	if (file && (prot & PROT_EXEC))
		rewrite_mapped(mm, addr);
	return addr;
}

static long do_map(u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 off, const char *name)
{
	struct mm *mm;
	long ret;

	if (!len)
		return -EINVAL;
	if (flags & MAP_FIXED_NOREPLACE)
		flags |= MAP_FIXED;
	if ((current->personality & 0x0400000 /* READ_IMPLIES_EXEC */) && (prot & PROT_READ))
		prot |= PROT_EXEC;
	if (!(flags & MAP_FIXED)) {
		addr &= PAGE_MASK;
		if (addr && addr < MMAP_MIN_ADDR)
			addr = MMAP_MIN_ADDR;
	}
	len = PAGE_ALIGN(len);
	if (!len)
		return -ENOMEM;
	if (off + len < off || off + len > INT64_MAX)
		return -EOVERFLOW;
	mm = lock_mm();
	ret = map_locked(mm, addr, len, prot, flags, file, off, name);
	mutex_unlock(&mm->lock);
	if (ret >= 0 && (flags & (MAP_POPULATE | MAP_LOCKED)) && !(flags & MAP_NONBLOCK) && (prot & PROT_READ))
		host->mem_advise(ret, len,
				 prot & PROT_WRITE && !(flags & MAP_SHARED) ? BZ_ADV_POPULATE_WRITE : BZ_ADV_POPULATE_READ);
	return ret;
}

long mm_map(u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 off)
{
	return do_map(addr, len, prot, flags, file, off, NULL);
}

long mm_map_named(u64 addr, u64 len, u32 prot, u32 flags, const char *name)
{
	return do_map(addr, len, prot, flags, NULL, 0, name);
}

SYSCALL(mmap, void *addr, size_t len, unsigned long prot, unsigned long flags, unsigned long fd, unsigned long off)
{
	struct file *file = NULL;
	long ret;

	if (off & ~PAGE_MASK)
		return -EINVAL;
	if (!(flags & MAP_ANONYMOUS)) {
		file = fd_get((int)fd);
		if (!file)
			return -EBADF;
		/* Nothing here is hugetlbfs. */
		if (flags & MAP_HUGETLB) {
			file_put(file);
			return -EINVAL;
		}
	}
	ret = mm_map((u64)addr, len, prot, flags, file, file ? off : 0);
	if (file)
		file_put(file);
	return ret;
}

SYSCALL(munmap, void *addr, size_t len)
{
	return mm_unmap((u64)addr, len);
}

/* The file that a shared mapping of all of [start, end) is of, referenced; null: it is none. */
static struct file *shared_file(struct mm *mm, u64 start, u64 end, u32 *prot)
{
	struct vma *v = vma_find(mm, start);
	struct file *f = v ? v->file : NULL;

	if (!f || v->start > start || !vma_is_shared(v))
		return NULL;
	*prot = v->prot;
	for (; v->end < end; v = vma_next(mm, v))
		if (!vma_next(mm, v) || vma_next(mm, v)->start != v->end || vma_next(mm, v)->file != f)
			return NULL;
	file_get(f);
	return f;
}

/* Obsolete; as Linux does it today: a mapping of its own in place of the other. */
SYSCALL(remap_file_pages, u64 start, u64 size, unsigned long prot, unsigned long page, unsigned long flags)
{
	struct mm *mm = current->process->mm;
	struct file *f;
	u32 old_prot;
	long ret;

	start &= PAGE_MASK;
	size &= PAGE_MASK;
	if (prot || start + size <= start || page + (size >> PAGE_SHIFT) < page || page > INT64_MAX >> PAGE_SHIFT)
		return -EINVAL;
	mutex_lock(&mm->lock);
	f = shared_file(mm, start, start + size, &old_prot);
	mutex_unlock(&mm->lock);
	if (!f)
		return -EINVAL;
	ret = mm_map(start, size, old_prot, MAP_SHARED | MAP_FIXED | MAP_POPULATE | (flags & MAP_NONBLOCK), f, page << PAGE_SHIFT);
	file_put(f);
	return ret < 0 ? ret : 0;
}
