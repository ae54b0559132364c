/* The patches of a memory map: found, put in place, taken back, and what addresses they stand for. */

#include "libos/rewrite/rewrite.h"
#include "libos/rewrite/internal.h"
#include "libos/kernel/dispatch.h"
#include "libos/proc/hold.h"

#define HOT 32		/* traps at a site before it is worth the proof: about what the proof costs */
#define HOT_WAYS 4
#define HOT_TEXT 1024	/* ... and of the process in all, if the whole text has to be looked through first */

static struct patch *patch_at(const struct rewrite *r, u32 index)
{
	return &r->area[index / AREA_STUBS]->patch[index % AREA_STUBS];
}

static u32 hash_site(u64 site)
{
	return (site * 0x9e3779b97f4a7c15ul) >> (64 - PATCH_HASH_BITS);
}

struct patch *patch_find(const struct rewrite *r, u64 site)
{
	for (u32 i = 0, h = hash_site(site); i < PATCH_HASH; i++, h = (h + 1) % PATCH_HASH) {
		u32 index = __atomic_load_n(&r->hash[h], __ATOMIC_ACQUIRE);

		if (!index)
			return NULL;
		if (patch_at(r, index - 1)->map.site == site)
			return patch_at(r, index - 1);
	}
	return NULL;
}

static void patch_publish(struct rewrite *r, u32 index)
{
	u32 h = hash_site(patch_at(r, index)->map.site);

	while (r->hash[h])
		h = (h + 1) % PATCH_HASH;
	__atomic_store_n(&r->hash[h], index + 1, __ATOMIC_RELEASE);
	r->count++;
}

/* --- shown and real addresses ------------------------------------------------------------------------- */

/* A stub that begins with a mov of the guest's: when that has been executed, the guest is at its `syscall`. */
bool stub_is_entering(u32 before, u32 offset)
{
	return offset < before + STUB_BACK && (!before || offset != before);
}

u64 stub_shown(const struct stub_map *m, u32 offset)
{
	if (offset < m->before)
		return m->site - m->before;
	if (offset < (u32)m->before + STUB_BACK)
		return m->site;
	for (u32 n = 0; n < m->moved; n++)
		if (m->to[n] == offset)
			return m->site + m->from[n];
	return m->site + patch_behind(m->before, m->length);
}

u64 stub_real(const struct stub_map *m, u64 stub, u64 rip)
{
	if (rip == m->site && patch_is_around(m->before, m->length))
		return stub + m->before;
	for (u32 n = 0; n < m->moved; n++)
		if (m->site + m->from[n] == rip)
			return stub + m->to[n];
	return rip;
}

/* The patch whose stub the address lies in, or null. */
static const struct patch *patch_of_stub(const struct mm *mm, u64 rip)
{
	const struct rewrite *r = READ_ONCE(mm->rewrite);

	for (u32 i = 0; r && i < AREAS && r->area[i]; i++) {
		u64 offset = rip - r->area[i]->start;
		const struct patch *p = &r->area[i]->patch[(offset / STUB_SIZE) % AREA_STUBS];

		if (offset < AREA_STUBS * STUB_SIZE)
			return p->map.site ? p : NULL;
	}
	return NULL;
}

bool rewrite_is_entering(const struct mm *mm, u64 rip)
{
	const struct patch *p = patch_of_stub(mm, rip);
	bool entering = p && stub_is_entering(p->map.before, rip % STUB_SIZE);

	return p || image_entering(mm, rip, &entering) ? entering : false;
}

struct patch *patch_around(const struct rewrite *r, u64 rip)
{
	for (u32 back = 0; back < PATCH_MAX; back++) {
		struct patch *p = patch_find(r, rip - back);

		if (p)
			return back < patch_behind(p->map.before, p->map.length) ? p : NULL;
	}
	return NULL;
}

u64 rewrite_shown(const struct mm *mm, u64 rip)
{
	const struct patch *p = patch_of_stub(mm, rip);

	return p ? stub_shown(&p->map, rip % STUB_SIZE) : image_shown(mm, rip);
}

u64 rewrite_real(const struct mm *mm, u64 rip)
{
	const struct rewrite *r = READ_ONCE(mm->rewrite);
	const struct patch *p = r ? patch_around(r, rip) : NULL;

	if (p && READ_ONCE(p->live))
		return stub_real(&p->map, p->stub, rip);
	return image_real(mm, rip);
}

bool rewrite_displaced(const struct mm *mm, u64 rip)
{
	const struct rewrite *r = READ_ONCE(mm->rewrite);
	const struct patch *p = r ? patch_around(r, rip) : NULL;
	u64 real = rewrite_real(mm, rip);

	/* A `syscall` that was replaced is still to come, and can wait for a signal. */
	return real != rip && !(p && READ_ONCE(p->live) ? rip == p->map.site : image_is_site(mm, rip));
}

/* --- patching ------------------------------------------------------------------------------------------ */

