/*
 * Loading ELF programs: static, static-pie and dynamic with an interpreter; ELF-64 Object File Format and the x86-64
 * psABI.  Every field of the file is hostile: all are checked before the old program's memory goes, but for what only
 * mapping can tell.
 */
#include "libos/mm/internal.h"
#include "libos/proc/internal.h"
#include <linux/elf.h>

#define ELF_ET_DYN_BASE 0x555555554000ul
#define PHDRS_MAX 512
#define ADDR_NO_RANDOMIZE 0x0040000

struct elf_object {
	Elf64_Ehdr eh;
	Elf64_Phdr *ph;
	u64 low, high;		/* of all PT_LOAD, in the file's addresses */
	u64 align;
};

static bool randomize(void)
{
	return !(current->personality & ADDR_NO_RANDOMIZE);
}

static u64 random_bits(unsigned int bits)
{
	u64 v;

	host->random_bytes(&v, sizeof(v));
	return v & ((1ull << bits) - 1);
}

static bool segment_ok(const Elf64_Phdr *p)
{
	return p->p_filesz <= p->p_memsz && p->p_memsz <= BZ_GUEST_HIGH && p->p_vaddr <= BZ_GUEST_HIGH - p->p_memsz &&
	       p->p_offset <= INT64_MAX && p->p_filesz <= INT64_MAX - PAGE_SIZE - p->p_offset &&
	       (!p->p_filesz || (p->p_offset & ~PAGE_MASK) == (p->p_vaddr & ~PAGE_MASK));
}

static int read_headers(struct file *f, struct elf_object *o, int bad)
{
	Elf64_Ehdr *eh = &o->eh;
	size_t size;
	bool any = false;

	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB || (eh->e_type != ET_EXEC && eh->e_type != ET_DYN) ||
	    eh->e_machine != EM_X86_64)
		return bad;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || !eh->e_phnum || eh->e_phnum > PHDRS_MAX)
		return bad;
	size = eh->e_phnum * sizeof(Elf64_Phdr);
	o->ph = kmalloc(size);
	if (!o->ph)
		return -ENOMEM;
	if (eh->e_phoff > INT64_MAX || file_read_kernel(f, o->ph, size, eh->e_phoff) != (ssize_t)size)
		return bad;
	o->low = ~0ull;
	o->align = PAGE_SIZE;
	for (u32 i = 0; i < eh->e_phnum; i++) {
		const Elf64_Phdr *p = &o->ph[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (!segment_ok(p))
			return bad;
		if (!p->p_memsz)
			continue;
		any = true;
		o->low = min(o->low, p->p_vaddr & PAGE_MASK);
		o->high = max(o->high, PAGE_ALIGN(p->p_vaddr + p->p_memsz));
		if (p->p_align && !(p->p_align & (p->p_align - 1)) && p->p_align < BZ_GUEST_HIGH / 4)
			o->align = max(o->align, p->p_align);
	}
	return any ? 0 : bad;
}

static int read_object(struct file *f, struct elf_object *o, int bad)
{
	memset(o, 0, sizeof(*o));
	if (file_read_kernel(f, &o->eh, sizeof(o->eh), 0) != sizeof(o->eh))
		return bad;
	return read_headers(f, o, bad);
}

static int open_interp(struct exec_image *img, const Elf64_Phdr *p)
{
	char *path;
	int err = -ENOEXEC;

	if (p->p_filesz < 2 || p->p_filesz > PATH_MAX || p->p_offset > INT64_MAX)
		return -ENOEXEC;
	path = kmalloc(p->p_filesz);
	if (!path)
		return -ENOMEM;
	if (file_read_kernel(img->file, path, p->p_filesz, p->p_offset) == (ssize_t)p->p_filesz &&
	    !path[p->p_filesz - 1]) {
		img->interp = exec_open(AT_FDCWD, path, LOOKUP_FOLLOW);
		err = 0;
		if (IS_ERR(img->interp)) {
			err = PTR_ERR(img->interp);
			img->interp = NULL;
			exec_image_lacks(img, path);
		}
	}
	kfree(path);
	return err;
}

int elf_check(struct exec_image *img)
{
	struct elf_object o;
	int err;

	if (memcmp(img->head, ELFMAG, SELFMAG))
		return -ENOEXEC;
	err = read_object(img->file, &o, -ENOEXEC);
	for (u32 i = 0; !err && i < o.eh.e_phnum; i++) {
		if (o.ph[i].p_type == PT_INTERP && !img->interp)
			err = open_interp(img, &o.ph[i]);
		else if (o.ph[i].p_type == PT_GNU_STACK)
			img->exec_stack = o.ph[i].p_flags & PF_X;
	}
	if (!err && !img->file->ops->mmap)
		err = -ENOEXEC;
	kfree(o.ph);
	if (!err && img->interp) {
		err = read_object(img->interp, &o, -ELIBBAD);
		kfree(o.ph);
	}
	return err;
}

/* --- behind the point of no return --- */

static u32 segment_prot(const Elf64_Phdr *p)
{
	return (p->p_flags & PF_R ? PROT_READ : 0) | (p->p_flags & PF_W ? PROT_WRITE : 0) |
	       (p->p_flags & PF_X ? PROT_EXEC : 0);
}

