/*
 * See buildid.h.  Reads the header, at most HEADERS program headers, and notes of at most NOTES bytes.
 */
#include <elf.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "image/buildid.h"

#define HEADERS 16
#define NOTES 256
#define NT_BARTIZAN 1

static int read_at(int fd, uint64_t base, uint64_t size, void *out, uint64_t at, uint64_t len)
{
	if (at > size || len > size - at)
		return -1;
	return pread(fd, out, len, (off_t)(base + at)) == (ssize_t)len ? 0 : -1;
}

static bool is_note(const Elf64_Nhdr *n, const char *name, uint32_t type, uint32_t size)
{
	return n->n_namesz == strlen(name) + 1 && n->n_type == type && n->n_descsz == size && !strcmp((const char *)(n + 1), name);
}

static void take_notes(const char *notes, uint64_t len, struct buildid *id)
{
	uint64_t at = 0;

	while (len - at >= sizeof(Elf64_Nhdr)) {
		const Elf64_Nhdr *n = (const Elf64_Nhdr *)(notes + at);
		uint64_t name = ((uint64_t)n->n_namesz + 3) & ~3ull, whole = sizeof(*n) + name + ((n->n_descsz + 3ull) & ~3ull);
		const char *value = (const char *)(n + 1) + name;

		if (whole > len - at || (n->n_namesz && ((const char *)(n + 1))[n->n_namesz - 1]))
			return;
		if (is_note(n, "Bartizan", NT_BARTIZAN, sizeof(id->headers)))
			memcpy(&id->headers, value, sizeof(id->headers));
		if (is_note(n, "GNU", NT_GNU_BUILD_ID, sizeof(id->content)))
			memcpy(id->content, value, sizeof(id->content));
		at += whole;
	}
}

void buildid_read(int fd, uint64_t offset, uint64_t size, struct buildid *id)
{
	Elf64_Phdr headers[HEADERS];
	_Alignas(Elf64_Nhdr) char notes[NOTES];
	Elf64_Ehdr elf;

	memset(id, 0, sizeof(*id));
	if (read_at(fd, offset, size, &elf, 0, sizeof(elf)) || memcmp(elf.e_ident, ELFMAG, SELFMAG) ||
	    elf.e_phentsize != sizeof(headers[0]) || elf.e_phnum > HEADERS ||
	    read_at(fd, offset, size, headers, elf.e_phoff, elf.e_phnum * sizeof(headers[0])))
		return;
	for (unsigned int i = 0; i < elf.e_phnum; i++) {
		const Elf64_Phdr *h = &headers[i];

		if (h->p_type == PT_NOTE && h->p_filesz <= NOTES &&
		    read_at(fd, offset, size, notes, h->p_offset, h->p_filesz) == 0)
			take_notes(notes, h->p_filesz, id);
	}
}
