/*
 * Data of in-memory files: chunks of the arena (tmpfs.h).  inode->lock keeps size and data together: reads, writes and
 * truncation take it.  file.lock protects the chunk table alone, so that mapping a file, which happens under mm->lock, never
 * waits for a write that faults on the guest's buffer.
 */
#include "libos/tmpfs/tmpfs.h"
#include "libos/kernel/lock.h"
#include <linux/falloc.h>
#include <linux/fs.h>

#define CHUNK_ORDER 10			/* the largest: 4 MiB */
#define CHUNK_PAGES (1u << CHUNK_ORDER)
#define CHUNKS_MAX (4u << 20)		/* data of a sparse file lies below 16 TiB */
#define SIZE_LIMIT 0x7fffffffffffffffull
#define ROOM_FROM 16			/* pages */
#define ROOM_MORE 2			/* orders */
#define ROOM_MAX 8			/* 1 MiB */
#define INLINE_ORDER 6			/* up to 64 pages a chunk's bits fit in a word */

#define SEAL_GROW 4
#define SEAL_WRITE 8
#define SEAL_FUTURE_WRITE 16

/* --- where a page lies --- */

static u64 chunk_of(u64 page)
{
	if (page < CHUNK_PAGES)
		return page ? 64 - __builtin_clzll(page) : 0;
	return CHUNK_ORDER + 1 + ((page - CHUNK_PAGES) >> CHUNK_ORDER);
}

static u32 chunk_order(u64 k)
{
	return k <= 1 ? 0 : min(k - 1, (u64)CHUNK_ORDER);
}

static u64 chunk_start(u64 k)	/* its first page */
{
	if (k <= CHUNK_ORDER)
		return k ? 1ull << (k - 1) : 0;
	return CHUNK_PAGES + ((k - CHUNK_ORDER - 1) << CHUNK_ORDER);
}

static u64 *chunk_bits(struct tmpfs_chunk *c, u32 order)
{
	return order <= INLINE_ORDER ? &c->word : c->words;
}

static int table_grow(struct tmpfs_node *n, u64 need)
{
	u32 size = n->file.count ? n->file.count : 4;
	struct tmpfs_chunk *t;

	if (need >= CHUNKS_MAX)
		return -ENOSPC;
	while (size <= need)
		size *= 2;
	t = kzalloc(size * sizeof(*t));
	if (!t)
		return -ENOSPC;
	memcpy(t, n->file.chunk, n->file.count * sizeof(*t));
	kfree(n->file.chunk);
	n->file.chunk = t;
	n->file.count = size;
	return 0;
}

/*
 * Memory for a chunk: behind the one before it where that is free, since what lies in one piece is mapped by one call and has
 * fewer faults.  A file that begins with much at once begins where four times as much would fit: its writer will go on.
 */
static void *chunk_memory(struct tmpfs_node *n, u64 k, u64 want)
{
	u32 order = chunk_order(k), room = 0;
	const char *before = k ? n->file.chunk[k - 1].mem : NULL;

	if (!k && want >= ROOM_FROM)
		room = min(64 - __builtin_clzll(want - 1) + ROOM_MORE, ROOM_MAX);
	return pages_alloc_zero_near(order, before ? before + (PAGE_SIZE << chunk_order(k - 1)) : NULL, room);
}

/* file.lock held: the chunk, with its memory, or null (*err says why).  want: pages that are asked for in all. */
static struct tmpfs_chunk *chunk_make(struct tmpfs_node *n, u64 k, u64 want, int *err)
{
	u32 order = chunk_order(k);
	struct tmpfs_chunk *c;

	*err = k >= n->file.count ? table_grow(n, k) : 0;
	if (*err)
		return NULL;
	c = &n->file.chunk[k];
	if (c->mem)
		return c;
	*err = -ENOSPC;
	if (order > INLINE_ORDER) {
		c->words = kzalloc((1u << order) / 8);
		if (!c->words)
			return NULL;
	}
	c->mem = chunk_memory(n, k, want);
	if (!c->mem) {
		if (order > INLINE_ORDER)
			kfree(c->words);
		c->word = 0;
		return NULL;
	}
	*err = 0;
	return c;
}

static struct tmpfs_chunk *chunk_find(struct tmpfs_node *n, u64 k)
{
	return k < n->file.count && n->file.chunk[k].mem ? &n->file.chunk[k] : NULL;
}

static bool bit_get(struct tmpfs_chunk *c, u64 k, u64 page)
{
	u64 i = page - chunk_start(k);

	return chunk_bits(c, chunk_order(k))[i / 64] >> (i & 63) & 1;
}

