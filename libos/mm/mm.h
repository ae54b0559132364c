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

#include "libos/rewrite/rewrite.h"

struct file;
struct rewrite;
struct tenants;

struct vma {
	u64 start, end;
	u32 prot;		/* PROT_* as the guest asked */
	u32 flags;		/* MAP_SHARED or MAP_PRIVATE, MAP_GROWSDOWN, MAP_NORESERVE, VMA_* */
	struct file *file;	/* referenced, or null; also behind shared anonymous memory */
	u64 offset;		/* in file, bytes */
	const char *name;	/* "[heap]", "[stack]", "[vdso]", "[anon:...]" or null; never freed */
	u64 backed_end;		/* file mappings: pages from here up to end lie beyond the file's end (SIGBUS) */
	struct list node;	/* mm->vmas, by address */
	struct vma *left, *right, *up; /* vma.c: a treap by start */
	u32 priority;
	u32 policy;		/* mbind(2): numa/ */
	u64 gap, max_gap;	/* free bytes below start; the largest such in this subtree */
};

/* vma->flags beside the guest's MAP_ bits.  All but the first are properties that keep neighbours apart. */
#define VMA_NOWRITE 0x00200000u	 /* shared mapping of a file that was opened read-only */
#define VMA_NOEXEC 0x00400000u	 /* file on a noexec mount */
#define VMA_LOCKED 0x00800000u	 /* mlock: nothing is swapped here, the mark is for the guest's eyes */
#define VMA_DONTFORK 0x01000000u
#define VMA_WIPEONFORK 0x02000000u
#define VMA_DONTDUMP 0x08000000u
#define VMA_SPECIAL 0x10000000u	 /* vDSO: as VM_SPECIAL, not to be expanded, advised or locked */
#define VMA_SEALED 0x40000000u	 /* mseal: stays as it is until exec or exit */
#define VMA_WRITTEN 0x20000000u	 /* a file's, private, and writable once: a core file has it */

#define WINDOWS 8
struct window {			/* window.c: a struct host_identity, of a file that is mapped there */
	u64 dev, ino, size;	/* size 0: nothing is */
	i64 mtime, ctime;
};

struct mm {
	ref_t refs;
	struct mutex lock;	/* RANK_MM */
	struct list vmas;
	struct vma *root;
	struct vma *found;	/* what vma_find last found, or null */
	struct tenants *tenants; /* the processes whose memory it is, if ever there were two (proc/tenants.c) */
	u32 count;
	u64 total_pages, locked_pages, data_pages;
	u64 start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start, arg_end, env_start, env_end;
	u64 mmap_base;		/* allocation goes down from here */
	u64 vdso;
	u64 def_flags;		/* VMA_LOCKED after mlockall(MCL_FUTURE) */
	struct aio_context *aio; /* event/aio.c */
	struct list requests;	/* what other processes ask of this one (remote.c) */
	struct rewrite *rewrite; /* patched text, or null */
	struct rewrite_image image[REWRITE_IMAGES];
	struct hot_site hot[HOT_SITES]; /* traps; no lock, no harm */
	u32 traps;		/* in all, since exec */
	bool trap_only;		/* no text is patched (rewrite_stop) */
	struct window windows[WINDOWS];
	u32 window_next;
};

struct mm *mm_create(void);
void mm_get(struct mm *mm);
void mm_put(struct mm *mm);
extern void (*mm_aio_forget)(struct mm *mm);	/* set by event/, where it is there */
/* All of the current process's mappings go away (exec). */
void mm_unmap_all(struct mm *mm);
/* Exit: the same for the host alone, in two calls; the list goes with mm_put, but for files that count their mappings. */
void mm_give_back(struct mm *mm);

/* Exec: choose the base from which addresses are handed out, below a stack of `stack` bytes. */
void mm_set_base(struct mm *mm, u64 stack_rlimit);
/* Fork: a copy of the list.  The caller holds old->lock across this and the host's clone, and then calls
 * mm_fork_child in the child, which applies what madvise asked for (DONTFORK, WIPEONFORK). */
struct mm *mm_copy(struct mm *old);
void mm_fork_child(struct mm *mm);

/* As mmap(2), for the current process.  Returns the address or -errno. */
long mm_map(u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 off);
long mm_map_named(u64 addr, u64 len, u32 prot, u32 flags, const char *name);
/* Private mapping of pages of the arena, not to be expanded by the guest. */
long mm_map_arena(u64 hint, const void *pages, u64 len, u32 prot, const char *name);
long mm_unmap(u64 addr, u64 len);
struct file_ops;
/* shmdt(2): what is left of the mapping that began at addr of a file with these operations; -EINVAL if nothing is. */
long mm_unmap_file(u64 addr, const struct file_ops *ops);
long mm_protect(u64 addr, u64 len, u32 prot);
/* A fault that may be ours to serve: stack growth, a file that grew.  True: try the instruction again.
 * Otherwise *sig and *code say what the guest gets. */
bool mm_fault(u64 addr, u64 err, int *sig, int *code);
struct vma *vma_find(struct mm *mm, u64 addr);	/* the first with end > addr; locked */
/* A file became shorter: pages beyond `size` of its mappings give SIGBUS from now on.  The caller holds no inode
 * lock (RANK_MM comes before RANK_INODE). */
struct inode;
void mm_truncate_notify(struct inode *inode, u64 size);
/*
 * What a file of the host's holds, seen by the library OS for the length of one call, with mm->lock held until mm_window_close; inside of what
 * `id` says to be its size.  Null: the lock is taken, or it is not to be had.  Where the file ends meanwhile, touching it faults.
 */
struct host_identity;
const char *mm_window_open(const struct host_identity *id, bz_stream s, u64 off, size_t len);
void mm_window_close(const char *at, size_t len);
#define WINDOW_MAX (16ul << 20)
/* Do what other processes asked for; called on the way to the guest. */
void mm_serve_requests(struct mm *mm);
/* Copy to or from another address space, which does it itself: bytes, fewer where something cannot be touched; -ESRCH: it did not.  force: whatever
 * its protection, as ptrace does; a private copy of a page is written that may not be written. */
struct process;
ssize_t mm_remote_copy(struct process *p, struct mm *mm, u64 addr, void *buf, size_t n, bool write, bool force);
/* Make [addr, addr+len) accessible if it is to be faulted in by us (stack growth, grown file): before usercopy is
 * given up.  True: it is worth another try. */
bool mm_fault_in(u64 addr, size_t len, bool write);

#endif
