/*
 * Moves the kernel's vDSO and its data pages into the host's range, so that the guest has all of its own.
 *
 * AT_SYSINFO_EHDR tells where the vDSO is; its data mappings ([vvar], since Linux 6.13 also [vvar_vclock]) lie right
 * below it, and their sizes differ between kernels.  They are found without /proc by what mremap says: a
 * special mapping moves whole or not at all, so a range that begins inside one gives EINVAL, one that begins at an
 * unmapped page EFAULT, and one that is exactly it is moved.  Distances are kept: the code addresses its data
 * relative to itself.
 */
#include "host/linux/host.h"

#include <linux/elf.h>
#include <linux/mman.h>

#define VVAR_PAGES_MAX 64

static long move(uint64_t from, uint64_t len, uint64_t distance)
{
	return SYS(mremap, from, len, len, MREMAP_MAYMOVE | MREMAP_FIXED, from + distance);
}

static uint64_t vdso_size(const Elf64_Ehdr *ehdr)
{
	const Elf64_Phdr *ph = (const void *)((const char *)ehdr + ehdr->e_phoff);
	uint64_t end = ehdr->e_shoff + (uint64_t)ehdr->e_shnum * ehdr->e_shentsize;

	for (int i = 0; i < ehdr->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && ph[i].p_offset + ph[i].p_filesz > end)
			end = ph[i].p_offset + ph[i].p_filesz;
	return PAGE_UP(end);
}

void vdso_move(void)
{
	uint64_t vdso = host.auxv_vdso, bottom = vdso, distance, size, pages;
	long ret;

	if (!vdso)
		host_die("this kernel gives no vDSO (booted with vdso=0?)");
	size = vdso_size((const void *)vdso);
	distance = HOST_VDSO_BASE - vdso;

	for (;;) {
		/* One page moves only if it is an ordinary mapping that happens to lie there: not ours. */
		ret = move(bottom - BZ_PAGE_SIZE, BZ_PAGE_SIZE, distance);
		if (ret >= 0)
			SYS(munmap, bottom - BZ_PAGE_SIZE + distance, BZ_PAGE_SIZE);
		if (ret >= 0 || ret == -BZ_EFAULT)
			break;
		for (pages = 2; pages <= VVAR_PAGES_MAX; pages++) {
			ret = move(bottom - pages * BZ_PAGE_SIZE, pages * BZ_PAGE_SIZE, distance);
			if (ret >= 0)
				break;
		}
		if (ret < 0)
			host_die("the vDSO's data pages cannot be moved");
		bottom -= pages * BZ_PAGE_SIZE;
	}
	if (move(vdso, size, distance) < 0)
		host_die("the vDSO cannot be moved");
	host.vdso = HOST_VDSO_BASE;
	host.vdso_end = HOST_VDSO_BASE + size;
}
