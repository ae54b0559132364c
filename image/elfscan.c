/*
 * Reading ELF files: class, machine, interpreter, dynamic section.  HOSTILE INPUT: every offset is checked
 * before it is used.  Follows the System V ABI (gABI 4.1 chapters 4 and 5) and its x86-64 supplement.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "image/elfscan.h"

struct file {
	const uint8_t *bytes;
	size_t len;
	Elf64_Ehdr ehdr;
};

static bool in_file(const struct file *f, uint64_t off, uint64_t n)
{
	return off <= f->len && n <= f->len - off;
}

static Elf64_Phdr phdr(const struct file *f, unsigned int i)
{
	Elf64_Phdr p;

	memcpy(&p, f->bytes + f->ehdr.e_phoff + i * sizeof(p), sizeof(p));
	return p;
}

static int check_ehdr(struct file *f, struct image_error *err)
{
	const Elf64_Ehdr *e = &f->ehdr;

	if (f->len < EI_NIDENT || memcmp(f->bytes, ELFMAG, SELFMAG))
		return image_fail(err, -ENOEXEC, "is not an ELF file");
	if (f->bytes[EI_CLASS] == ELFCLASS32)
		return image_fail(err, -ENOEXEC, "is a 32-bit ELF file; Bartizan runs x86-64 programs");
	if (f->bytes[EI_CLASS] != ELFCLASS64 || f->bytes[EI_DATA] != ELFDATA2LSB || f->len < sizeof(*e))
		return image_fail(err, -ENOEXEC, "is a damaged or foreign ELF file");
	memcpy(&f->ehdr, f->bytes, sizeof(f->ehdr));
	if (e->e_machine != EM_X86_64)
		return image_fail(err, -ENOEXEC, "is an ELF file for %s; Bartizan runs x86-64 programs",
				  e->e_machine == EM_AARCH64 ? "aarch64"
				  : e->e_machine == EM_RISCV ? "RISC-V"
							     : "another processor");
	if (e->e_type != ET_EXEC && e->e_type != ET_DYN)
		return image_fail(err, -ENOEXEC, "is an ELF file, but neither a program nor a library");
	if (e->e_phentsize != sizeof(Elf64_Phdr) || e->e_phnum == 0 || e->e_phnum == PN_XNUM ||
	    !in_file(f, e->e_phoff, (uint64_t)e->e_phnum * sizeof(Elf64_Phdr)))
		return image_fail(err, -ENOEXEC, "is a truncated or damaged ELF file (program headers)");
	return 0;
}

/* File offset of a virtual address, and how many file bytes follow it in its segment; 0 bytes: nowhere. */
static uint64_t file_offset(const struct file *f, uint64_t addr, uint64_t *room)
{
	*room = 0;
	for (unsigned int i = 0; i < f->ehdr.e_phnum; i++) {
		Elf64_Phdr p = phdr(f, i);

		if (p.p_type == PT_LOAD && addr >= p.p_vaddr && addr - p.p_vaddr < p.p_filesz &&
		    in_file(f, p.p_offset, p.p_filesz)) {
			*room = p.p_filesz - (addr - p.p_vaddr);
			return p.p_offset + (addr - p.p_vaddr);
		}
	}
	return 0;
}

/* A terminated string in [off, off+room), or null. */
static const char *string_at(const struct file *f, uint64_t off, uint64_t room)
{
	if (!in_file(f, off, room) || room == 0 || !memchr(f->bytes + off, 0, room))
		return NULL;
	return (const char *)f->bytes + off;
}

static bool take_entry(const struct file *f, const Elf64_Dyn *d, uint64_t strtab, uint64_t strsz,
		       struct elf_info *info)
{
	const char *s;

	if (d->d_tag == DT_FLAGS_1)
		info->nodeflib = d->d_un.d_val & DF_1_NODEFLIB;
	if (d->d_tag != DT_NEEDED && d->d_tag != DT_RPATH && d->d_tag != DT_RUNPATH && d->d_tag != DT_SONAME)
		return true;
	if (d->d_un.d_val >= strsz)
		return false;
	s = string_at(f, strtab + d->d_un.d_val, strsz - d->d_un.d_val);
	if (!s)
		return false;
	if (d->d_tag == DT_NEEDED && info->needed_count == ELF_NEEDED_MAX)
		return false;
	if (d->d_tag == DT_NEEDED)
		info->needed[info->needed_count++] = s;
	else if (d->d_tag == DT_RPATH)
		info->rpath = s;
	else if (d->d_tag == DT_RUNPATH)
		info->runpath = s;
	else
		info->soname = s;
	return true;
}

static int scan_dynamic(const struct file *f, const Elf64_Phdr *p, struct elf_info *info,
			struct image_error *err)
{
	uint64_t strtab = 0, strsz = 0, room = 0, n = p->p_filesz / sizeof(Elf64_Dyn);
	Elf64_Dyn d;

	if (!in_file(f, p->p_offset, p->p_filesz))
		return image_fail(err, -ENOEXEC, "is a truncated ELF file (dynamic section)");
	for (uint64_t i = 0; i < n; i++) {
		memcpy(&d, f->bytes + p->p_offset + i * sizeof(d), sizeof(d));
		if (d.d_tag == DT_NULL)
			break;
		if (d.d_tag == DT_STRTAB)
			strtab = file_offset(f, d.d_un.d_ptr, &room);
		if (d.d_tag == DT_STRSZ)
			strsz = d.d_un.d_val;
	}
	if (strsz > room)
		strsz = room;
	for (uint64_t i = 0; i < n; i++) {
		memcpy(&d, f->bytes + p->p_offset + i * sizeof(d), sizeof(d));
		if (d.d_tag == DT_NULL)
			break;
		if (!take_entry(f, &d, strtab, strsz, info))
			return image_fail(err, -ENOEXEC, "is a damaged ELF file (dynamic section)");
	}
	if (info->runpath)
		info->rpath = NULL;
	return 0;
}

int elf_scan(const void *bytes, size_t len, struct elf_info *info, struct image_error *err)
{
	struct file f = {.bytes = bytes, .len = len};
	int ret = check_ehdr(&f, err);

	memset(info, 0, sizeof(*info));
	for (unsigned int i = 0; i < f.ehdr.e_phnum && !ret; i++) {
		Elf64_Phdr p = phdr(&f, i);

		if (p.p_type == PT_LOAD && !in_file(&f, p.p_offset, p.p_filesz))
			ret = image_fail(err, -ENOEXEC,
					 "is a truncated ELF file: a segment ends behind the file");
		else if (p.p_type == PT_LOAD && p.p_offset + p.p_filesz > info->load_end)
			info->load_end = p.p_offset + p.p_filesz;
		else if (p.p_type == PT_INTERP && !(info->interp = string_at(&f, p.p_offset, p.p_filesz)))
			ret = image_fail(err, -ENOEXEC, "is a damaged ELF file (interpreter)");
		else if (p.p_type == PT_DYNAMIC && !info->dynamic) {
			info->dynamic = true;
			ret = scan_dynamic(&f, &p, info, err);
		}
	}
	return ret;
}