/* --- accounting: pages that have data --- */

static int charge(struct inode *inode, i64 pages)
{
	struct tmpfs_sb *sb = inode->sb->priv;
	u64 now = __atomic_add_fetch(&sb->used_pages, pages, __ATOMIC_RELAXED);

	if (pages > 0 && sb->limit_pages && now > sb->limit_pages) {
		__atomic_sub_fetch(&sb->used_pages, pages, __ATOMIC_RELAXED);
		return -ENOSPC;
	}
	WRITE_ONCE(inode->blocks, inode->blocks + pages * (i64)(PAGE_SIZE / 512));
	return 0;
}

/* file.lock held.  Mark [first, last] of one chunk as having data; -ENOSPC at the file system's limit. */
static int mark(struct inode *inode, struct tmpfs_chunk *c, u64 k, u64 first, u64 last)
{
	u64 *bits = chunk_bits(c, chunk_order(k)), start = chunk_start(k);

	for (u64 i = first - start; i <= last - start; i++) {
		int err;

		if (bits[i / 64] >> (i & 63) & 1)
			continue;
		err = charge(inode, 1);
		if (err)
			return err;
		bits[i / 64] |= 1ull << (i & 63);
	}
	return 0;
}

static void unmark(struct inode *inode, struct tmpfs_chunk *c, u64 k, u64 first, u64 last)
{
	u64 *bits = chunk_bits(c, chunk_order(k)), start = chunk_start(k);

	for (u64 i = first - start; i <= last - start; i++) {
		if (!(bits[i / 64] >> (i & 63) & 1))
			continue;
		bits[i / 64] &= ~(1ull << (i & 63));
		charge(inode, -1);
	}
}

/* file.lock held: none of the pages [first, last] of one chunk has data. */
static bool all_unmarked(struct tmpfs_chunk *c, u64 k, u64 first, u64 last)
{
	while (first <= last && !bit_get(c, k, first))
		first++;
	return first > last;
}

/*
 * The memory of the run that begins at pos, at most *len bytes; null: a hole.  make: it gets memory, and the pages
 * [pos, pos + *len) count as data; *fresh tells that the host has no pages for any of it yet.
 */
static char *run_at(struct inode *inode, u64 pos, u64 *len, bool make, bool *fresh, int *err)
{
	struct tmpfs_node *n = tmpfs_node(inode);
	u64 page = pos >> PAGE_SHIFT, k = chunk_of(page), first = chunk_start(k);
	u64 end = (first + (1ull << chunk_order(k))) << PAGE_SHIFT, in = pos & (PAGE_SIZE - 1), want = *len >> PAGE_SHIFT;
	struct tmpfs_chunk *c;
	char *mem = NULL;

	*err = 0;
	mutex_lock(&n->file.lock);
	*len = min(*len, end - pos);
	c = make ? chunk_make(n, k, want, err) : chunk_find(n, k);
	if (c && make) {
		*fresh = pages_came_untouched(c->mem) && all_unmarked(c, k, page, (pos + *len - 1) >> PAGE_SHIFT);
		*err = mark(inode, c, k, page, (pos + *len - 1) >> PAGE_SHIFT);
		if (*err && !bit_get(c, k, page)) {
			c = NULL;
		} else if (*err) {
			/* At least the first page could be had: go as far as that. */
			*len = min(*len, PAGE_SIZE - in);
			*err = 0;
		}
	} else if (c) {
		bool data = bit_get(c, k, page);
		u64 at = page + 1;

		while (at << PAGE_SHIFT < pos + *len && bit_get(c, k, at) == data)
			at++;
		*len = min(*len, (at << PAGE_SHIFT) - pos);
		if (!data)
			c = NULL;
	}
	if (c)
		mem = (char *)c->mem + (pos - (first << PAGE_SHIFT));
	mutex_unlock(&n->file.lock);
	return mem;
}

/* --- shrinking --- */

static void chunk_free(struct inode *inode, struct tmpfs_chunk *c, u64 k)
{
	u32 order = chunk_order(k);

	unmark(inode, c, k, chunk_start(k), chunk_start(k) + (1ull << order) - 1);
	pages_free(c->mem, order);
	if (order > INLINE_ORDER)
		kfree(c->words);
	*c = (struct tmpfs_chunk){0};
}