/* Text is not written by the guest while it is executable, so it may be changed for it between two protections. */
static int write_text(u64 addr, const void *bytes, size_t n)
{
	u64 start = addr & PAGE_MASK, end = PAGE_ALIGN(addr + n);
	int err = host->mem_protect(start, end - start, BZ_PROT_READ | BZ_PROT_WRITE);

	if (err)
		return err;
	if (copy_fault_safe((void *)addr, bytes, n))
		err = -EFAULT;
	if (host->mem_protect(start, end - start, BZ_PROT_READ | BZ_PROT_EXEC))
		panic("text at %lx cannot be made executable again", (unsigned long)start);
	return err;
}

/* The vma that holds all that a patch may touch, if it is text that may be patched: a file's, private, not writable. */
static struct vma *text_vma(struct mm *mm, u64 site)
{
	struct vma *v = vma_find(mm, site);

	if (!v || v->start + PATCH_MAX > site || !v->file || vma_is_shared(v) || v->prot != (PROT_READ | PROT_EXEC) ||
	    site + PATCH_MAX + 15 > min(v->end, v->backed_end) || (v->flags & VMA_SPECIAL))
		return NULL;
	return v;
}

static int put_in_place(struct mm *mm, struct patch_plan *plan, struct patch *p, u32 index)
{
	int err = write_text(p->stub, plan->stub, plan->stub_length);

	if (err)
		return err;
	p->map.before = plan->before;
	p->map.length = plan->length;
	p->map.moved = plan->count;
	memcpy(p->map.from, plan->from, sizeof(p->map.from));
	memcpy(p->map.to, plan->to, sizeof(p->map.to));
	memcpy(p->original, plan->original, sizeof(p->original));
	if (!threads_hold_others())
		return -EAGAIN;
	WRITE_ONCE(p->map.site, plan->site);
	err = write_text(patch_start(plan), plan->jump, plan->length);
	if (!err) {
		/* Before anybody runs there again: who was trapped at the site goes on in the stub. */
		WRITE_ONCE(p->live, 1);
		patch_publish(mm->rewrite, index);
	} else {
		WRITE_ONCE(p->map.site, 0);
	}
	threads_release_others();
	return err;
}

static enum verdict patch_site(struct mm *mm, u64 site)
{
	struct vma *v = text_vma(mm, site);
	struct patch_plan plan;
	struct patch *p;
	enum verdict verdict;
	u32 index;

	if (!v)
		return PATCH_UNREADABLE;
	verdict = text_prove(mm, v, site, &plan);
	if (verdict != PATCH_FITS)
		return verdict;
	p = area_take_stub(mm, site, &index);
	if (!p)
		return PATCH_NO_ROOM;
	verdict = patch_lay_out(&plan, p->stub);
	if (verdict == PATCH_FITS && put_in_place(mm, &plan, p, index))
		verdict = PATCH_UNREADABLE;
	if (verdict != PATCH_FITS)
		return verdict;
	syscall_stats_patched();
	return PATCH_FITS;
}

/* A site that traps though it is patched: its page was dropped (MADV_DONTNEED) and is the file's again. */
static bool patch_again(struct mm *mm, struct patch *p)
{
	u64 start = p->map.site - p->map.before;
	u8 now[PATCH_MAX], jump[PATCH_MAX];
	i32 distance = p->stub - (start + PATCH_JUMP);

	if (!text_vma(mm, p->map.site) || copy_fault_safe(now, (void *)start, p->map.length) || memcmp(now, p->original, p->map.length))
		return false;
	jump[0] = 0xe9;
	memcpy(jump + 1, &distance, 4);
	memset(jump + PATCH_JUMP, 0x90, sizeof(jump) - PATCH_JUMP);
	if (!threads_hold_others())
		return false;
	WRITE_ONCE(p->live, !write_text(start, jump, p->map.length));
	threads_release_others();
	return p->live;
}

static u32 threshold(struct mm *mm, u64 site)
{
	if (boot->flags & BZ_START_PATCH_EAGER)
		return 1;
	return text_is_known(mm, site) || READ_ONCE(mm->traps) >= HOT_TEXT ? HOT : ~0u;
}

static void look_at(struct mm *mm, struct hot_site *hot)
{
	enum verdict verdict;
	struct patch *p;

	mutex_lock(&mm->lock);
	p = mm->rewrite ? patch_find(mm->rewrite, hot->site) : NULL;
	if (mm->trap_only || hot->count < threshold(mm, hot->site)) {
		mutex_unlock(&mm->lock);
		return;
	}
	if (p && p->map.site == hot->site)
		verdict = patch_again(mm, p) ? PATCH_FITS : PATCH_UNREADABLE;
	else
		verdict = patch_site(mm, hot->site);
	/* What cannot be read now (it is writable, memory is short) may be read another time. */
	hot->refused = verdict == PATCH_UNREADABLE ? 0 : verdict;
	hot->count = hot->refused ? HOT : 0; /* what is refused keeps its place for a while */
	mutex_unlock(&mm->lock);
}

/* A few places for each site: the coldest is given up, and the others have to stay hot to keep theirs. */
static struct hot_site *hot_slot(struct mm *mm, u64 site)
{
	struct hot_site *set = mm->hot + hash_site(site) % (HOT_SITES / HOT_WAYS) * HOT_WAYS, *coldest = set;

