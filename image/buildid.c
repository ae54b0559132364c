/*
 * See buildid.h.  Reads the header, at most HEADERS program headers, and notes of at most NOTES bytes.
 */
#include <elf.h>
#include <string.h>
#include <unistd.h>

#include "image/buildid.h"

#define HEADERS 16
#define NOTES 256

struct note {
	uint32_t name_size, size, type;
	char name[12];
	uint64_t id;
} __attribute__((packed));

static int read_at(int fd, uint64_t base, uint64_t size, void *out, uint64_t at, uint64_t len)
{
	if (at > size || len > size - at)
		return -1;
	return pread(fd, out, len, (off_t)(base + at)) == (ssize_t)len ? 0 : -1;
}

uint64_t buildid_read(int fd, uint64_t offset, uint64_t size)
{
	Elf64_Phdr headers[HEADERS];
	Elf64_Ehdr elf;
	struct note n;

	if (read_at(fd, offset, size, &elf, 0, sizeof(elf)) || memcmp(elf.e_ident, ELFMAG, SELFMAG) ||
	    elf.e_phentsize != sizeof(headers[0]) || elf.e_phnum > HEADERS ||
	    read_at(fd, offset, size, headers, elf.e_phoff, elf.e_phnum * sizeof(headers[0])))
		return 0;
	for (unsigned int i = 0; i < elf.e_phnum; i++) {
		const Elf64_Phdr *h = &headers[i];

		if (h->p_type == PT_NOTE && h->p_filesz >= sizeof(n) && h->p_filesz <= NOTES &&
		    read_at(fd, offset, size, &n, h->p_offset, sizeof(n)) == 0 && n.name_size == 9 &&
		    n.size == sizeof(n.id) && n.type == 1 && !memcmp(n.name, "Bartizan", 9))
			return n.id;
	}
	return 0;
}
