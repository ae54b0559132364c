/*
 * Patched text for the files of an image: found by walking its file system, proven and laid out by sites.c, written in the
 * form of libos/rewrite/textformat.h.  The file system was made by mkfs.erofs from files that anybody may have written.
 */
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image/build.h"
#include "image/erofs.h"
#include "image/progress.h"
#include "image/sites.h"
#include "image/text.h"
#include "libos/rewrite/textformat.h"

#define PAGE 4096ull
#define DEPTH_MAX 2100
#define GAP_MIN 16 /* pages: shorter stretches between patched ones go with them */

/* A file with patched text. */
struct patched {
	struct text_file file;
	char *name;
	uint8_t *stubs, *text; /* as they will be: stub_pages, and all of the text's pages */
	struct text_site *site;
};

struct texts {
	const uint8_t *bytes;
	uint64_t size, meta;
	struct patched *item;
	size_t count;
	char path[PATH_MAX];
	struct image_error *err;
};

static int no_memory(struct texts *t)
{
	return image_fail(t->err, -ENOMEM, "out of memory");
}

static bool page_is_patched(const struct sites *s, uint64_t page)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct patch_plan *p = s->site[i].plan;

		if (p && (patch_start(p) - s->address) / PAGE <= page && (patch_start(p) + p->length - 1 - s->address) / PAGE >= page)
			return true;
	}
	return false;
}

/* The fewest pages in at most TEXT_RUNS runs: what lies between two is copied if it is short, and ever longer until that fits. */
static void find_runs(const struct sites *s, struct text_file *f)
{
	for (uint64_t gap = GAP_MIN;; gap *= 2) {
		struct text_run *run = NULL;
		bool fits = true;

		f->runs = 0;
		for (uint64_t page = 0; page < s->pages && fits; page++) {
			if (!page_is_patched(s, page))
				continue;
			if (run && page - (run->page + run->pages) < gap) {
				run->pages = (uint32_t)(page + 1 - run->page);
			} else if (f->runs == TEXT_RUNS) {
				fits = false;
			} else {
				run = &f->run[f->runs++];
				*run = (struct text_run){.page = (uint32_t)page, .pages = 1};
			}
		}
		if (fits)
			return;
	}
}

static void note_site(const struct sites *s, size_t i, struct patched *p, uint32_t at)
{
	const struct patch_plan *plan = s->site[i].plan;
	struct text_site *t = &p->site[at];

	*t = (struct text_site){.site = (uint32_t)(s->site[i].address - s->address), .verdict = (uint8_t)s->site[i].verdict};
	if (!plan)
		return;
	t->before = plan->before;
	t->length = plan->length;
	t->moved = plan->count;
	memcpy(t->from, plan->from, sizeof(t->from));
	memcpy(t->to, plan->to, sizeof(t->to));
	memcpy(p->stubs + (uint64_t)at * STUB_SIZE, plan->stub, plan->stub_length);
	memcpy(p->text + (patch_start(plan) - s->address), plan->jump, plan->length);
}

static int fill(struct texts *t, const struct sites *s, uint64_t first, uint64_t size, struct patched *p)
{
	uint32_t patched = 0, left = (uint32_t)s->patched;
	uint64_t n = s->pages * PAGE;

	p->file = (struct text_file){.first = first,
				     .text = s->offset,
				     .address = s->address,
				     .distance = s->address - s->stubs,
				     .pages = (uint32_t)s->pages,
				     .stub_pages = (uint32_t)s->stub_pages,
				     .sites = (uint32_t)s->count,
				     .patched = (uint32_t)s->patched};
	p->name = strdup(t->path);
	p->stubs = calloc(s->stub_pages, PAGE);
	p->text = calloc(s->pages, PAGE);
	p->site = calloc(s->count, sizeof(*p->site));
	if (!p->name || !p->stubs || !p->text || !p->site)
		return no_memory(t);
	memset(p->stubs, 0xcc, s->stub_pages * PAGE);
	if (n > size - s->offset)
		n = size - s->offset;
	memcpy(p->text, t->bytes + first + s->offset, n);
	for (size_t i = 0; i < s->count; i++)
		note_site(s, i, p, s->site[i].plan ? patched++ : left++);
	find_runs(s, &p->file);
	return 0;
}

