/*
 * What is known of files whose text is patched: where jumps in it may lead (targets.c), kept by file for all processes, since
 * finding it costs a pass over the whole text; and where its tables of functions are, read from its mapped headers.
 */
#include "libos/rewrite/internal.h"
#include <linux/elf.h>

#define SECTIONS_MAX 128
#define TEXTS 24
#define TEXT_MAX (64ul << 20)

struct text {
	struct inode *inode;	/* referenced: an address is not reused while its text is known */
	u64 offset, length;	/* of the text in the file */
	i64 mtime, ctime;
	struct targets targets;	/* offsets alone count; start and end are those of who asks */
};

static struct text texts[TEXTS];
static u32 text_count;
static struct mutex texts_lock = MUTEX_INIT(RANK_OBJECT);

/* The text as it was before any patch: a branch that was moved into a stub still leads somewhere. */
static bool read_guest(const struct code_source *s, u64 addr, void *buf, size_t n)
{
	if (addr >= BZ_GUEST_HIGH || copy_fault_safe(buf, (const void *)addr, n))
		return false;
	image_hide(current->process->mm, addr, buf, n);
	patches_hide(current->process->mm->rewrite, addr, buf, n);
	return true;
}
static const struct code_source guest_code = {.read = read_guest};

static u64 text_length(const struct vma *v)
{
	return min(v->end, v->backed_end) - v->start;
}

static struct text *text_find(const struct vma *v)
{
	const struct inode *inode = v->file->inode;

	for (u32 i = 0; i < text_count; i++)
		if (texts[i].inode == inode && texts[i].offset == v->offset && texts[i].length == text_length(v) &&
		    texts[i].mtime == inode->mtime && texts[i].ctime == inode->ctime)
			return &texts[i];
	return NULL;
}

/* Its address is known at link time, unlike that of a function of another file. */
static void *allocate(size_t n)
{
	return kzalloc(n);
}

static struct text *text_learn(struct vma *v, const struct tables *tables)
{
	struct inode *inode = v->file->inode;
	struct text *t;

	if (text_count == TEXTS || text_length(v) > TEXT_MAX)
		return NULL;
	t = &texts[text_count];
	if (targets_scan(&guest_code, v->start, v->start + text_length(v), allocate, &t->targets) != PATCH_FITS) {
		targets_free(&t->targets);
		return NULL;
	}
	/* Only where no table knows the functions: this takes longer. */
	if (tables_lack_functions(&guest_code, tables, &t->targets))
		linear_scan(&guest_code, tables, allocate, &t->targets);
	t->inode = inode;
	inode_get(inode);
	t->offset = v->offset;
	t->length = text_length(v);
	t->mtime = inode->mtime;
	t->ctime = inode->ctime;
	text_count++;
	return t;
}

bool text_is_known(struct mm *mm, u64 site)
{
	struct vma *v = vma_find(mm, site);
	bool known;

	if (!v || v->start > site || !v->file)
		return false;
	mutex_lock(&texts_lock);
	known = text_find(v);
	mutex_unlock(&texts_lock);
	return known;
}

/* The mapping of the same file that holds its headers: the linkers put them at the front of the first segment. */
static struct vma *headers_vma(struct mm *mm, struct vma *v)
{
	struct inode *inode = v->file->inode;

	for (; v && v->file && v->file->inode == inode; v = vma_prev(mm, v))
		if (!v->offset)
			return v;
	return NULL;
}

static bool read_file(struct vma *v, u64 offset, void *buf, size_t n)
{
	return file_read_kernel(v->file, buf, n, offset) == (ssize_t)n;
}

struct section_use {
	const char *name;
	u64 *start, *end;
};

/* What has no entry in the program headers: by its name in the section table, which is in the file alone. */
static void find_sections(struct vma *v, const Elf64_Ehdr *eh, struct tables *t)
{
	const struct section_use uses[] = {{".eh_frame", &t->frames, &t->frames_end},
					   {".gopclntab", &t->go, &t->go_end},
					   {".data.rel.ro.gopclntab", &t->go, &t->go_end},
					   {".text", &t->text, &t->text_end}};
	char name[sizeof(".data.rel.ro.gopclntab")];
	Elf64_Shdr names, sh;

	if (eh->e_shentsize != sizeof(sh) || eh->e_shstrndx >= eh->e_shnum || eh->e_shoff > (1ul << 40) ||
	    !read_file(v, eh->e_shoff + eh->e_shstrndx * sizeof(sh), &names, sizeof(names)))
		return;
	for (u32 i = 0; i < eh->e_shnum && i < SECTIONS_MAX; i++) {
		if (!read_file(v, eh->e_shoff + i * sizeof(sh), &sh, sizeof(sh)))
			return;
		if (!(sh.sh_flags & SHF_ALLOC) || sh.sh_name >= names.sh_size || names.sh_offset + sh.sh_name > (1ul << 40) ||
		    !read_file(v, names.sh_offset + sh.sh_name, name, min(sizeof(name), names.sh_size - sh.sh_name)))
			continue;
		for (u32 k = 0; k < sizeof(uses) / sizeof(uses[0]); k++) {
			if (memcmp(name, uses[k].name, strlen(uses[k].name) + 1))
				continue;
			*uses[k].start = t->bias + sh.sh_addr;
			*uses[k].end = t->bias + sh.sh_addr + sh.sh_size;
		}
	}
}

static bool tables_find(struct mm *mm, struct vma *text, struct tables *t)
{
	struct vma *v = headers_vma(mm, text);
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	u64 table = 0;
	bool loaded = false;

	*t = (struct tables){0};
	if (!v || !read_guest(NULL, v->start, &eh, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_phentsize != sizeof(ph))
		return false;
	for (u32 i = 0; i < eh.e_phnum && i < 64; i++) {
		if (!read_guest(NULL, v->start + eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
			return false;
		if (ph.p_type == PT_LOAD && !loaded) {
			t->bias = v->start - (ph.p_vaddr & PAGE_MASK);
			loaded = true;
		}
		if (ph.p_type == PT_GNU_EH_FRAME)
			table = ph.p_vaddr;
	}
	t->entry = t->bias + eh.e_entry;
	if (table && loaded)
		t->header = t->bias + table;
	if (loaded)
		find_sections(v, &eh, t);
	return loaded;
}

enum verdict text_prove(struct mm *mm, struct vma *v, u64 site, struct patch_plan *plan)
{
	struct targets targets;
	struct tables tables;
	struct text *t;

	if (!tables_find(mm, v, &tables))
		return PATCH_NO_FUNCTION;
	mutex_lock(&texts_lock);
	t = text_find(v);
	if (!t)
		t = text_learn(v, &tables);
	if (t)
		targets = t->targets;
	mutex_unlock(&texts_lock);
	if (!t)
		return PATCH_UNREADABLE;
	targets.start = v->start;
	targets.end = v->start + text_length(v);
	return patch_prove(&guest_code, &tables, &targets, site, plan);
}