/* file.lock held: bytes [from, to), which lie in chunk k, read as zero from now on. */
static void clear_in_chunk(struct inode *inode, struct tmpfs_chunk *c, u64 k, u64 from, u64 to)
{
	u64 base = chunk_start(k) << PAGE_SHIFT, whole = PAGE_ALIGN(from), end = to & PAGE_MASK;
	char *mem = c->mem;

	if (whole >= end) {
		/* Parts of at most two pages. */
		u64 middle = min(whole, to);

		if (bit_get(c, k, from >> PAGE_SHIFT))
			memset(mem + (from - base), 0, middle - from);
		if (middle < to && bit_get(c, k, middle >> PAGE_SHIFT))
			memset(mem + (middle - base), 0, to - middle);
		return;
	}
	if (from < whole && bit_get(c, k, from >> PAGE_SHIFT))
		memset(mem + (from - base), 0, whole - from);
	if (end < to && bit_get(c, k, end >> PAGE_SHIFT))
		memset(mem + (end - base), 0, to - end);
	pages_punch(mem + (whole - base), end - whole);
	unmark(inode, c, k, whole >> PAGE_SHIFT, (end >> PAGE_SHIFT) - 1);
}

static void clear_range(struct inode *inode, u64 from, u64 to)
{
	struct tmpfs_node *n = tmpfs_node(inode);

	mutex_lock(&n->file.lock);
	while (from < to) {
		u64 k = chunk_of(from >> PAGE_SHIFT), end;
		struct tmpfs_chunk *c = chunk_find(n, k);

		if (k >= n->file.count)
			break;
		end = min(to, (chunk_start(k) + (1ull << chunk_order(k))) << PAGE_SHIFT);
		if (c)
			clear_in_chunk(inode, c, k, from, end);
		from = end;
	}
	mutex_unlock(&n->file.lock);
}

/* Drop what lies behind `size`.  Memory that was mapped once stays the file's until the end: another process may map it. */
static void drop_behind(struct inode *inode, u64 size)
{
	struct tmpfs_node *n = tmpfs_node(inode);
	u64 pages = PAGE_ALIGN(size) >> PAGE_SHIFT;

	mutex_lock(&n->file.lock);
	for (u64 k = pages ? chunk_of(pages - 1) + 1 : 0; k < n->file.count; k++) {
		struct tmpfs_chunk *c = chunk_find(n, k);
		u64 from = chunk_start(k) << PAGE_SHIFT;

		if (!c)
			continue;
		if (n->file.mapped)
			clear_in_chunk(inode, c, k, from, from + (PAGE_SIZE << chunk_order(k)));
		else
			chunk_free(inode, c, k);
	}
	mutex_unlock(&n->file.lock);
	/* The rest of the last chunk that stays, from the middle of a page on. */
	if (size)
		clear_range(inode, size, (chunk_start(chunk_of((size - 1) >> PAGE_SHIFT)) +
					  (1ull << chunk_order(chunk_of((size - 1) >> PAGE_SHIFT)))) << PAGE_SHIFT);
}

int tmpfs_file_resize(struct inode *inode, u64 size)
{
	u64 old = inode->size;

	if (size > SIZE_LIMIT)
		return -EFBIG;
	WRITE_ONCE(inode->size, size);
	if (size <= old)	/* an equal size too: what fallocate put behind the end goes */
		drop_behind(inode, size);
	else if (tmpfs_node(inode)->file.mapped && (old & (PAGE_SIZE - 1)))
		/* What was stored behind the end through a mapping is not data. */
		clear_range(inode, old, min(size, PAGE_ALIGN(old)));
	return 0;
}

void tmpfs_file_free(struct inode *inode)
{
	struct tmpfs_node *n = tmpfs_node(inode);

	n->file.mapped = false;
	drop_behind(inode, 0);
	kfree(n->file.chunk);
}

/* --- reading and writing --- */

static ssize_t file_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct inode *inode = f->inode;
	ssize_t done = 0;
	int err;

	mutex_lock(&inode->lock);
	while (it->left && *pos >= 0 && (u64)*pos < inode->size) {
		u64 len = min((u64)it->left, inode->size - (u64)*pos);
		char *p = run_at(inode, *pos, &len, false, NULL, &err);
		size_t n = p ? iov_copy_to(it, p, len) : iov_zero(it, len);

		done += n;
		*pos += n;
		if (n < len) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	mutex_unlock(&inode->lock);
	return done;
}

