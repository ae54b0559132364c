/*
 * The proof that a `syscall` instruction can be replaced by a jump, and what the jump's stub has to contain.
 *
 * A patch begins at the `syscall` and takes the instructions behind it until five bytes are covered.  It is right if
 * nothing but what comes from the front ever arrives at those others.  So: the function that the site lies in is known
 * (.eh_frame, Go's table, or the whole text decoded), decodes from its first byte to its last, has no jump through a register
 * and no landing pads, and none of its jumps leads there; nor does, of the whole text, any five or six bytes that could be a
 * jump or call from elsewhere.
 *
 * Where that cannot be shown, but a `mov $number, %eax` stands directly before the `syscall`, the jump may replace that one
 * instruction: nothing arrives between its bytes.  The `syscall` stays, and traps for who goes there by another way.  (Some code
 * lets its entry in .eh_frame end with that mov, for what comes out of a clone has no caller.)
 *
 * Where that does not help either, because there is no room behind, the jump may begin at the instruction before the `syscall` and
 * replace both, if the same is shown for the `syscall` as for what is behind it.
 */
#ifndef LIBOS_REWRITE_PROVE_H
#define LIBOS_REWRITE_PROVE_H

#include "libos/kernel/types.h"

#define PATCH_JUMP 5		/* bytes of the jump that replaces */
#define PATCH_MAX 19		/* at most so many are replaced: 2 + 2 + an instruction of 15 */
#define PATCH_MOVED 4		/* at most so many instructions behind the `syscall` are moved */
#define STUB_SIZE 64
#define SYSCALL_SLOT 0x0000200800400000ul	/* the library OS's first data (libos.lds): what stubs call */
#define STUB_BACK 28		/* bytes of a stub that call the library OS */

enum verdict {
	PATCH_FITS,
	PATCH_UNREADABLE,	/* the text or its tables cannot be read */
	PATCH_NO_FUNCTION,	/* nothing says where the function begins and ends */
	PATCH_NO_INSTRUCTION,	/* the two bytes are part of another instruction */
	PATCH_LANDING_PADS,
	PATCH_UNDECODED,
	PATCH_INDIRECT_JUMP,
	PATCH_JUMPED_INTO,
	PATCH_UNMOVABLE,	/* what would be moved is a call or the like */
	PATCH_NO_ROOM,		/* the function ends too early, or a distance is too great */
	PATCH_RESTORER,		/* unwinders without tables know a signal's frame by these bytes */
	PATCH_VERDICTS
};
extern const char *const verdict_names[PATCH_VERDICTS];

/* Text in memory: reads n bytes or none. */
struct code_source {
	bool (*read)(const struct code_source *s, u64 addr, void *buf, size_t n);
};

struct function {
	u64 start, end;
	bool landing_pads, unwinds;	/* unwinds: .eh_frame knows it */
	bool whole;		/* by linear_scan */
};
/* What a file has to tell about its functions, in memory; 0: it has not. */
struct tables {
	u64 header;		/* .eh_frame_hdr, a sorted table; static programs come without it: */
	u64 frames, frames_end;	/* .eh_frame itself */
	u64 go, go_end;		/* .gopclntab */
	u64 text, text_end;	/* .text */
	u64 entry;		/* the program's */
	u64 bias;		/* to add to addresses in the file */
};
/* By .eh_frame: PATCH_NO_FUNCTION if it does not say. */
enum verdict function_find(const struct code_source *s, const struct tables *t, u64 addr, struct function *f);
bool go_function_find(const struct code_source *s, const struct tables *t, u64 addr, struct function *f);

/*
 * Where jumps from anywhere in a text may lead: for each two bytes that could be a `syscall`, which of the 31 bytes behind
 * it could be the target of a call or jump with a 32-bit distance.  Made once for a text, at one pass.
 */
struct targets {
	u64 start, end;
	u32 count;
	u32 *site;		/* offsets, ascending */
	u32 *mask;		/* bit d: something may jump to site + d */
	u32 *from, *to;		/* the function by linear_scan, offsets; null if that was not asked for or failed */
	u32 *reached;		/* ... and as mask, by the text's instructions */
};
/* `alloc` as kzalloc.  PATCH_UNREADABLE also when memory is short; targets_free afterwards in any case. */
enum verdict targets_scan(const struct code_source *s, u64 start, u64 end, void *(*alloc)(size_t), struct targets *t);
void targets_free(struct targets *t);
bool tables_lack_functions(const struct code_source *s, const struct tables *tables, const struct targets *t);
/* Decode the whole text, for files whose tables do not know all functions (linear.c). */
#define LINEAR_MAX (8u << 20)
bool linear_scan(const struct code_source *s, const struct tables *tables, void *(*alloc)(size_t), struct targets *t);

struct patch_plan {
	u64 site;
	u8 before;		/* bytes before the site, an instruction, at which the jump stands and with which the stub begins */
	u8 length;		/* bytes replaced; not more than `before`: the site itself stays */
	u8 count;		/* instructions behind the site that are moved */
	u8 from[PATCH_MOVED];	/* their offsets from the site ... */
	u8 to[PATCH_MOVED];	/* ... and in the stub */
	u8 original[PATCH_MAX];
	u8 jump[PATCH_MAX];	/* what replaces them */
	u8 stub_length;
	bool falls_through;	/* the last moved instruction goes on behind the patch */
	u8 stub[STUB_SIZE];
};

static inline u64 patch_start(const struct patch_plan *p)
{
	return p->site - p->before;
}
/* How far behind the site the guest goes on. */
static inline u32 patch_behind(u32 before, u32 length)
{
	return length > before ? length - before : 2;
}
/* The `syscall` itself is among what was replaced, though the jump begins before it. */
static inline bool patch_is_around(u32 before, u32 length)
{
	return before && length > before;
}
/* Prove the site and fill plan->before, length, count, from, original. */
enum verdict patch_prove(const struct code_source *s, const struct tables *tables, const struct targets *t, u64 site,
			 struct patch_plan *plan);
/* Lay out the stub for a place of its own and the jump to it. */
enum verdict patch_lay_out(struct patch_plan *plan, u64 stub);

#endif
