/*
 * The vDSO's pages: a copy in the arena, with the host's functions filled in, mapped into each guest process; and a second one for
 * the processes that have it where it was made for: there the symbols of functions which need nothing of ours lead to the
 * host's at once, by their distance.  That place is drawn once for a sandbox, above where most stacks are.
 */
#include "libos/kernel/dispatch.h"
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include <elf.h>

#define VDSO_MAGIC 0x6f736476a5a55a5aull
#define NEAR_PAGES (1u << 16)

/* As vdso/vdso.c declares it. */
struct vdso_data {
	u64 magic;
	u64 clock_gettime, gettimeofday, time, slot;
	u32 cpus;
};

extern const char vdso_image[], vdso_image_end[];
static char *vdso_pages, *direct_pages;
static u64 vdso_len, direct_base;

static void fill_data(char *pages, size_t size)
{
	for (size_t at = 0; at + sizeof(struct vdso_data) <= size; at += 8) {
		struct vdso_data *d = (struct vdso_data *)(pages + at);

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

/* Our own image, linked by vdso.lds: nothing in it needs to be doubted. */
static void lead_symbol(char *pages, const char *name, u64 address)
{
	const Elf64_Ehdr *e = (const void *)pages;
	const Elf64_Phdr *ph = (const void *)(pages + e->e_phoff);
	Elf64_Sym *symbols = NULL;
	const char *strings = NULL;
	u32 count = 0;

	while (ph->p_type != PT_DYNAMIC)
		ph++;
	for (const Elf64_Dyn *d = (const void *)(pages + ph->p_offset); d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_SYMTAB)
			symbols = (void *)(pages + d->d_un.d_ptr);
		else if (d->d_tag == DT_STRTAB)
			strings = pages + d->d_un.d_ptr;
		else if (d->d_tag == DT_HASH)
			count = ((const u32 *)(pages + d->d_un.d_ptr))[1];
	}
	for (u32 i = 0; i < count; i++)
		if (!strcmp(strings + symbols[i].st_name, name))
			symbols[i].st_value = address;
}

static char *copy_image(size_t size)
{
	unsigned int order = 0;
	char *pages;

	while (PAGE_SIZE << order < vdso_len)
		order++;
	pages = pages_alloc_zero(order);
	if (!pages)
		panic("no memory for the vDSO");
	memcpy(pages, vdso_image, size);
	fill_data(pages, size);
	return pages;
}

static void vdso_init(void)
{
	size_t size = vdso_image_end - vdso_image;
	u32 random;

	vdso_len = PAGE_ALIGN(size);
	vdso_pages = copy_image(size);
	direct_pages = copy_image(size);
	host->random_bytes(&random, sizeof(random));
	direct_base = BZ_GUEST_HIGH - vdso_len - (u64)(random % NEAR_PAGES) * PAGE_SIZE;
	lead_symbol(direct_pages, "time", host->guest_time - direct_base);
	lead_symbol(direct_pages, "__vdso_time", host->guest_time - direct_base);
}
INITCALL(INIT_LATE, vdso_init);

u64 vdso_map(u64 stack_top, u64 hint)
{
	bool may_direct = direct_base >= stack_top && !(current->personality & 0x0040000 /* ADDR_NO_RANDOMIZE */);
	long addr = may_direct ? mm_map_arena(direct_base, direct_pages, vdso_len, PROT_READ | PROT_EXEC, "[vdso]") : 0;

	if (addr > 0 && (u64)addr != direct_base)
		mm_unmap(addr, vdso_len);
	if (addr <= 0 || (u64)addr != direct_base)
		addr = mm_map_arena(hint, vdso_pages, vdso_len, PROT_READ | PROT_EXEC, "[vdso]");
	/* A program runs without it: its libc then makes system calls. */
	return addr < 0 ? 0 : addr;
}
