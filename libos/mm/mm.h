/*
 * The guest's memory map: vmas of one address space.  The vma list is what the host has: each host memory call
 * happens under mm->lock, together with the change of the list (rule iii of section 4).
 */
#ifndef LIBOS_MM_H
#define LIBOS_MM_H

#include "libos/kernel/kernel.h"
#include "libos/kernel/lock.h"
#include <linux/mman.h>
#include <asm/mman.h>

struct file;

struct vma {
	u64 start, end;
	u32 prot;		/* PROT_* as the guest asked */
	u32 flags;		/* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, MAP_NORESERVE, MAP_STACK, VMA_* */
	struct file *file;	/* referenced, or null */
	u64 offset;		/* in file, bytes */
	const char *name;	/* "[heap]", "[stack]", "[vdso]" or null */
	u64 backed_end;		/* file mappings: pages from here up to end lie beyond the file's end (SIGBUS) */
	struct vma *left, *right; /* how they are kept is mm.c's business */
	u32 priority;
	struct list node;	/* by address */
};

struct mm {
	ref_t refs;
	struct mutex lock;	/* RANK_MM */
	struct list vmas;
	struct vma *root;
	u32 count;
	u64 total_pages, locked_pages, data_pages;
	u64 start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start, arg_end, env_start, env_end;
	u64 mmap_base;		/* allocation goes down from here */
	u64 vdso;
	u64 def_flags;
};

struct mm *mm_create(void);
void mm_get(struct mm *mm);
void mm_put(struct mm *mm);
/* All of the current process's mappings go away (exec). */
void mm_unmap_all(struct mm *mm);

/* As mmap(2), for the current process.  Returns the address or -errno. */
long mm_map(u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 off);
long mm_map_named(u64 addr, u64 len, u32 prot, u32 flags, const char *name);
long mm_unmap(u64 addr, u64 len);
long mm_protect(u64 addr, u64 len, u32 prot);
/* A fault that may be ours to serve: stack growth, a file that grew.  True: try the instruction again.
 * Otherwise *sig and *code say what the guest gets. */
bool mm_fault(u64 addr, u64 err, int *sig, int *code);
struct vma *vma_find(struct mm *mm, u64 addr);	/* the first with end > addr; locked */
u64 mm_brk_start(struct mm *mm);
/* A file became shorter: pages beyond `size` of its mappings give SIGBUS from now on. */
struct inode;
void mm_truncate_notify(struct inode *inode, u64 size);

#endif