static ssize_t file_lend(struct file *f, u64 pos, size_t n, lend_fn take, void *arg)
{
	struct inode *inode = f->inode;
	ssize_t ret = -EOPNOTSUPP;
	int err;

	/* Held while they are looked at, so that they stay this file's. */
	mutex_lock(&inode->lock);
	if (pos < inode->size) {
		u64 len = min((u64)n, inode->size - pos);
		char *p = run_at(inode, pos, &len, false, NULL, &err);

		if (p)
			ret = take(arg, p, len);
	}
	mutex_unlock(&inode->lock);
	return ret;
}

/*
 * Into pages that the host does not have yet: it fills them as it writes them to the arena's own file, for half of what
 * clearing and mapping each at a fault costs.  0: not so, by a copy then, which also knows what to do about a bad buffer.
 */
static size_t write_through_host(struct iov_iter *it, char *p, u64 len)
{
	struct bz_iov iov[IOV_MAX_HOST];
	u32 n = iov_host(it, iov, IOV_MAX_HOST, len);
	i64 put = host->stream_write(BZ_STREAM_ARENA, iov, n, arena_offset(p), 0);

	if (put <= 0)
		return 0;
	iov_advance(it, put);
	return put;
}

static ssize_t write_locked(struct inode *inode, struct iov_iter *it, i64 *pos)
{
	ssize_t done = 0;
	int err;

	if ((u64)*pos >= SIZE_LIMIT)
		return -EFBIG;
	it->left = min((u64)it->left, SIZE_LIMIT - (u64)*pos);
	if ((u64)*pos > inode->size)
		tmpfs_file_resize(inode, *pos);
	while (it->left) {
		u64 len = it->left;
		bool fresh;
		char *p = run_at(inode, *pos, &len, true, &fresh, &err);
		size_t n;

		if (!p)
			return done ? done : err;
		n = fresh && len >= PAGE_SIZE ? write_through_host(it, p, len) : 0;
		n += iov_copy_from(it, p + n, len - n);
		done += n;
		*pos += n;
		WRITE_ONCE(inode->size, max(inode->size, (u64)*pos));
		if (n < len)
			return done ? done : -EFAULT;
	}
	return done;
}

static ssize_t file_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct inode *inode = f->inode;
	u32 seals = tmpfs_node(inode)->file.seals;
	ssize_t n;

	if (!it->left)
		return 0;
	mutex_lock(&inode->lock);
	if (io_flags(f, it) & O_APPEND)
		*pos = inode->size;
	if (*pos < 0) {
		n = -EINVAL;
	} else if (seals & (SEAL_WRITE | SEAL_FUTURE_WRITE) || ((seals & SEAL_GROW) && *pos + it->left > inode->size)) {
		n = -EPERM;
	} else {
		n = write_locked(inode, it, pos);
	}
	if (n > 0) {
		inode_touch_mtime(inode);
		if ((inode->mode & (S_ISUID | S_ISGID)) && !capable(4 /* CAP_FSETID */))
			inode->mode &= ~(S_ISUID | (inode->mode & 010 ? S_ISGID : 0));
	}
	mutex_unlock(&inode->lock);
	return n;
}

/* The next place at or behind off that has data (or has none). */
static i64 seek_run(struct inode *inode, u64 off, bool want_data)
{
	int err;

	while (off < inode->size) {
		u64 len = inode->size - off;
		bool data = run_at(inode, off, &len, false, NULL, &err) != NULL;

		if (data == want_data)
			return off;
		off += len;
	}
	return want_data ? -ENXIO : (i64)inode->size;
}

u64 tmpfs_file_pages(struct inode *inode, u64 from, u64 to)
{
	u64 pages = 0, len;
	int err;

	mutex_lock(&inode->lock);
	for (to = min(to, PAGE_ALIGN(inode->size)); from < to; from += len) {
		len = to - from;
		if (run_at(inode, from, &len, false, NULL, &err))
			pages += (PAGE_ALIGN(from + len) - (from & PAGE_MASK)) >> PAGE_SHIFT;
	}
	mutex_unlock(&inode->lock);
	return pages;
}

