/*
 * Text that was patched before the sandbox started, when an image was built or for programs of the host (textformat.h): mapped from
 * there in place of the original, with stubs before the file's lowest page, so that all processes and sandboxes share both.  Owns
 * what is read of the index, once a file, and mm->image, which says where such text is mapped in a process; that is written with
 * mm->lock held and read without.
 */
#include "libos/rewrite/internal.h"
#include "libos/rewrite/rewrite.h"
#include "libos/rewrite/textformat.h"
#include "libos/kernel/dispatch.h"

/* Of the index, in the arena: checked, and there when the image's file is cut short. */
struct image_file {
	struct text_file f;
	struct text_key key;		/* of a file of the host; originals_at 0: it is the image's */
	struct text_site site[];	/* the patched ones */
};

static u64 index_at;			/* where the section begins in memory; 0: there is none */
static u64 index_size, section_at;	/* the section in the image */
static struct text_header head;
static struct image_file **known;	/* one for each file of the index, or null */
static struct mutex known_lock = MUTEX_INIT(RANK_OBJECT);

/* The first page behind the file system, if there is one, is mapped already: more of it if that is an index. */
void rewrite_image_mounted(u64 base, u64 image_size)
{
	u64 at = base + PAGE_ALIGN(image_size);

	if ((boot->flags & BZ_START_TRAP_ONLY) || !host->syscall_entry ||
	    (!image_size && host->stream_map(BZ_STREAM_IMAGE, at, PAGE_SIZE, BZ_PROT_READ, 0, 0)) ||
	    copy_fault_safe(&head, (void *)at, sizeof(head)) || head.magic != TEXT_MAGIC || head.slot != syscall_slot_address() || head.slot != SYSCALL_SLOT || head.size > TEXT_SIZE_MAX ||
	    head.files > TEXT_FILES_MAX || !head.keys_at != !!image_size || sizeof(head) + head.files * sizeof(struct text_file) > head.size)
		return;
	if (head.size > PAGE_SIZE &&
	    host->stream_map(BZ_STREAM_IMAGE, at, PAGE_ALIGN(head.size), BZ_PROT_READ, 0, PAGE_ALIGN(image_size)))
		return;
	known = kzalloc(head.files * sizeof(*known) + 1);
	if (!known)
		return;
	section_at = PAGE_ALIGN(image_size);
	index_size = head.size;
	index_at = at;
}

static bool read_index(u64 at, void *to, size_t n)
{
	return at <= index_size && n <= index_size - at && !copy_fault_safe(to, (const void *)(index_at + at), n);
}

static bool read_file_entry(u32 i, struct text_file *f)
{
	return read_index(sizeof(head) + i * sizeof(*f), f, sizeof(*f));
}

