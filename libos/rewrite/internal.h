/* What the rewriter's own files share.  Everything is called with mm->lock held. */
#ifndef LIBOS_REWRITE_INTERNAL_H
#define LIBOS_REWRITE_INTERNAL_H

#include "libos/mm/internal.h"
#include "libos/rewrite/prove.h"

/* What a stub's addresses stand for. */
struct stub_map {
	u64 site;
	u8 before, length, moved;
	u8 from[PATCH_MOVED], to[PATCH_MOVED];
};

struct patch {
	struct stub_map map;	/* site 0: the stub is not used */
	u64 stub;
	u32 live;		/* the jump is in place */
	u8 original[PATCH_MAX];
};

/* Stubs near the text that they belong to: a jump reaches 2 GiB.  They are never reused, so that a thread that was in one
 * when its patch was taken back still goes on rightly. */
#define AREA_STUBS 1024
#define AREAS 16
struct stub_area {
	u64 start;
	u32 used;
	struct patch patch[AREA_STUBS];
};

#define PATCH_HASH_BITS 11
#define PATCH_HASH (1u << PATCH_HASH_BITS)
#define PATCHES_MAX (PATCH_HASH * 3 / 4)
struct rewrite {
	u32 count;
	u32 hash[PATCH_HASH];	/* of sites: 1 + index of the patch, area by area; read without a lock */
	struct stub_area *area[AREAS];
};
struct patch *patch_find(const struct rewrite *r, u64 site);
struct patch *patch_around(const struct rewrite *r, u64 rip);	/* the one that displaced what was at rip */
/* The n bytes at addr were read to buf: as if nothing were patched.  r may be null. */
void patches_hide(const struct rewrite *r, u64 addr, u8 *buf, size_t n);

bool stub_is_entering(u32 before, u32 offset);	/* the guest's next instruction is still to come */
u64 stub_shown(const struct stub_map *m, u32 offset);
u64 stub_real(const struct stub_map *m, u64 stub, u64 rip);

/* image.c: as the functions of rewrite.h, for text that an image holds patched. */
bool image_entering(const struct mm *mm, u64 rip, bool *entering);	/* false: it lies in no such stub */
u64 image_shown(const struct mm *mm, u64 rip);
u64 image_real(const struct mm *mm, u64 rip);
bool image_is_site(const struct mm *mm, u64 rip);
/* The patch of which the address is among the displaced instructions, and these. */
bool image_displaced(const struct mm *mm, u64 rip, struct stub_map *map, u8 original[PATCH_MAX]);
void image_hide(const struct mm *mm, u64 addr, u8 *buf, size_t n);
bool image_is_live(const struct mm *mm, u64 start, u64 end);
void image_restore(struct mm *mm, u64 start, u64 end);
void image_forget(struct mm *mm, u64 start, u64 end);

/* area.c: a stub that the site can reach; NULL: no room. */
struct patch *area_take_stub(struct mm *mm, u64 site, u32 *index);

/* text.c: the proof, with what is known of the file that the text is from. */
enum verdict text_prove(struct mm *mm, struct vma *v, u64 site, struct patch_plan *plan);
bool text_is_known(struct mm *mm, u64 site);

#endif
