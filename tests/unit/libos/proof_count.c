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

static struct unwind tables(void)
{
	const Elf64_Shdr *sh = (const Elf64_Shdr *)(file + eh->e_shoff);
	const char *names = eh->e_shnum ? (const char *)file + sh[eh->e_shstrndx].sh_offset : NULL;
	struct unwind u = {0};

	for (int i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_GNU_EH_FRAME)
			u.header = ph[i].p_vaddr;
	for (int i = 0; names && i < eh->e_shnum; i++)
		if (!strcmp(names + sh[i].sh_name, ".eh_frame")) {
			u.frames = sh[i].sh_addr;
			u.frames_end = u.frames + sh[i].sh_size;
		}
	return u;
}

/* The moved instructions end with a jump back, or with what ended the flow natively. */
static void check_stub(const struct patch_plan *p, u64 stub)
{
	struct insn i = {0};
	u32 at = STUB_BACK;

	for (; at < p->stub_length; at += i.length)
		if (!insn_decode(&i, p->stub + at, p->stub_length - at))
			abort();
	if (at != p->stub_length || (i.kind != INSN_JUMP && i.kind != INSN_RETURN))
		abort();
	if (p->falls_through && stub + at + (i64)i.target != p->site + p->length)
		abort();
}

static void prove_text(const struct code_source *s, const struct unwind *u, u64 start, u64 end)
{
	struct targets t;
	struct patch_plan plan;

	if (targets_scan(s, start, end, zeroed, &t) != PATCH_FITS)
		abort();
	for (u32 i = 0; i < t.count; i++) {
		u64 site = start + t.site[i], stub = (start - 0x100000) & ~63ul;
		enum verdict v = patch_prove(s, u, &t, site, &plan);

		if (v == PATCH_FITS)
			v = patch_lay_out(&plan, stub, 0x200000001000);
		if (v == PATCH_FITS)
			check_stub(&plan, stub);
		total[v]++;
	}
	free(t.site);
	free(t.mask);
}

static void prove_file(const char *name)
{
	static const struct code_source source = {.read = read_mapped};
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct unwind u;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	eh = (const Elf64_Ehdr *)file;
	if (file == MAP_FAILED || memcmp(file, ELFMAG, SELFMAG) || eh->e_machine != EM_X86_64)
		return;
	ph = (const Elf64_Phdr *)(file + eh->e_phoff);
	u = tables();
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
		sites += total[v];
		if (total[v])
			printf("%6lu  %s\n", total[v], verdict_names[v]);
	}
	printf("%6lu  sites\n", sites);
	return argc < 3 || !sites || total[PATCH_FITS] * 100 < sites * strtoul(argv[1], NULL, 10);
}