static int add_file(struct texts *t, uint64_t first, uint64_t size)
{
	struct patched *more;
	struct sites s;
	int ret = 0;

	if (size < 64 || memcmp(t->bytes + first, "\177ELF", 4) || !sites_find(t->bytes + first, size, &s))
		return 0;
	/* Those of none patched are listed too: who looks wants to know why. */
	if (s.count && s.offset < size && t->count < TEXT_FILES_MAX) {
		more = realloc(t->item, (t->count + 1) * sizeof(*more));
		if (more) {
			t->item = more;
			memset(&more[t->count], 0, sizeof(*more));
			ret = fill(t, &s, first, size, &more[t->count++]);
		} else {
			ret = no_memory(t);
		}
	}
	sites_free(&s);
	return ret;
}

/* --- The walk ------------------------------------------------------------------------------------------- */

static const struct erofs_inode *inode_at(struct texts *t, uint64_t nid)
{
	uint64_t off = t->meta + nid * EROFS_SLOT;
	const struct erofs_inode *i;

	if (nid > t->size / EROFS_SLOT || off > t->size - sizeof(*i))
		return NULL;
	i = (const struct erofs_inode *)(t->bytes + off);
	return i->format & 1 ? i : NULL;
}

static int walk(struct texts *t, uint64_t nid, size_t len, int depth);

/* What is not understood has no patched text, and traps. */
static int walk_block(struct texts *t, const uint8_t *block, size_t n, size_t len, int depth)
{
	const struct erofs_dirent *d = (const struct erofs_dirent *)block;
	size_t count = n >= sizeof(*d) ? d[0].nameoff / sizeof(*d) : 0;
	int ret = 0;

	if (count * sizeof(*d) > n)
		return 0;
	for (size_t i = 0; i < count && !ret; i++) {
		size_t from = d[i].nameoff, to = i + 1 < count ? d[i + 1].nameoff : n, name;

		if (from < count * sizeof(*d) || from >= to || to > n)
			return 0;
		name = strnlen((const char *)block + from, to - from);
		if ((name == 1 && block[from] == '.') || (name == 2 && !memcmp(block + from, "..", 2)) ||
		    len + name + 2 > sizeof(t->path))
			continue;
		t->path[len] = '/';
		memcpy(t->path + len + 1, block + from, name);
		t->path[len + 1 + name] = 0;
		ret = walk(t, d[i].nid, len + 1 + name, depth + 1);
		t->path[len] = 0;
	}
	return ret;
}

static int walk_directory(struct texts *t, const struct erofs_inode *i, size_t len, int depth)
{
	uint64_t blocks = i->size / EROFS_BLOCK, tail = i->size % EROFS_BLOCK, data = (uint64_t)i->u * EROFS_BLOCK;
	unsigned int layout = i->format >> 1 & 7;
	int ret = 0;

	if (i->size > t->size || (blocks && (data > t->size || i->size - tail > t->size - data)))
		return 0;
	for (uint64_t b = 0; b < blocks && !ret; b++)
		ret = walk_block(t, t->bytes + data + b * EROFS_BLOCK, EROFS_BLOCK, len, depth);
	if (layout == EROFS_FLAT_INLINE)
		data = (uint64_t)((const uint8_t *)(i + 1) - t->bytes) +
		       (i->xattr_icount ? 12 + 4 * (uint64_t)(i->xattr_icount - 1) : 0);
	else
		data += blocks * EROFS_BLOCK;
	if (ret || !tail || data > t->size || tail > t->size - data)
		return ret;
	return walk_block(t, t->bytes + data, tail, len, depth);
}

static int walk(struct texts *t, uint64_t nid, size_t len, int depth)
{
	const struct erofs_inode *i = depth < DEPTH_MAX ? inode_at(t, nid) : NULL;
	unsigned int layout = i ? i->format >> 1 & 7 : 0;
	uint64_t data;

	if (!i)
		return 0;
	if (S_ISDIR(i->mode))
		return layout == EROFS_FLAT_PLAIN || layout == EROFS_FLAT_INLINE ? walk_directory(t, i, len, depth) : 0;
	data = (uint64_t)i->u * EROFS_BLOCK;
	if (!S_ISREG(i->mode) || layout != EROFS_FLAT_PLAIN || data > t->size || i->size > t->size - data)
		return 0;
	return add_file(t, data, i->size);
}