/* The number of the first file of the index whose `first` is not less than this. */
static u32 lower_bound(u64 first)
{
	u32 low = 0, high = head.files;
	struct text_file f;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (!read_file_entry(middle, &f))
			return head.files;
		if (f.first < first)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool read_key(u32 i, struct text_key *key)
{
	return read_index(head.keys_at + i * sizeof(*key), key, sizeof(*key));
}

static bool is_file(u32 i, const struct host_identity *id)
{
	struct text_key key;

	return !id || (read_key(i, &key) && key.dev == id->dev && key.size == id->size && key.mtime == id->mtime && key.ctime == id->ctime);
}

/* The number of the image's file whose first byte stands there, or of the host's file that has this inode number and identity; or -1. */
static i64 find_file(u64 first, const struct host_identity *id)
{
	struct text_file f;

	for (u32 i = lower_bound(first); i < head.files && read_file_entry(i, &f) && f.first == first; i++)
		if (is_file(i, id))
			return f.patched ? (i64)i : -1;
	return -1;
}

/* What the builder wrote, which may be anything. */
static bool file_ok(const struct text_file *f)
{
	u64 text = (u64)f->pages * PAGE_SIZE, stubs = (u64)f->stub_pages * PAGE_SIZE;

	if (!f->patched || f->patched > f->sites || !f->pages || f->pages > 1u << 20 || !stubs || f->patched > stubs / STUB_SIZE ||
	    f->distance < stubs || f->distance > 1ul << 31 || (f->distance | f->stubs | f->text | (head.keys_at ? 0 : f->first)) & ~PAGE_MASK ||
	    f->runs > TEXT_RUNS || f->stubs < section_at)
		return false;
	for (u32 r = 0; r < f->runs; r++)
		if ((u64)(f->run[r].page + (u64)f->run[r].pages) * PAGE_SIZE > text || (f->run[r].offset & ~PAGE_MASK) ||
		    f->run[r].offset < section_at)
			return false;
	return true;
}

static bool sites_ok(const struct image_file *file)
{
	u64 last = 0;

	for (u32 i = 0; i < file->f.patched; i++) {
		const struct text_site *s = &file->site[i];
		u64 start = s->site - (u64)s->before;

		if (s->before > s->site || start < last || s->length < PATCH_JUMP || s->length > PATCH_MAX || s->moved > PATCH_MOVED ||
		    start + s->length > (u64)file->f.pages * PAGE_SIZE)
			return false;
		last = start + s->length;
	}
	return true;
}

static struct image_file *load_file(u32 i)
{
	struct image_file *file;
	struct text_key key = {0};
	struct text_file f;

	if (!read_file_entry(i, &f) || !file_ok(&f) || (head.keys_at && (!read_key(i, &key) || !key.originals_at)))
		return NULL;
	file = kmalloc(sizeof(*file) + f.patched * sizeof(file->site[0]));
	if (!file)
		return NULL;
	file->f = f;
	file->key = key;
	if (read_index(f.sites_at, file->site, f.patched * sizeof(file->site[0])) && sites_ok(file))
		return file;
	kfree(file);
	return NULL;
}

static i64 number_of(const struct vma *v)
{
	const struct file_ops *ops = v->file->ops;
	struct host_identity id;
	i64 at;

	if (head.keys_at)
		return ops->host_identity && ops->host_identity(v->file, &id) ? find_file(id.ino, &id) : -1;
	at = ops->image_offset ? ops->image_offset(v->file, v->offset) : 0;
	return at > 0 ? find_file(at - v->offset, NULL) : -1;
}

/* The file of the index that v maps text of, or null; loaded once. */
static const struct image_file *file_of(const struct vma *v)
{
	struct image_file *file;
	i64 i;

	if (!index_at || !v->file)
		return NULL;
	i = number_of(v);
	if (i < 0)
		return NULL;
	mutex_lock(&known_lock);
	if (!known[i])
		known[i] = load_file(i);
	file = known[i];
	mutex_unlock(&known_lock);
	return file;
}

/* --- addresses ----------------------------------------------------------------------------------------- */

/* Where the address lies in a stub of the image's: its site.  Null: it does not. */
static const struct text_site *site_of_stub(const struct mm *mm, u64 rip, u64 *text, u32 *offset)
{
	for (u32 i = 0; i < REWRITE_IMAGES; i++) {
		const struct rewrite_image *im = &mm->image[i];
		u64 stubs = __atomic_load_n(&im->stubs, __ATOMIC_ACQUIRE);

		if (!stubs || rip - stubs >= (u64)im->file->f.patched * STUB_SIZE)
			continue;
		*text = im->text;
		*offset = (rip - stubs) % STUB_SIZE;
		return &im->file->site[(rip - stubs) / STUB_SIZE];
	}
	return NULL;
}

static struct stub_map map_of(u64 text, const struct text_site *s)
{
	struct stub_map map = {.site = text + s->site, .before = s->before, .length = s->length, .moved = s->moved};

	memcpy(map.from, s->from, sizeof(map.from));
	memcpy(map.to, s->to, sizeof(map.to));
	return map;
}

bool image_entering(const struct mm *mm, u64 rip, bool *entering)
{
	u32 offset;
	u64 text;
	const struct text_site *s = site_of_stub(mm, rip, &text, &offset);

	if (s)
		*entering = stub_is_entering(s->before, offset);
	return s;
}

u64 image_shown(const struct mm *mm, u64 rip)
{
	u32 offset;
	u64 text;
	const struct text_site *s = site_of_stub(mm, rip, &text, &offset);
	struct stub_map map;

	if (!s)
		return rip;
	map = map_of(text, s);
	return stub_shown(&map, offset);
}

static const struct rewrite_image *image_around(const struct mm *mm, u64 addr)
{
	for (u32 i = 0; i < REWRITE_IMAGES; i++) {
		const struct rewrite_image *im = &mm->image[i];

		if (__atomic_load_n(&im->stubs, __ATOMIC_ACQUIRE) && READ_ONCE(im->live) &&
		    addr - im->text < (u64)im->file->f.pages * PAGE_SIZE)
			return im;
	}
	return NULL;
}

/* The number of the last site that is not behind the address. */
static u32 site_before(const struct rewrite_image *im, u64 rip)
{
	const struct text_site *site = im->file->site;
	u32 low = 0;

	for (u32 high = im->file->f.patched; high - low > 1;) {
		u32 middle = low + (high - low) / 2;

		if (im->text + site[middle].site <= rip)
			low = middle;
		else
			high = middle;
	}
	return low;
}

u64 image_real(const struct mm *mm, u64 rip)
{
	const struct rewrite_image *im = image_around(mm, rip);
	struct stub_map map;
	u32 i;

	if (!im)
		return rip;
	i = site_before(im, rip);
	map = map_of(im->text, &im->file->site[i]);
	return stub_real(&map, im->stubs + (u64)i * STUB_SIZE, rip);
}

bool image_is_site(const struct mm *mm, u64 rip)
{
	const struct rewrite_image *im = image_around(mm, rip);

	return im && im->text + im->file->site[site_before(im, rip)].site == rip;
}

static const u8 *original_at(const struct rewrite_image *im, u64 addr)
{
	return (const u8 *)BZ_IMAGE_BASE + im->file->f.first + im->file->f.text + (addr - im->text);
}

/* What stood at the patch of the file's site i. */
static bool read_original(const struct rewrite_image *im, u32 i, u8 original[PATCH_MAX])
{
	const struct image_file *file = im->file;

	if (file->key.originals_at)
		return read_index(file->key.originals_at + i * (u64)PATCH_MAX, original, PATCH_MAX);
	return !copy_fault_safe(original, original_at(im, im->text + file->site[i].site - file->site[i].before), PATCH_MAX);
}

bool image_displaced(const struct mm *mm, u64 rip, struct stub_map *map, u8 original[PATCH_MAX])
{
	const struct rewrite_image *im = image_around(mm, rip);
	u32 i;

	if (!im)
		return false;
	i = site_before(im, rip);
	*map = map_of(im->text, &im->file->site[i]);
	return read_original(im, i, original);
}

/* The patches among the n bytes at addr, which all lie in the text, are taken out of what was read. */
static void hide_patches(const struct rewrite_image *im, u64 addr, u8 *buf, u64 n)
{
	u8 original[PATCH_MAX];

	for (u32 i = site_before(im, addr); i < im->file->f.patched; i++) {
		const struct text_site *s = &im->file->site[i];
		u64 at = im->text + s->site - s->before;

		if (at >= addr + n)
			return;
		if (at + s->length <= addr || !read_original(im, i, original))
			continue;
		for (u32 b = 0; b < s->length; b++)
			if (at + b - addr < n)
				buf[at + b - addr] = original[b];
	}
}

/* The n bytes at addr were read to buf: as they stand in the file. */
void image_hide(const struct mm *mm, u64 addr, u8 *buf, size_t n)
{
	for (size_t i = 0; i < n;) {
		const struct rewrite_image *im = image_around(mm, addr + i);
		u64 part;

		if (!im) {
			i += PAGE_SIZE - ((addr + i) & ~PAGE_MASK);
			continue;
		}
		part = min((u64)n - i, (u64)im->file->f.pages * PAGE_SIZE - (addr + i - im->text));
		hide_patches(im, addr + i, buf + i, part);
		i += part;
	}
}

/* --- mapping ------------------------------------------------------------------------------------------- */

/* The place of text and stubs, if v maps all of the text and there is room before. */
static bool find_place(struct mm *mm, const struct vma *v, const struct image_file *file, u64 *text)
{
	u64 skip = file->f.text - v->offset, bytes = (u64)file->f.pages * PAGE_SIZE, stubs, size;
	struct vma *next;

	if (v->offset > file->f.text || min(v->end, v->backed_end) - v->start < skip ||
	    min(v->end, v->backed_end) - v->start - skip < bytes)
		return false;
	*text = v->start + skip;
	size = (u64)file->f.stub_pages * PAGE_SIZE;
	stubs = *text - file->f.distance;
	if (*text < file->f.distance + MMAP_MIN_ADDR || !range_ok(stubs, size))
		return false;
	next = vma_find(mm, stubs);
	return !next || (next->start >= stubs + size && !((next->flags & MAP_GROWSDOWN) && next->start - (stubs + size) < STACK_GUARD_GAP));
}

static bool map_stubs(struct mm *mm, const struct image_file *file, u64 stubs)
{
	u64 size = (u64)file->f.stub_pages * PAGE_SIZE;
	struct vma *v = vma_new(stubs, stubs + size, PROT_READ | PROT_EXEC, MAP_PRIVATE | VMA_SPECIAL);

	if (!v || host->stream_map(BZ_STREAM_IMAGE, stubs, size, BZ_PROT_READ | BZ_PROT_EXEC, BZ_MAP_NOREPLACE, file->f.stubs)) {
		if (v)
			vma_free(v);
		return false;
	}
	v->name = "[stubs]";
	v->backed_end = stubs + size;
	vma_insert(mm, v);
	return true;
}

void rewrite_mapped(struct mm *mm, u64 addr)
{
	struct rewrite_image *im = mm->image, *end = im + REWRITE_IMAGES;
	struct vma *v = index_at ? vma_find(mm, addr) : NULL;
	const struct image_file *file;
	u64 text;

	if (!v || v->start > addr || v->prot != (PROT_READ | PROT_EXEC) || vma_is_shared(v) || mm->trap_only)
		return;
	file = file_of(v);
	while (im < end && im->stubs)
		im++;
	if (!file || im == end || !find_place(mm, v, file, &text) || !map_stubs(mm, file, text - file->f.distance))
		return;
	im->file = file;
	im->text = text;
	im->live = 1;
	__atomic_store_n(&im->stubs, text - file->f.distance, __ATOMIC_RELEASE);
	for (u32 r = 0; r < file->f.runs; r++) {
		const struct text_run *run = &file->f.run[r];

		/* What is not mapped stays the original, and traps. */
		host->stream_map(BZ_STREAM_IMAGE, text + run->page * PAGE_SIZE, run->pages * PAGE_SIZE, BZ_PROT_READ | BZ_PROT_EXEC, 0,
				 run->offset);
	}
}

/* --- taking back --------------------------------------------------------------------------------------- */

/* The original pages again, but for [start, end), which is somebody else's now. */
static void put_back(struct mm *mm, struct rewrite_image *im, u64 start, u64 end)
{
	for (u32 r = 0; im->live && r < im->file->f.runs; r++) {
		u64 from = im->text + im->file->f.run[r].page * PAGE_SIZE, to = from + im->file->f.run[r].pages * PAGE_SIZE;

		for (struct vma *v = vma_find(mm, from); v && v->start < to; v = vma_next(mm, v)) {
			u64 low = max(from, v->start), high = min(to, v->end);

			for (u64 page = low; page < high; page += PAGE_SIZE) {
				u64 n = PAGE_SIZE;

				if (page >= start && page < end)
					continue;
				while (page + n < high && !(page + n >= start && page + n < end))
					n += PAGE_SIZE;
				if (!v->file || v->file->ops->mmap(v->file, page, n, host_prot(v->prot), 0, v->offset + (page - v->start)) < 0)
					panic("text at %lx cannot be mapped again", (unsigned long)page);
				page += n - PAGE_SIZE;
			}
		}
	}
	WRITE_ONCE(im->live, 0);
}

bool image_is_live(const struct mm *mm, u64 start, u64 end)
{
	for (u32 i = 0; i < REWRITE_IMAGES; i++) {
		const struct rewrite_image *im = &mm->image[i];

		if (im->stubs && im->live && im->text < end && im->text + (u64)im->file->f.pages * PAGE_SIZE > start)
			return true;
	}
	return false;
}

void image_restore(struct mm *mm, u64 start, u64 end)
{
	for (u32 i = 0; i < REWRITE_IMAGES; i++) {
		struct rewrite_image *im = &mm->image[i];

		if (im->stubs && im->text < end && im->text + (u64)im->file->f.pages * PAGE_SIZE > start)
			put_back(mm, im, 0, 0);
	}
}

static void drop_stubs(struct mm *mm, struct rewrite_image *im)
{
	u64 size = (u64)im->file->f.stub_pages * PAGE_SIZE;
	struct vma *v = vma_find(mm, im->stubs);

	if (!v || v->start != im->stubs || v->end != im->stubs + size || host->mem_unmap(v->start, size))
		return;
	vma_erase(mm, v);
	vma_free(v);
}

/* [start, end) is no longer what it was.  Stubs go with the whole of their text; text cannot be without its stubs. */
void image_forget(struct mm *mm, u64 start, u64 end)
{
	for (u32 i = 0; i < REWRITE_IMAGES; i++) {
		struct rewrite_image *im = &mm->image[i];
		u64 stubs = im->stubs, text_end;

		if (!stubs)
			continue;
		text_end = im->text + (u64)im->file->f.pages * PAGE_SIZE;
		if (start < stubs + (u64)im->file->f.stub_pages * PAGE_SIZE && end > stubs) {
			put_back(mm, im, start, end);
		} else if (start <= im->text && end >= text_end) {
			im->live = 0;
			drop_stubs(mm, im);
		} else {
			if (start < text_end && end > im->text)
				put_back(mm, im, start, end);
			continue;
		}
		__atomic_store_n(&im->stubs, 0, __ATOMIC_RELEASE);
	}
}
