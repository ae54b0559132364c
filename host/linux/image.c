/*
 * Maps the library OS: read-only segments from the file, so that all sandboxes share their pages; writable ones
 * copied into the arena.  The file comes from the operator's side, yet every number in it is bounds-checked: a damaged
 * one must end with a message.
 */
#include "host/linux/host.h"

#include <linux/elf.h>
#include <linux/mman.h>

#define SEGMENTS_MAX 16

static Elf64_Ehdr ehdr;
static Elf64_Phdr phdrs[SEGMENTS_MAX];

static void read_exactly(void *to, size_t len, uint64_t off)
{
	char *p = to;

	while (len) {
		struct bz_iov iov = {p, len};
		long n = SYS(preadv2, BZ_FD_LIBOS, &iov, 1, host.boot->libos_offset + off, 0, 0);

		if (n == -BZ_EINTR)
			continue;
		if (n <= 0)
			host_die("the library OS cannot be read whole");
		p += n;
		len -= n;
		off += n;
	}
}

static bool in_range(uint64_t start, uint64_t len, uint64_t low, uint64_t high)
{
	return start >= low && start <= high && len <= high - start;
}

static void map_readonly(const Elf64_Phdr *ph)
{
	uint64_t start = PAGE_DOWN(ph->p_vaddr), skip = ph->p_vaddr - start;
	uint64_t len = PAGE_UP(skip + ph->p_filesz);
	int prot = PROT_READ | (ph->p_flags & PF_X ? PROT_EXEC : 0);

	if (!in_range(ph->p_vaddr, ph->p_memsz, BZ_LIBOS_BASE, BZ_ARENA_BASE) || ph->p_memsz != ph->p_filesz ||
	    ph->p_offset % BZ_PAGE_SIZE != skip)
		host_die("a read-only segment of the library OS is out of place");
	if (SYS(mmap, start, len, prot, MAP_PRIVATE | MAP_FIXED_NOREPLACE, BZ_FD_LIBOS,
		host.boot->libos_offset + ph->p_offset - skip) < 0)
		host_die("a segment of the library OS cannot be mapped");
	if (prot & PROT_EXEC) {
		if (!host.libos_text || start < host.libos_text)
			host.libos_text = start;
		if (start + len > host.libos_text_end)
			host.libos_text_end = start + len;
	}
}

static void copy_writable(const Elf64_Phdr *ph)
{
	if (!in_range(ph->p_vaddr, ph->p_memsz, BZ_ARENA_BASE + BZ_ARENA_HOST,
		      BZ_ARENA_BASE + host.start->arena_size))
		host_die("a writable segment of the library OS is out of place");
	read_exactly((void *)ph->p_vaddr, ph->p_filesz, ph->p_offset);
}

void libos_map(void)
{
	uint64_t size = host.boot->libos_size;

	if (host.boot->libos_offset % BZ_PAGE_SIZE || host.boot->libos_offset > INT64_MAX - size)
		host_die("the library OS lies at an odd place");
	read_exactly(&ehdr, sizeof(ehdr), 0);
	if (memcmp(ehdr.e_ident, ELFMAG, SELFMAG) || ehdr.e_ident[EI_CLASS] != ELFCLASS64 ||
	    ehdr.e_type != ET_EXEC || ehdr.e_machine != EM_X86_64 || ehdr.e_phentsize != sizeof(Elf64_Phdr) ||
	    ehdr.e_phnum > SEGMENTS_MAX)
		host_die("the library OS is not an executable of the expected kind");
	if (!in_range(ehdr.e_phoff, ehdr.e_phnum * sizeof(Elf64_Phdr), 0, size))
		host_die("the library OS is truncated");
	read_exactly(phdrs, ehdr.e_phnum * sizeof(Elf64_Phdr), ehdr.e_phoff);
	for (int i = 0; i < ehdr.e_phnum; i++) {
		const Elf64_Phdr *ph = &phdrs[i];

		if (ph->p_type != PT_LOAD || !ph->p_memsz)
			continue;
		if (!in_range(ph->p_offset, ph->p_filesz, 0, size) || ph->p_filesz > ph->p_memsz)
			host_die("a segment of the library OS lies outside its file");
		if (ph->p_flags & PF_W)
			copy_writable(ph);
		else
			map_readonly(ph);
	}
	if (ehdr.e_entry < host.libos_text || ehdr.e_entry >= host.libos_text_end)
		host_die("the library OS has no entry point in its text");
}

uint64_t libos_entry_point(void)
{
	return ehdr.e_entry;
}
