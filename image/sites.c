/*
 * Sites of an ELF file, by the prover that the library OS has, which reads the file as if it were loaded; see sites.h.
 * Every field of the file is hostile: what is read is checked against the file's size each time.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "image/sites.h"
#include "libos/rewrite/prove.h"

#define PAGE 4096ull
#define SEGMENTS_MAX 512
#define SECTIONS_MAX 4096
#define TEXT_MAX (1ull << 30)
#define ADDRESS_MAX (1ull << 47)

void *kmalloc(size_t n);
void kfree(void *p);

void *kmalloc(size_t n)
{
	return malloc(n);
}

void kfree(void *p)
{
	free(p);
}

static void *zeroed(size_t n)
{
	return calloc(1, n);
}

struct elf {
	struct code_source source; /* first: the prover hands it back */
	const uint8_t *bytes;
	size_t size;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[SEGMENTS_MAX];
	uint32_t segments; /* of PT_LOAD */
	struct tables tables;
};

static bool copy(const struct elf *e, void *to, uint64_t off, size_t n)
{
	if (off > e->size || n > e->size - off)
		return false;
	memcpy(to, e->bytes + off, n);
	return true;
}

static bool read_mapped(const struct code_source *s, u64 addr, void *buf, size_t n)
{
	const struct elf *e = (const struct elf *)s;

	for (uint32_t i = 0; i < e->segments; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (addr >= p->p_vaddr && addr - p->p_vaddr <= p->p_filesz && n <= p->p_filesz - (addr - p->p_vaddr))
			return copy(e, buf, p->p_offset + (addr - p->p_vaddr), n);
	}
	return false;
}

static bool read_segments(struct elf *e)
{
	Elf64_Phdr p;

	if (!copy(e, &e->eh, 0, sizeof(e->eh)) || memcmp(e->eh.e_ident, ELFMAG, SELFMAG) || e->eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    e->eh.e_machine != EM_X86_64 || e->eh.e_phentsize != sizeof(p) || e->eh.e_phnum > SEGMENTS_MAX ||
	    (e->eh.e_type != ET_EXEC && e->eh.e_type != ET_DYN))
		return false;
	for (uint32_t i = 0; i < e->eh.e_phnum; i++) {
		if (!copy(e, &p, e->eh.e_phoff + i * sizeof(p), sizeof(p)))
			return false;
		if (p.p_type == PT_GNU_EH_FRAME)
			e->tables.header = p.p_vaddr;
		if (p.p_type != PT_LOAD || !p.p_filesz)
			continue;
		if (p.p_vaddr > ADDRESS_MAX || p.p_filesz > ADDRESS_MAX || p.p_offset > e->size || p.p_filesz > e->size - p.p_offset ||
		    (p.p_offset ^ p.p_vaddr) % PAGE)
			return false;
		e->ph[e->segments++] = p;
	}
	e->tables.entry = e->eh.e_entry;
	return e->segments > 0;
}

static void read_sections(struct elf *e)
{
	struct tables *t = &e->tables;
	const struct {
		const char *name;
		u64 *start, *end;
	} uses[] = {{".eh_frame", &t->frames, &t->frames_end},
		    {".gopclntab", &t->go, &t->go_end},
		    {".data.rel.ro.gopclntab", &t->go, &t->go_end},
		    {".text", &t->text, &t->text_end}};
	Elf64_Shdr names, sh;

	if (e->eh.e_shentsize != sizeof(sh) || e->eh.e_shstrndx >= e->eh.e_shnum || e->eh.e_shnum > SECTIONS_MAX ||
	    !copy(e, &names, e->eh.e_shoff + e->eh.e_shstrndx * sizeof(sh), sizeof(names)) || names.sh_offset > e->size)
		return;
	for (uint32_t i = 0; i < e->eh.e_shnum; i++) {
		const char *name;
		size_t left;

		if (!copy(e, &sh, e->eh.e_shoff + i * sizeof(sh), sizeof(sh)) || sh.sh_name >= e->size - names.sh_offset)
			return;
		name = (const char *)e->bytes + names.sh_offset + sh.sh_name;
		left = e->size - names.sh_offset - sh.sh_name;
		for (size_t k = 0; k < sizeof(uses) / sizeof(uses[0]); k++) {
			size_t n = strlen(uses[k].name) + 1;

			if (!(sh.sh_flags & SHF_ALLOC) || left < n || memcmp(name, uses[k].name, n) || sh.sh_addr > ADDRESS_MAX ||
			    sh.sh_size > ADDRESS_MAX)
				continue;
			*uses[k].start = sh.sh_addr;
			*uses[k].end = sh.sh_addr + sh.sh_size;
		}
	}
}