static i64 file_llseek(struct file *f, i64 off, int whence)
{
	struct inode *inode = f->inode;

	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		off += f->pos;
		break;
	case SEEK_END:
		off += inode->size;
		break;
	default:
		if (off < 0 || (u64)off >= inode->size)
			return -ENXIO;
		mutex_lock(&inode->lock);
		off = seek_run(inode, off, whence == SEEK_DATA);
		mutex_unlock(&inode->lock);
		if (off < 0)
			return off;
	}
	if (off < 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

/* --- mapping --- */

/* Memory for the pages of [off, off+len) in one chunk; stores through a shared mapping are not seen, so the pages count as
 * data from now on where the file may be written. */
static char *map_run(struct inode *inode, u64 off, u64 *len, bool data, int *err)
{
	struct tmpfs_node *n = tmpfs_node(inode);
	u64 page = off >> PAGE_SHIFT, k = chunk_of(page), first = chunk_start(k), want = *len >> PAGE_SHIFT;
	struct tmpfs_chunk *c;
	char *mem = NULL;

	mutex_lock(&n->file.lock);
	n->file.mapped = true;
	*len = min(*len, ((first + (1ull << chunk_order(k))) << PAGE_SHIFT) - off);
	c = chunk_make(n, k, want, err);
	if (c && data)
		*err = mark(inode, c, k, page, page + (*len >> PAGE_SHIFT) - 1);
	if (c && !*err)
		mem = (char *)c->mem + (off - (first << PAGE_SHIFT));
	mutex_unlock(&n->file.lock);
	return mem;
}

/* How many of the len bytes at off lie at `p`, too: windows that were taken one after the other often do, and need one host
 * mapping then. */
static u64 adjacent_runs(struct inode *inode, u64 off, const char *p, u64 len, bool data)
{
	u64 done = 0;
	int err;

	while (done < len) {
		u64 n = len - done;

		if (map_run(inode, off + done, &n, data, &err) != p + done)
			break;
		done += n;
	}
	return done;
}

static i64 file_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 flags, u64 off)
{
	bool data = (flags & BZ_MAP_SHARED) && FMODE_CAN_WRITE(f);
	u32 seals = tmpfs_node(f->inode)->file.seals;
	u64 end = PAGE_ALIGN(READ_ONCE(f->inode->size)), done = 0;
	int err;

	/* fcntl(2), F_SEAL_WRITE: a mapping that could be made writable later counts as one. */
	if (data && ((seals & SEAL_WRITE) || ((seals & SEAL_FUTURE_WRITE) && (prot & BZ_PROT_WRITE))))
		return -EPERM;
	len = off >= end ? 0 : min(len, end - off);
	while (done < len) {
		u64 n = len - done;
		char *p = map_run(f->inode, off + done, &n, data, &err);

		if (!p)
			return -ENOMEM;
		n += adjacent_runs(f->inode, off + done + n, p + n, len - done - n, data);
		err = host->stream_map(BZ_STREAM_ARENA, addr + done, n, prot, flags, arena_offset(p));
		if (err)
			return err;
		done += n;
	}
	return len;
}

/* --- fallocate(2) --- */

static int allocate(struct inode *inode, u64 off, u64 end)
{
	bool fresh;
	int err = 0;

	for (u64 at = off & PAGE_MASK; at < end && !err;) {
		u64 len = min(end, SIZE_LIMIT) - at;

		if (!run_at(inode, at, &len, true, &fresh, &err))
			return err;
		at += len;
	}
	return err;
}

static int file_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
	struct inode *inode = f->inode;
	u32 seals = tmpfs_node(inode)->file.seals;
	u64 end = off + len;
	int err = 0;

	if (mode & ~(u32)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		/* Without inode->lock: madvise(MADV_REMOVE) comes here under mm->lock, which a write may wait for. */
		if (seals & (SEAL_WRITE | SEAL_FUTURE_WRITE))
			return -EPERM;
		clear_range(inode, off, end);
		inode_touch_mtime(inode);
		return 0;
	}
	mutex_lock(&inode->lock);
	if ((seals & SEAL_GROW) && end > inode->size) {
		err = -EPERM;
	} else {
		err = allocate(inode, off, end);
		if (!err && !(mode & FALLOC_FL_KEEP_SIZE) && end > inode->size)
			err = tmpfs_file_resize(inode, end);
	}
	if (!err)
		inode_touch_mtime(inode);
	mutex_unlock(&inode->lock);
	return err;
}

static int file_fsync(struct file *f, bool data_only)
{
	/* There is no disk behind it: what was written is where it will ever be.  Writes of mappings tell nobody, so who syncs a
	 * file that a mapping may write is taken to have written (POSIX leaves the time open until msync). */
	if (READ_ONCE(f->inode->map_writable))
		inode_touch_mtime(f->inode);
	return 0;
}

const struct file_ops tmpfs_file_fops = {
	.read = file_read,
	.write = file_write,
	.lend = file_lend,
	.llseek = file_llseek,
	.mmap = file_mmap,
	.fallocate = file_fallocate,
	.fsync = file_fsync,
};
