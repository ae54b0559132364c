/*
 * The rewriter's proof over whole files: how many of a text's `syscall` sites it finds right to patch, and why not the others.
 * Nothing is executed; the laid-out stub must decode and come back behind the patch.
 *
 *   proof-count PERCENT FILE...		fails if fewer than PERCENT of all sites can be patched
 */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libos/rewrite/decode.h"
#include "libos/rewrite/prove.h"

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

static const unsigned char *file;
static const Elf64_Ehdr *eh;
static const Elf64_Phdr *ph;
static unsigned long total[PATCH_VERDICTS];

/* Reads as a process would that has the file mapped. */
static bool read_mapped(const struct code_source *s, u64 addr, void *buf, size_t n)
{
	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && addr >= ph[i].p_vaddr && addr + n <= ph[i].p_vaddr + ph[i].p_filesz) {
			memcpy(buf, file + ph[i].p_offset + (addr - ph[i].p_vaddr), n);
			return true;
		}
	return false;
}

static struct tables find_tables(void)
{
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(file + eh->e_shoff);
	const char *names = eh->e_shnum ? (const char *)file + sh[eh->e_shstrndx].sh_offset : NULL;
	struct tables t = {.entry = eh->e_entry};

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_GNU_EH_FRAME)
			t.header = ph[i].p_vaddr;
	for (int i = 0; names && i < eh->e_shnum; i++) {
		const char *name = names + sh[i].sh_name;

		if (!strcmp(name, ".eh_frame")) {
			t.frames = sh[i].sh_addr;
			t.frames_end = t.frames + sh[i].sh_size;
		} else if (!strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab")) {
			t.go = sh[i].sh_addr;
			t.go_end = t.go + sh[i].sh_size;
		} else if (!strcmp(name, ".text")) {
			t.text = sh[i].sh_addr;
			t.text_end = t.text + sh[i].sh_size;
		}
	}
	return t;
}

/* The moved instructions end with a jump back, or with what ended the flow natively. */
static void check_stub(const struct patch_plan *p, u64 stub)
{
	struct insn i = {0};
	u32 at = p->before + STUB_BACK;

	for (; at < p->stub_length; at += i.length)
		if (!insn_decode(&i, p->stub + at, p->stub_length - at))
			abort();
	if (at != p->stub_length || (i.kind != INSN_JUMP && i.kind != INSN_RETURN))
		abort();
	if (p->falls_through && stub + at + (i64)i.target != p->site + patch_behind(p->before, p->length))
		abort();
}

static void prove_text(const struct code_source *s, const struct tables *u, u64 start, u64 end)
{
	struct targets t;
	struct patch_plan plan;

	if (targets_scan(s, start, end, zeroed, &t) != PATCH_FITS)
		abort();
	if (tables_lack_functions(s, u, &t))
		linear_scan(s, u, zeroed, &t);
	for (u32 i = 0; i < t.count; i++) {
		u64 site = start + t.site[i], stub = (start - 0x100000) & ~63ul;
		enum verdict v = patch_prove(s, u, &t, site, &plan);

		if (v == PATCH_FITS)
			v = patch_lay_out(&plan, stub);
		if (v == PATCH_FITS)
			check_stub(&plan, stub);
		if (getenv("SITES"))
			printf("%#lx %s%s\n", (unsigned long)site, verdict_names[v], v == PATCH_FITS && plan.before ? " before" : "");
		total[v]++;
	}
	targets_free(&t);
}

static void prove_file(const char *name)
{
	static const struct code_source source = {.read = read_mapped};
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct tables u;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	eh = (const Elf64_Ehdr *)file;
	if (file == MAP_FAILED || memcmp(file, ELFMAG, SELFMAG) || eh->e_machine != EM_X86_64)
		return;
	ph = (const Elf64_Phdr *)(file + eh->e_phoff);
	u = find_tables();
	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_LOAD && (ph[i].p_flags & PF_X))
			prove_text(&source, &u, ph[i].p_vaddr, ph[i].p_vaddr + ph[i].p_filesz);
	munmap((void *)file, st.st_size);
}

int main(int argc, char **argv)
{
	unsigned long sites = 0;

	for (int i = 2; i < argc; i++)
		prove_file(argv[i]);
	for (int v = 0; v < PATCH_VERDICTS; v++) {
		sites += v == PATCH_NO_INSTRUCTION ? 0 : total[v];
		if (total[v])
			printf("%6lu  %s\n", total[v], verdict_names[v]);
	}
	printf("%6lu  sites\n", sites);
	return argc < 3 || !sites || total[PATCH_FITS] * 100 < sites * strtoul(argv[1], NULL, 10);
}