	for (u32 i = 0; i < HOT_WAYS; i++) {
		if (set[i].site == site)
			return set + i;
		if (set[i].count < coldest->count)
			coldest = set + i;
	}
	for (u32 i = 0; i < HOT_WAYS; i++)
		if (set[i].count)
			set[i].count--;
	*coldest = (struct hot_site){.site = site};
	return coldest;
}

void rewrite_trapped(struct thread *t, const struct bz_context *ctx)
{
	struct mm *mm = t->process->mm;
	u64 site = ctx->rip - 2;
	struct hot_site *hot;

	syscall_stats_trapped();
	if (!host->syscall_entry || (boot->flags & BZ_START_TRAP_ONLY) || !mm || mm->trap_only)
		return;
	WRITE_ONCE(mm->traps, mm->traps + 1);
	hot = hot_slot(mm, site);
	if (hot->refused || (++hot->count % HOT && !(boot->flags & BZ_START_PATCH_EAGER)))
		return;
	/* Threads of another process run in this memory (vfork): they are not ours to hold. */
	if (READ_ONCE(mm->refs) == 1)
		look_at(mm, hot);
}

/* --- taking back --------------------------------------------------------------------------------------- */

static bool touches(const struct patch *p, u64 start, u64 end)
{
	u64 at = p->map.site - p->map.before;

	return at < end && at + p->map.length > start;
}

void patches_hide(const struct rewrite *r, u64 addr, u8 *buf, size_t n)
{
	for (u32 i = 0; r && i < AREAS && r->area[i]; i++)
		for (u32 k = 0; k < r->area[i]->used; k++) {
			const struct patch *p = &r->area[i]->patch[k];
			u64 at = p->map.site - p->map.before;

			for (u32 b = 0; p->live && touches(p, addr, addr + n) && b < p->map.length; b++)
				if (at + b - addr < n)
					buf[at + b - addr] = p->original[b];
		}
}

void rewrite_forget(struct mm *mm, u64 start, u64 end)
{
	image_forget(mm, start, end);
	for (u32 i = 0; mm->rewrite && i < AREAS && mm->rewrite->area[i]; i++)
		for (u32 n = 0; n < mm->rewrite->area[i]->used; n++) {
			struct patch *p = &mm->rewrite->area[i]->patch[n];

			if (p->map.site >= start && p->map.site < end)
				WRITE_ONCE(p->live, 0);
		}
}

static bool any_live(const struct mm *mm, u64 start, u64 end)
{
	for (u32 i = 0; mm->rewrite && i < AREAS && mm->rewrite->area[i]; i++)
		for (u32 n = 0; n < mm->rewrite->area[i]->used; n++) {
			const struct patch *p = &mm->rewrite->area[i]->patch[n];

			if (p->live && touches(p, start, end))
				return true;
		}
	return false;
}

void rewrite_restore(struct mm *mm, u64 start, u64 end)
{
	if (!any_live(mm, start, end) && !image_is_live(mm, start, end))
		return;
	while (!threads_hold_others())
		;
	image_restore(mm, start, end);
	for (u32 i = 0; mm->rewrite && i < AREAS && mm->rewrite->area[i]; i++)
		for (u32 n = 0; n < mm->rewrite->area[i]->used; n++) {
			struct patch *p = &mm->rewrite->area[i]->patch[n];

			if (!p->live || !touches(p, start, end))
				continue;
			write_text(p->map.site - p->map.before, p->original, p->map.length);
			WRITE_ONCE(p->live, 0);
		}
	threads_release_others();
}

void rewrite_stop(struct mm *mm)
{
	mutex_lock(&mm->lock);
	if (!mm->trap_only)
		rewrite_restore(mm, 0, BZ_GUEST_HIGH);
	mm->trap_only = true;
	mutex_unlock(&mm->lock);
}

int rewrite_copy(struct mm *to, const struct mm *from)
{
	const struct rewrite *r = from->rewrite;

	memcpy(to->image, from->image, sizeof(to->image));
	to->trap_only = from->trap_only;
	if (!r)
		return 0;
	to->rewrite = kmalloc(sizeof(*r));
	if (!to->rewrite)
		return -ENOMEM;
	*to->rewrite = *r;
	memset(to->rewrite->area, 0, sizeof(to->rewrite->area));
	for (u32 i = 0; i < AREAS && r->area[i]; i++) {
		to->rewrite->area[i] = kmalloc(sizeof(struct stub_area));
		if (!to->rewrite->area[i])
			return -ENOMEM; /* the map is dropped, and this with it */
		*to->rewrite->area[i] = *r->area[i];
	}
	return 0;
}

void rewrite_free(struct mm *mm)
{
	for (u32 i = 0; mm->rewrite && i < AREAS; i++)
		kfree(mm->rewrite->area[i]);
	kfree(mm->rewrite);
	mm->rewrite = NULL;
	mm->trap_only = false;
	memset(mm->image, 0, sizeof(mm->image));
	memset(mm->hot, 0, sizeof(mm->hot));
	mm->traps = 0;
}
