/*
 * Patched text, proven and laid out by sites.c, written in the form of libos/rewrite/textformat.h: for the files of an image, found
 * by walking its file system, which mkfs.erofs made from files that anybody may have written, or for single files of the host.
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
	struct text_key key;
	char *name;
	uint8_t *stubs, *text; /* as they will be: stub_pages, and all of the text's pages */
	struct text_site *site;
	uint8_t (*original)[PATCH_MAX];
};

struct texts {
	struct patched *item;
	size_t count;
	bool keyed; /* files of the host */
	struct image_error *err;

	/* An image: its file system, and where the walk is. */
	const uint8_t *bytes;
	uint64_t size, meta;
	char path[PATH_MAX];
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
	memcpy(p->original[at], plan->original, plan->length);
	memcpy(p->stubs + (uint64_t)at * STUB_SIZE, plan->stub, plan->stub_length);
	memcpy(p->text + (patch_start(plan) - s->address), plan->jump, plan->length);
}

static int fill(struct texts *t, const struct sites *s, const struct text_source *source, struct patched *p)
{
	uint32_t patched = 0, left = (uint32_t)s->patched;
	uint64_t n = s->pages * PAGE;

	p->key = source->key;
	p->file = (struct text_file){.first = source->first,
				     .text = s->offset,
				     .address = s->address,
				     .distance = s->address - s->stubs,
				     .pages = (uint32_t)s->pages,
				     .stub_pages = (uint32_t)s->stub_pages,
				     .sites = (uint32_t)s->count,
				     .patched = (uint32_t)s->patched};
	p->name = strdup(source->name);
	p->stubs = calloc(s->stub_pages, PAGE);
	p->text = calloc(s->pages, PAGE);
	p->site = calloc(s->count, sizeof(*p->site));
	p->original = calloc(s->count, sizeof(*p->original));
	if (!p->name || !p->stubs || !p->text || !p->site || !p->original)
		return no_memory(t);
	memset(p->stubs, 0xcc, s->stub_pages * PAGE);
	if (n > source->size - s->offset)
		n = source->size - s->offset;
	memcpy(p->text, source->bytes + s->offset, n);
	for (size_t i = 0; i < s->count; i++)
		note_site(s, i, p, s->site[i].plan ? patched++ : left++);
	find_runs(s, &p->file);
	return 0;
}

