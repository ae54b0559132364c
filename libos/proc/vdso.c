/* The vDSO's pages: one copy in the arena, with the host's functions filled in, mapped into each guest process. */
#include "libos/kernel/dispatch.h"
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"

#define VDSO_MAGIC 0x6f736476a5a55a5aull

/* As vdso/vdso.c declares it. */
struct vdso_data {
	u64 magic;
	u64 clock_gettime, gettimeofday, time, slot;
	u32 cpus;
};

extern const char vdso_image[], vdso_image_end[];
static char *vdso_pages;
static u64 vdso_len;

static void vdso_init(void)
{
	size_t size = vdso_image_end - vdso_image;
	unsigned int order = 0;

	vdso_len = PAGE_ALIGN(size);
	while (PAGE_SIZE << order < vdso_len)
		order++;
	vdso_pages = pages_alloc_zero(order);
	if (!vdso_pages)
		panic("no memory for the vDSO");
	memcpy(vdso_pages, vdso_image, size);
	for (size_t at = 0; at + sizeof(struct vdso_data) <= size; at += 8) {
		struct vdso_data *d = (struct vdso_data *)(vdso_pages + at);

		if (d->magic != VDSO_MAGIC)
			continue;
		d->clock_gettime = host->guest_clock_gettime;
		d->gettimeofday = host->guest_gettimeofday;
		d->time = host->guest_time;
		d->slot = host->syscall_entry && !(boot->flags & BZ_START_TRAP_ONLY) ? syscall_slot_address() : 0;
		d->cpus = boot->cpus;
		return;
	}
	panic("the vDSO's data is not where it should be");
}
INITCALL(INIT_LATE, vdso_init);

u64 vdso_map(u64 hint)
{
	long addr = mm_map_arena(hint, vdso_pages, vdso_len, PROT_READ | PROT_EXEC, "[vdso]");

	/* A program runs without it: its libc then makes system calls. */
	return addr < 0 ? 0 : addr;
}
