/* fork(2)'s copy of a memory map, and mappings of the library OS's own pages (the vDSO). */
#include "libos/mm/internal.h"

static struct vma *copy_vma(const struct vma *v)
{
	struct vma *n = vma_new(v->start, v->end, v->prot, v->flags & ~VMA_LOCKED);

	if (!n)
		return NULL;
	n->name = v->name;
	n->policy = v->policy;
	n->offset = v->offset;
	n->backed_end = v->backed_end;
	n->file = v->file;
	if (v->file) {
		file_get(v->file);
		vma_counted(n, 1);
	}
	return n;
}

struct mm *mm_copy(struct mm *old)
{
	struct mm *mm = mm_create();
	struct vma *v, *n;

	if (!mm)
		return NULL;
	list_for_each(v, &old->vmas, node) {
		n = copy_vma(v);
		if (!n) {
			mm_put(mm);
			return NULL;
		}
		vma_insert(mm, n);
	}
	if (rewrite_copy(mm, old)) {
		mm_put(mm);
		return NULL;
	}
	mm->start_code = old->start_code;
	mm->end_code = old->end_code;
	mm->start_data = old->start_data;
	mm->end_data = old->end_data;
	mm->start_brk = old->start_brk;
	mm->brk = old->brk;
	mm->start_stack = old->start_stack;
	mm->arg_start = old->arg_start;
	mm->arg_end = old->arg_end;
	mm->env_start = old->env_start;
	mm->env_end = old->env_end;
	mm->mmap_base = old->mmap_base;
	mm->vdso = old->vdso;
	memcpy(mm->windows, old->windows, sizeof(mm->windows));
	mm->window_next = old->window_next;
	return mm;
}

/* In the child, whose address space has everything: drop and empty what the parent asked for. */
void mm_fork_child(struct mm *mm)
{
	struct vma *v, *next;

	mutex_lock(&mm->lock);
	for (v = list_empty(&mm->vmas) ? NULL : list_first(&mm->vmas, struct vma, node); v; v = next) {
		next = vma_next(mm, v);
		if (v->flags & VMA_DONTFORK) {
			host->mem_unmap(v->start, v->end - v->start);
			vma_erase(mm, v);
			vma_free(v);
		} else if (v->flags & VMA_WIPEONFORK) {
			host->mem_map(v->start, v->end - v->start, host_prot(v->prot), 0);
		}
	}
	mutex_unlock(&mm->lock);
}

long mm_map_arena(u64 hint, const void *pages, u64 len, u32 prot, const char *name)
{
	struct mm *mm = lock_mm();
	struct vma *v;
	long addr = mm_unmapped_area(mm, hint, len, 0, false);
	int err = -ENOMEM;

	if (addr < 0)
		goto out;
	v = vma_new(addr, addr + len, prot, MAP_PRIVATE | VMA_SPECIAL);
	if (v) {
		v->name = name;
		err = host->stream_map(BZ_STREAM_ARENA, addr, len, host_prot(prot), 0, arena_offset(pages));
		if (err)
			vma_free(v);
		else
			vma_insert(mm, v);
	}
	if (err)
		addr = err;
out:
	mutex_unlock(&mm->lock);
	return addr;
}