int texts_add(struct texts *t, const struct text_source *source)
{
	struct patched *more;
	struct sites s;
	int ret = 0;

	if (source->size < 64 || memcmp(source->bytes, "\177ELF", 4) || !sites_find(source->bytes, source->size, &s))
		return 0;
	/* Those of none patched are listed too: who looks wants to know why. */
	if (s.count && s.offset < source->size && t->count < TEXT_FILES_MAX) {
		more = realloc(t->item, (t->count + 1) * sizeof(*more));
		if (more) {
			t->item = more;
			memset(&more[t->count], 0, sizeof(*more));
			ret = fill(t, &s, source, &more[t->count++]);
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
	return texts_add(t, &(struct text_source){.bytes = t->bytes + data, .size = i->size, .first = data, .name = t->path});
}

/* --- Writing -------------------------------------------------------------------------------------------- */

static int by_place(const void *a, const void *b)
{
	const struct patched *x = a, *y = b;

	if (x->file.first != y->file.first)
		return x->file.first < y->file.first ? -1 : 1;
	return x->key.dev < y->key.dev ? -1 : x->key.dev > y->key.dev;
}

static void patched_free(struct patched *p)
{
	free(p->name);
	free(p->stubs);
	free(p->text);
	free(p->site);
	free(p->original);
}

/* Hard links are found once for each name. */
static void sort_and_unite(struct texts *t)
{
	size_t kept = 0;

	if (t->count)
		qsort(t->item, t->count, sizeof(*t->item), by_place);
	for (size_t i = 0; i < t->count; i++) {
		if (kept && t->item[kept - 1].file.first == t->item[i].file.first && t->item[kept - 1].key.dev == t->item[i].key.dev)
			patched_free(&t->item[i]);
		else
			t->item[kept++] = t->item[i];
	}
	t->count = kept;
}

static uint64_t place_all(struct texts *t, uint64_t start, struct text_header *h)
{
	uint64_t at = sizeof(*h) + t->count * sizeof(struct text_file), off, keys;

	for (size_t i = 0; i < t->count; i++) {
		struct text_file *f = &t->item[i].file;

		f->sites_at = (uint32_t)at;
		at += f->sites * sizeof(struct text_site);
	}
	for (size_t i = 0; i < t->count; i++) {
		t->item[i].file.name_at = (uint32_t)at;
		at += strlen(t->item[i].name) + 1;
	}
	for (size_t i = 0; t->keyed && i < t->count; i++) {
		t->item[i].key.originals_at = (uint32_t)at;
		at += (uint64_t)t->item[i].file.patched * PATCH_MAX;
	}
	at = (at + 7) & ~7ull;
	keys = t->keyed ? at : 0;
	at += t->keyed ? t->count * sizeof(struct text_key) : 0;
	*h = (struct text_header){.keys_at = keys, .magic = TEXT_MAGIC, .size = (uint32_t)at, .files = (uint32_t)t->count, .slot = SYSCALL_SLOT};
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
		if (t->keyed) {
			memcpy(out + h->keys_at + i * sizeof(p->key), &p->key, sizeof(p->key));
			memcpy(out + p->key.originals_at, p->original, f->patched * sizeof(*p->original));
		}
		if (!f->patched)
			continue;
		memcpy(out + (f->stubs - start), p->stubs, f->stub_pages * PAGE);
		for (uint32_t r = 0; r < f->runs; r++)
			memcpy(out + (f->run[r].offset - start), p->text + f->run[r].page * PAGE, f->run[r].pages * PAGE);
	}
}

struct texts *texts_new(struct image_error *err)
{
	struct texts *t = calloc(1, sizeof(*t));

	if (t)
		*t = (struct texts){.keyed = true, .err = err};
	return t;
}

int texts_finish(struct texts *t, uint64_t start, uint8_t **out, size_t *len)
{
	struct text_header h;

	sort_and_unite(t);
	*len = t->count ? place_all(t, start, &h) : 0;
	if (!*len)
		return 0;
	*out = calloc(1, *len);
	if (!*out)
		return no_memory(t);
	write_all(t, start, &h, *out);
	return 0;
}

void texts_free(struct texts *t)
{
	for (size_t i = 0; t && i < t->count; i++)
		patched_free(&t->item[i]);
	if (t)
		free(t->item);
	free(t);
}

int text_make(int fd, uint64_t size, uint8_t **out, size_t *len, struct image_error *err)
{
	struct texts *t = texts_new(err);
	const struct erofs_super *sb;
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	int ret = t ? 0 : -ENOMEM;

	*out = NULL;
	*len = 0;
	if (map == MAP_FAILED || !t) {
		texts_free(t);
		return image_fail(err, ret ? ret : -errno, "cannot map the image: %s", strerror(ret ? -ret : errno));
	}
	progress_start("rewriting");
	t->keyed = false;
	t->bytes = map;
	t->size = size;
	sb = (const struct erofs_super *)(t->bytes + EROFS_SUPER_OFFSET);
	t->meta = (uint64_t)sb->meta_blkaddr * EROFS_BLOCK;
	if (size >= EROFS_BLOCK && sb->magic == EROFS_MAGIC && sb->blkszbits == EROFS_BLOCK_BITS && t->meta < size)
		ret = walk(t, sb->root_nid, 0, 0);
	if (!ret)
		ret = texts_finish(t, size, out, len);
	texts_free(t);
	munmap(map, size);
	return ret;
}