static int map_segment(struct file *f, const Elf64_Phdr *p, u64 bias, bool first)
{
	u64 start = bias + (p->p_vaddr & PAGE_MASK), skip = p->p_vaddr & ~PAGE_MASK;
	u64 file_end = bias + p->p_vaddr + p->p_filesz, end = bias + p->p_vaddr + p->p_memsz;
	u32 prot = segment_prot(p), flags = MAP_PRIVATE | MAP_FIXED;
	u64 anon = p->p_filesz ? PAGE_ALIGN(file_end) : start;
	long ret;

	if (!p->p_memsz)
		return 0;
	if (first)
		flags |= MAP_FIXED_NOREPLACE;
	if (p->p_filesz) {
		ret = mm_map(start, p->p_filesz + skip, prot, flags, f, p->p_offset - skip);
		if (ret < 0)
			return ret;
		/* The rest of the last page is zero to its end: glibc's loader allocates from behind its data. */
		if (end > file_end && (file_end & ~PAGE_MASK) && (prot & PROT_WRITE) &&
		    clear_user((void *)file_end, anon - file_end))
			return -EFAULT;
	}
	if (end > anon) {
		ret = mm_map(anon, end - anon, prot, MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS, NULL, 0);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int map_object(struct file *f, const struct elf_object *o, u64 bias)
{
	bool first = true;

	for (u32 i = 0; i < o->eh.e_phnum; i++) {
		int err;

		if (o->ph[i].p_type != PT_LOAD)
			continue;
		err = map_segment(f, &o->ph[i], bias, first);
		if (err)
			return err;
		first = false;
	}
	return 0;
}

/* Where a position-independent object goes: in the room for mappings, aligned. */
static long place_in_mmap(const struct elf_object *o)
{
	u64 len = o->high - o->low;
	struct mm *mm = lock_mm();
	long addr = mm_unmapped_area(mm, 0, len + o->align - PAGE_SIZE, 0, false);

	mutex_unlock(&mm->lock);
	return addr < 0 ? addr : (long)ROUND_UP((u64)addr, o->align);
}

static long choose_base(const struct elf_object *o, bool has_interp)
{
	u64 base = ELF_ET_DYN_BASE;

	if (!has_interp)
		return place_in_mmap(o);
	if (randomize())
		base += random_bits(28) << PAGE_SHIFT;
	return base & ~(o->align - 1);
}

static void note_layout(struct exec_image *img, const struct elf_object *o, u64 bias)
{
	u64 code_start = ~0ull, code_end = 0, data_start = 0, data_end = 0, brk = 0;

	for (u32 i = 0; i < o->eh.e_phnum; i++) {
		const Elf64_Phdr *p = &o->ph[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (o->eh.e_phoff >= p->p_offset && o->eh.e_phoff < p->p_offset + p->p_filesz)
			img->phdr = o->eh.e_phoff - p->p_offset + p->p_vaddr + bias;
		code_start = min(code_start, p->p_vaddr);
		data_start = max(data_start, p->p_vaddr);
		if (p->p_flags & PF_X)
			code_end = max(code_end, p->p_vaddr + p->p_filesz);
		data_end = max(data_end, p->p_vaddr + p->p_filesz);
		brk = max(brk, p->p_vaddr + p->p_memsz);
	}
	img->start_code = code_start + bias;
	img->end_code = code_end + bias;
	img->start_data = data_start + bias;
	img->end_data = data_end + bias;
	img->brk = PAGE_ALIGN(brk + bias);
}

static int load_main(struct exec_image *img, struct elf_object *o)
{
	u64 bias = 0;
	long base;
	int err;

	img->is_dyn = o->eh.e_type == ET_DYN;
	if (img->is_dyn) {
		base = choose_base(o, img->interp != NULL);
		if (base < 0)
			return base;
		bias = base - o->low;
	}
	err = map_object(img->file, o, bias);
	if (err)
		return err;
	img->phnum = o->eh.e_phnum;
	img->exec_entry = img->entry = o->eh.e_entry + bias;
	note_layout(img, o, bias);
	return 0;
}

static int load_interp(struct exec_image *img, struct elf_object *o)
{
	u64 bias = 0;
	int err;

	if (o->eh.e_type == ET_DYN) {
		long base = place_in_mmap(o);

		if (base < 0)
			return base;
		bias = base - o->low;
	}
	err = map_object(img->interp, o, bias);
	img->base = bias + o->low;
	img->entry = o->eh.e_entry + bias;
	return err;
}

static void set_brk(struct exec_image *img)
{
	struct mm *mm = current->process->mm;
	u64 brk = img->brk;

	if (randomize()) {
		/* A loader that is run by itself sits among the mappings, where a heap has no room. */
		if (img->is_dyn && !img->interp)
			brk = ELF_ET_DYN_BASE;
		brk = PAGE_ALIGN(brk + (random_bits(13) << PAGE_SHIFT));
	}
	mm->start_brk = mm->brk = brk;
	mm->start_code = img->start_code;
	mm->end_code = img->end_code;
	mm->start_data = img->start_data;
	mm->end_data = img->end_data;
}

int elf_load(struct exec_image *img)
{
	struct elf_object o;
	int err = read_object(img->file, &o, -ENOEXEC);

	if (!err)
		err = load_main(img, &o);
	kfree(o.ph);
	if (!err && img->interp) {
		err = read_object(img->interp, &o, -ELIBBAD);
		if (!err)
			err = load_interp(img, &o);
		kfree(o.ph);
	}
	if (!err && !access_ok((void *)img->entry, 1))
		err = -ENOEXEC;
	if (!err)
		set_brk(img);
	return err;
}
