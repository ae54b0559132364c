/*
 * See image.h.  The rules for segments are those of Solo5's own loader, and two more: no address twice in one page, and
 * never writable and executable.
 */
#include "guests/solo5/image.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEADERS_MAX 64u
#define NOTES_MAX (16u << 10) /* bytes of one PT_NOTE: a full manifest is 6.7 KB */
#define PAGE 4096ull

struct headers {
	Elf64_Ehdr elf;
	Elf64_Phdr segment[HEADERS_MAX];
};

struct error {
	char *text;
	size_t size;
};

static int refuse(const struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(const struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(err->text, err->size, format, args);
	va_end(args);
	return -EINVAL;
}

static int read_at(const struct solo5_source *s, void *out, uint64_t at, uint64_t len)
{
	return at > s->size || len > s->size - at ? -EINVAL : s->read(s->arg, out, at, len);
}

static int read_headers(const struct solo5_source *s, struct headers *h)
{
	const Elf64_Ehdr *e = &h->elf;

	if (read_at(s, &h->elf, 0, sizeof(h->elf)) || memcmp(e->e_ident, ELFMAG, SELFMAG) ||
	    e->e_ident[EI_CLASS] != ELFCLASS64 || e->e_ident[EI_DATA] != ELFDATA2LSB || e->e_machine != EM_X86_64 ||
	    e->e_type != ET_EXEC || e->e_ehsize != sizeof(*e) || e->e_phentsize != sizeof(h->segment[0]) ||
	    e->e_phnum == 0 || e->e_phnum > HEADERS_MAX)
		return -EINVAL;
	return read_at(s, h->segment, e->e_phoff, e->e_phnum * sizeof(h->segment[0]));
}

/* --- Notes --------------------------------------------------------------------------------------------- */

struct notes {
	bool abi, manifest, malformed;
	struct solo5_abi_note target;
	struct solo5_manifest *to;
};

/* The content begins at the next multiple of 8 behind a header of 20 bytes: 4 bytes of padding, then the manifest. */
static void take_manifest(struct notes *n, const uint8_t *content, uint32_t len)
{
	const uint32_t head = sizeof(uint32_t) + offsetof(struct solo5_manifest, entries);
	struct solo5_manifest *m = n->to;

	n->malformed |= n->manifest || len < head;
	if (n->malformed)
		return;
	memcpy(m, content + sizeof(uint32_t), offsetof(struct solo5_manifest, entries));
	n->malformed = m->version != SOLO5_MANIFEST_VERSION || m->count == 0 || m->count > SOLO5_ENTRIES_MAX ||
		       len != head + m->count * sizeof(m->entries[0]);
	if (n->malformed)
		return;
	memcpy(m->entries, content + head, m->count * sizeof(m->entries[0]));
	n->manifest = true;
}

static void take_abi(struct notes *n, const uint8_t *content, uint32_t len)
{
	n->malformed |= n->abi || len != sizeof(n->target);
	if (n->malformed)
		return;
	memcpy(&n->target, content, sizeof(n->target));
	n->malformed = n->target.reserved[0] || n->target.reserved[1];
	n->abi = true;
}

static void take_notes(struct notes *n, const uint8_t *bytes, uint32_t size)
{
	Elf64_Nhdr head;
	uint64_t at = 0, name, next;

	while (!n->malformed && size - at >= sizeof(head)) {
		memcpy(&head, bytes + at, sizeof(head));
		name = at + sizeof(head);
		at = name + ((head.n_namesz + 3ull) & ~3ull);
		next = at + ((head.n_descsz + 3ull) & ~3ull);
		if (at > size || head.n_descsz > size - at) {
			n->malformed = true;
			return;
		}
		if (head.n_namesz == sizeof(SOLO5_NOTE_NAME) &&
		    !memcmp(bytes + name, SOLO5_NOTE_NAME, sizeof(SOLO5_NOTE_NAME))) {
			if (head.n_type == SOLO5_NOTE_ABI)
				take_abi(n, bytes + at, head.n_descsz);
			else if (head.n_type == SOLO5_NOTE_MANIFEST)
				take_manifest(n, bytes + at, head.n_descsz);
		}
		if (next > size)
			return;
		at = next;
	}
}

static void read_notes(const struct solo5_source *s, const struct headers *h, struct notes *n)
{
	uint8_t bytes[NOTES_MAX];

	for (uint32_t i = 0; i < h->elf.e_phnum && !n->malformed; i++) {
		const Elf64_Phdr *p = &h->segment[i];

		if (p->p_type != PT_NOTE)
			continue;
		if (p->p_filesz > sizeof(bytes) || read_at(s, bytes, p->p_offset, p->p_filesz))
			n->malformed = true;
		else
			take_notes(n, bytes, p->p_filesz);
	}
}

static int check_manifest(const struct solo5_manifest *m, const struct error *err)
{
	if (m->entries[0].type != SOLO5_RESERVED_FIRST || m->entries[0].name[0])
		return refuse(err, "its manifest does not begin with the reserved entry");
	for (uint32_t i = 0; i < m->count; i++) {
		const struct solo5_entry *e = &m->entries[i];

		if (e->name[SOLO5_NAME_MAX] || (i && !e->name[0]))
			return refuse(err, "entry %u of its manifest has no proper name", i);
		if (e->attached)
			return refuse(err, "entry %u of its manifest claims to be attached", i);
		if (i && !solo5_type_name(e->type))
			return refuse(err, "entry %u of its manifest is of the unknown type %u", i, e->type);
		for (uint32_t k = 1; k < i; k++)
			if (!strcmp(m->entries[k].name, e->name))
				return refuse(err, "entries %u and %u of its manifest have one name", k, i);
	}
	return 0;
}

bool solo5_probe(const struct solo5_source *s)
{
	struct headers h;
	char interp[sizeof(SOLO5_INTERP)];

	if (read_headers(s, &h))
		return false;
	for (uint32_t i = 0; i < h.elf.e_phnum; i++) {
		const Elf64_Phdr *p = &h.segment[i];

		/* Linkers differ in whether they count bytes behind the NUL. */
		if (p->p_type == PT_INTERP && p->p_filesz >= sizeof(interp) &&
		    !read_at(s, interp, p->p_offset, sizeof(interp)) && !memcmp(interp, SOLO5_INTERP, sizeof(interp)))
			return true;
	}
	return false;
}

int solo5_read(const struct solo5_source *s, struct solo5_image *image, char *err_text, size_t err_size)
{
	const struct error err = {err_text, err_size};
	struct notes n = {.to = &image->manifest};
	struct headers h;

	memset(image, 0, sizeof(*image));
	if (read_headers(s, &h))
		return refuse(&err, "not an ELF executable for x86-64");
	read_notes(s, &h, &n);
	if (n.malformed)
		return refuse(&err, "its Solo5 notes are malformed");
	if (!n.abi)
		return refuse(&err, "it has no Solo5 note that names its target");
	if (!n.manifest)
		return refuse(&err, "it has no Solo5 manifest");
	image->target = n.target.target;
	image->version = n.target.version;
	image->entry = h.elf.e_entry;
	return check_manifest(&image->manifest, &err);
}

/* --- Segments ------------------------------------------------------------------------------------------ */

static uint32_t prot_of(uint32_t flags)
{
	return (flags & PF_R ? PROT_READ : 0) | (flags & PF_W ? PROT_WRITE : 0) | (flags & PF_X ? PROT_EXEC : 0);
}

static int take_segment(const struct solo5_source *s, const Elf64_Phdr *p, uint64_t memory, struct solo5_image *image,
			const struct error *err)
{
	const uint64_t align = p->p_align < PAGE ? PAGE : p->p_align;
	struct solo5_segment *g = &image->segments[image->segment_count];

	if (image->segment_count == SOLO5_SEGMENTS_MAX)
		return refuse(err, "it has more than %u segments", SOLO5_SEGMENTS_MAX);
	if (p->p_align == 0 || p->p_align & (p->p_align - 1) || align > memory)
		return refuse(err, "a segment's alignment is 0x%llx", (unsigned long long)p->p_align);
	if (p->p_vaddr > memory || p->p_memsz > memory - p->p_vaddr)
		return refuse(err, "it does not fit into %llu MB of memory (give it more with --mem)",
			      (unsigned long long)memory >> 20);
	*g = (struct solo5_segment){.address = p->p_vaddr,
				    .offset = p->p_offset,
				    .file_size = p->p_filesz,
				    .memory_size = p->p_memsz,
				    .begin = p->p_vaddr & -align,
				    .end = (p->p_vaddr + p->p_memsz + align - 1) & -align,
				    .prot = prot_of(p->p_flags)};
	if (g->begin < SOLO5_KERNEL_MIN)
		return refuse(err, "a segment lies at 0x%llx, below 0x%lx", (unsigned long long)g->address,
			      SOLO5_KERNEL_MIN);
	if (g->memory_size < g->file_size || g->offset > s->size || g->file_size > s->size - g->offset)
		return refuse(err, "a segment is longer than the file");
	if (g->end > memory)
		return refuse(err, "it does not fit into %llu MB of memory (give it more with --mem)",
			      (unsigned long long)memory >> 20);
	if (g->begin < image->kernel_end)
		return refuse(err, "its segments overlap or are not in ascending order");
	if (g->prot & PROT_WRITE && g->prot & PROT_EXEC)
		return refuse(err, "a segment is both writable and executable");
	image->kernel_end = g->end;
	image->segment_count++;
	return 0;
}

int solo5_read_segments(const struct solo5_source *s, uint64_t memory, struct solo5_image *image, char *err_text,
			size_t err_size)
{
	const struct error err = {err_text, err_size};
	struct headers h;
	int error = 0;

	image->segment_count = 0;
	image->kernel_end = 0;
	if (image->target != SOLO5_SPT)
		return refuse(&err, "a Solo5 image for the target %s; only those for spt run here",
			      solo5_target_name(image->target));
	if (image->version == 0 || image->version > SOLO5_VERSION_MAX)
		return refuse(&err, "a Solo5 image for version %u of spt; 1 and %u run here", image->version,
			      SOLO5_VERSION_MAX);
	if (read_headers(s, &h))
		return refuse(&err, "not an ELF executable for x86-64");
	for (uint32_t i = 0; i < h.elf.e_phnum && !error; i++)
		if (h.segment[i].p_type == PT_LOAD && h.segment[i].p_filesz)
			error = take_segment(s, &h.segment[i], memory, image, &err);
	if (error)
		return error;
	if (image->entry < SOLO5_KERNEL_MIN || image->entry >= memory)
		return refuse(&err, "it begins at 0x%llx, outside its memory", (unsigned long long)image->entry);
	return 0;
}

/* ------------------------------------------------------------------------------------------------------ */

const char *solo5_target_name(uint32_t target)
{
	static const char *const names[] = {[SOLO5_HVT] = "hvt",   [SOLO5_SPT] = "spt",	      [SOLO5_VIRTIO] = "virtio",
					    [SOLO5_MUEN] = "muen", [SOLO5_GENODE] = "genode", [SOLO5_XEN] = "xen"};

	return target < sizeof(names) / sizeof(names[0]) && names[target] ? names[target] : "unknown";
}

const char *solo5_type_name(uint32_t type)
{
	return type == SOLO5_BLOCK ? "block" : type == SOLO5_NET ? "net" : NULL;
}

static int read_file(void *arg, void *out, uint64_t at, uint64_t len)
{
	const struct solo5_file *file = arg;

	return pread(file->fd, out, len, (off_t)(file->offset + at)) == (ssize_t)len ? 0 : -EIO;
}

struct solo5_source solo5_source_of_file(struct solo5_file *file, uint64_t size)
{
	return (struct solo5_source){.read = read_file, .arg = file, .size = size};
}