/* Proves one site and lays out its stub, the next free one. */
static bool judge(const struct elf *e, const struct targets *t, uint64_t address, struct sites *out)
{
	struct site *s = &out->site[out->count];
	uint64_t stub = out->stubs + out->patched * STUB_SIZE;
	struct patch_plan plan;

	*s = (struct site){.address = address, .verdict = (int)patch_prove(&e->source, &e->tables, t, address, &plan)};
	if (s->verdict == PATCH_NO_INSTRUCTION)
		return true; /* two bytes of something else */
	out->count++;
	if (s->verdict == PATCH_FITS)
		s->verdict = (int)patch_lay_out(&plan, stub);
	if (s->verdict == PATCH_FITS && !opinion_agrees(&plan, stub))
		s->verdict = PATCH_UNDECODED;
	if (s->verdict != PATCH_FITS)
		return true;
	out->patched++;
	s->plan = malloc(sizeof(plan));
	if (s->plan)
		*s->plan = plan;
	return s->plan;
}

static bool judge_segment(struct elf *e, const Elf64_Phdr *p, struct sites *out)
{
	uint64_t lowest = e->ph[0].p_vaddr & ~(PAGE - 1);
	struct targets t;
	bool ok = targets_scan(&e->source, p->p_vaddr, p->p_vaddr + p->p_filesz, zeroed, &t) == PATCH_FITS;

	if (ok && t.count) {
		out->site = calloc(t.count, sizeof(*out->site));
		out->address = p->p_vaddr & ~(PAGE - 1);
		out->offset = p->p_offset & ~(PAGE - 1);
		out->pages = (p->p_vaddr + p->p_filesz - out->address + PAGE - 1) / PAGE;
		out->lowest = lowest;
		out->stub_pages = ((uint64_t)t.count * STUB_SIZE + PAGE - 1) / PAGE;
		out->stubs = lowest - out->stub_pages * PAGE;
		ok = out->site;
		if (ok && tables_lack_functions(&e->source, &e->tables, &t))
			linear_scan(&e->source, &e->tables, zeroed, &t);
		for (uint32_t i = 0; ok && i < t.count; i++)
			ok = judge(e, &t, p->p_vaddr + t.site[i], out);
	}
	targets_free(&t);
	return ok;
}

bool sites_find(const uint8_t *bytes, size_t size, struct sites *out)
{
	struct elf *e = calloc(1, sizeof(*e));
	bool ok = e;

	memset(out, 0, sizeof(*out));
	if (ok) {
		e->source.read = read_mapped;
		e->bytes = bytes;
		e->size = size;
		ok = read_segments(e);
	}
	if (ok)
		read_sections(e);
	/* One text a file: linkers make no more. */
	for (uint32_t i = 0; ok && i < e->segments && !out->count; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		free(out->site);
		out->site = NULL;
		if ((p->p_flags & PF_X) && !(p->p_flags & PF_W) && p->p_filesz <= TEXT_MAX)
			ok = judge_segment(e, p, out);
	}
	free(e);
	if (!ok)
		sites_free(out);
	return ok;
}

void sites_free(struct sites *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->site[i].plan);
	free(s->site);
	memset(s, 0, sizeof(*s));
}

const char *site_verdict(int verdict)
{
	return verdict >= 0 && verdict < PATCH_VERDICTS ? verdict_names[verdict] : "?";
}
