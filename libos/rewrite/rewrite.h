/*
 * The rewriter: a `syscall` instruction that is executed often becomes a jump (section 5 of the design).
 *
 * Addresses come in two kinds.  What the guest may see (contexts, signal frames, traces) is *shown*: an address in its own text.
 * A thread that runs the instructions moved behind a patch is *really* in a stub.  Every upcall begins by turning the context's
 * rip into the shown one, and every resume ends by turning it into the real one; nothing else knows of stubs.
 */
#ifndef LIBOS_REWRITE_H
#define LIBOS_REWRITE_H

#include "libos/kernel/kernel.h"

struct mm;
struct thread;

/* Traps are counted where they happen; collisions cost a late patch, nothing else. */
#define HOT_SITES 64
struct hot_site {
	u64 site;
	u32 count;
	u32 refused;	/* enum verdict: it was looked at, and left */
};

/* Text that the image holds patched is mapped at `text`, its stubs at `stubs`; no stubs: this place is free. */
#define REWRITE_IMAGES 16
struct image_file;
struct rewrite_image {
	u64 stubs, text;
	const struct image_file *file;
	u32 live;		/* the patched pages are in place */
};
/* The image's file system is mapped at base, with a page behind it. */
void rewrite_image_mounted(u64 base, u64 image_size);
/* With mm->lock held: something has been mapped at addr. */
void rewrite_mapped(struct mm *mm, u64 addr);

/* The trap at the context's rip is about to be served: count it, and patch its site when it is worth the work. */
void rewrite_trapped(struct thread *t, const struct bz_context *ctx);

u64 rewrite_shown(const struct mm *mm, u64 rip);
u64 rewrite_real(const struct mm *mm, u64 rip);
/* The real address lies in a stub before the call of the library OS: instructions that are none of the guest's. */
bool rewrite_is_entering(const struct mm *mm, u64 rip);
/* The shown address lies among the instructions that a patch displaced. */
bool rewrite_displaced(const struct mm *mm, u64 rip);
/* Do the displaced instruction at the context's rip; false: it has to be executed where it is now. */
bool rewrite_interpret(const struct mm *mm, struct bz_context *ctx);

/* With mm->lock held: [start, end) goes away or is mapped anew. */
void rewrite_forget(struct mm *mm, u64 start, u64 end);
/* With mm->lock held: the guest is going to write to [start, end): put the original bytes back. */
void rewrite_restore(struct mm *mm, u64 start, u64 end);
/* All calls from this memory map are to trap from now on. */
void rewrite_stop(struct mm *mm);
/* For a fork's copy of a memory map.  -ENOMEM. */
int rewrite_copy(struct mm *to, const struct mm *from);
void rewrite_free(struct mm *mm);

#endif