/* --- Writing -------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct patched *x = a, *y = b;

	return x->file.first < y->file.first ? -1 : x->file.first > y->file.first;
}

static void patched_free(struct patched *p)
{
	free(p->name);
	free(p->stubs);
	free(p->text);
	free(p->site);
}

/* Hard links are found once for each name. */
static void sort_and_unite(struct texts *t)
{
	size_t kept = 0;

	if (t->count)
		qsort(t->item, t->count, sizeof(*t->item), by_place);
	for (size_t i = 0; i < t->count; i++) {
		if (kept && t->item[kept - 1].file.first == t->item[i].file.first)
			patched_free(&t->item[i]);
		else
			t->item[kept++] = t->item[i];
	}
	t->count = kept;
}

static uint64_t place_all(struct texts *t, uint64_t start, struct text_header *h)
{
	uint64_t at = sizeof(*h) + t->count * sizeof(struct text_file), off;

	for (size_t i = 0; i < t->count; i++) {
		struct text_file *f = &t->item[i].file;

		f->sites_at = (uint32_t)at;
		at += f->sites * sizeof(struct text_site);
	}
	for (size_t i = 0; i < t->count; i++) {
		t->item[i].file.name_at = (uint32_t)at;
		at += strlen(t->item[i].name) + 1;
	}
	*h = (struct text_header){.magic = TEXT_MAGIC, .size = (uint32_t)at, .files = (uint32_t)t->count, .slot = SYSCALL_SLOT};
	off = (start + at + PAGE - 1) & ~(PAGE - 1);
	for (size_t i = 0; i < t->count; i++) {
		struct text_file *f = &t->item[i].file;

		f->stubs = off;
		off += f->patched ? f->stub_pages * PAGE : 0;
		for (uint32_t r = 0; r < f->runs; r++) {
			f->run[r].offset = off;
			off += f->run[r].pages * PAGE;
		}
	}
	return at > TEXT_SIZE_MAX ? 0 : off - start;
}

static void write_all(const struct texts *t, uint64_t start, const struct text_header *h, uint8_t *out)
{
	memcpy(out, h, sizeof(*h));
	for (size_t i = 0; i < t->count; i++) {
		const struct patched *p = &t->item[i];
		const struct text_file *f = &p->file;

		memcpy(out + sizeof(*h) + i * sizeof(*f), f, sizeof(*f));
		memcpy(out + f->sites_at, p->site, f->sites * sizeof(*p->site));
		strcpy((char *)out + f->name_at, p->name);
		if (!f->patched)
			continue;
		memcpy(out + (f->stubs - start), p->stubs, f->stub_pages * PAGE);
		for (uint32_t r = 0; r < f->runs; r++)
			memcpy(out + (f->run[r].offset - start), p->text + f->run[r].page * PAGE, f->run[r].pages * PAGE);
	}
}

int text_make(int fd, uint64_t size, uint8_t **out, size_t *len, struct image_error *err)
{
	struct texts t = {.size = size, .err = err};
	const struct erofs_super *sb;
	struct text_header h;
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	int ret = 0;

	*out = NULL;
	*len = 0;
	if (map == MAP_FAILED)
		return image_fail(err, -errno, "cannot map the image: %s", strerror(errno));
	progress_start("rewriting");
	t.bytes = map;
	sb = (const struct erofs_super *)(t.bytes + EROFS_SUPER_OFFSET);
	t.meta = (uint64_t)sb->meta_blkaddr * EROFS_BLOCK;
	if (size >= EROFS_BLOCK && sb->magic == EROFS_MAGIC && sb->blkszbits == EROFS_BLOCK_BITS && t.meta < size)
		ret = walk(&t, sb->root_nid, 0, 0);
	sort_and_unite(&t);
	if (!ret && t.count && (*len = place_all(&t, size, &h))) {
		*out = calloc(1, *len);
		if (*out)
			write_all(&t, size, &h, *out);
		else
			ret = no_memory(&t);
	}
	for (size_t i = 0; i < t.count; i++)
		patched_free(&t.item[i]);
	free(t.item);
	munmap(map, size);
	return ret;
}
