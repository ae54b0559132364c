/*
 * What is known of files whose text is patched: where jumps in it may lead (targets.c), kept by file for all processes, since
 * finding it costs a pass over the whole text; and where its unwind table is, read from its mapped headers.
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

static bool read_guest(const struct code_source *s, u64 addr, void *buf, size_t n)
{
	return addr < BZ_GUEST_HIGH && !copy_fault_safe(buf, (const void *)addr, n);
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

static struct text *text_learn(struct vma *v)
{
	struct inode *inode = v->file->inode;
	struct text *t;

	if (text_count == TEXTS || text_length(v) > TEXT_MAX)
		return NULL;
	t = &texts[text_count];
	if (targets_scan(&guest_code, v->start, v->start + text_length(v), allocate, &t->targets) != PATCH_FITS) {
		kfree(t->targets.site);
		kfree(t->targets.mask);
		return NULL;
	}
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

/* Static programs: .eh_frame by its name in the section table, which is in the file alone. */
static void find_frames(struct vma *v, const Elf64_Ehdr *eh, u64 bias, struct unwind *u)
{
	char name[sizeof(".eh_frame")];
	Elf64_Shdr names, sh;

	if (eh->e_shentsize != sizeof(sh) || eh->e_shstrndx >= eh->e_shnum || eh->e_shoff > (1ul << 40) ||
	    !read_file(v, eh->e_shoff + eh->e_shstrndx * sizeof(sh), &names, sizeof(names)))
		return;
	for (u32 i = 0; i < eh->e_shnum && i < SECTIONS_MAX; i++) {
		if (!read_file(v, eh->e_shoff + i * sizeof(sh), &sh, sizeof(sh)))
			return;
		if (!(sh.sh_flags & SHF_ALLOC) || names.sh_offset + sh.sh_name > (1ul << 40) ||
		    !read_file(v, names.sh_offset + sh.sh_name, name, sizeof(name)) || memcmp(name, ".eh_frame", sizeof(name)))
			continue;
		u->frames = bias + sh.sh_addr;
		u->frames_end = u->frames + sh.sh_size;
	}
}

static bool unwind_find(struct mm *mm, struct vma *text, struct unwind *u)
{
	struct vma *v = headers_vma(mm, text);
	Elf64_Ehdr eh;
	Elf64_Phdr ph;
	u64 bias = 0, table = 0;
	bool loaded = false;

	*u = (struct unwind){0};
	if (!v || !read_guest(NULL, v->start, &eh, sizeof(eh)) || memcmp(eh.e_ident, ELFMAG, SELFMAG) || eh.e_phentsize != sizeof(ph))
		return false;
	for (u32 i = 0; i < eh.e_phnum && i < 64; i++) {
		if (!read_guest(NULL, v->start + eh.e_phoff + i * sizeof(ph), &ph, sizeof(ph)))
			return false;
		if (ph.p_type == PT_LOAD && !loaded) {
			bias = v->start - (ph.p_vaddr & PAGE_MASK);
			loaded = true;
		}
		if (ph.p_type == PT_GNU_EH_FRAME)
			table = ph.p_vaddr;
	}
	if (table && loaded)
		u->header = bias + table;
	else if (loaded)
		find_frames(v, &eh, bias, u);
	return u->header || u->frames;
}

enum verdict text_prove(struct mm *mm, struct vma *v, u64 site, struct patch_plan *plan)
{
	struct targets targets;
	struct unwind unwind;
	struct text *t;

	if (!unwind_find(mm, v, &unwind))
		return PATCH_NO_FUNCTION;
	mutex_lock(&texts_lock);
	t = text_find(v);
	if (!t)
		t = text_learn(v);
	if (t)
		targets = t->targets;
	mutex_unlock(&texts_lock);
	if (!t)
		return PATCH_UNREADABLE;
	targets.start = v->start;
	targets.end = v->start + text_length(v);
	return patch_prove(&guest_code, &unwind, &targets, site, plan);
}
