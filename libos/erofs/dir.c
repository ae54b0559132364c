/*
 * Directories of EROFS: blocks of sorted entries, names behind them; names ascend through the whole directory, so a
 * lookup is a binary search over blocks, then within one.
 *
 *   block:  | dirent 0 | dirent 1 | ... | name 0 | name 1 | ...        dirent[0].nameoff / 12 is their number
 */
#include "libos/erofs/erofs.h"

struct dir_block {
	u8 *data;		/* a copy, EROFS_BLOCK_SIZE bytes */
	u32 size, count;
};

static int block_load(struct inode *dir, u64 index, struct dir_block *b)
{
	const struct erofs_dirent *d = (void *)b->data;
	ssize_t n = erofs_read_kernel(dir, b->data, EROFS_BLOCK_SIZE, index * EROFS_BLOCK_SIZE);

	if (n < (ssize_t)sizeof(*d))
		return n < 0 ? n : -EIO;
	b->size = n;
	b->count = d->nameoff / sizeof(*d);
	if (!b->count || d->nameoff % sizeof(*d) || d->nameoff > b->size)
		return -EIO;
	return 0;
}

/* Name of entry i; -EIO where offsets lead outside. */
static int entry_name(const struct dir_block *b, u32 i, const char **name, u32 *len)
{
	const struct erofs_dirent *d = (void *)b->data;
	u32 from = d[i].nameoff, to = i + 1 < b->count ? d[i + 1].nameoff : b->size;

	if (from > to || to > b->size || from < b->count * sizeof(*d))
		return -EIO;
	*name = (const char *)b->data + from;
	*len = strnlen(*name, to - from);
	return *len && *len <= NAME_MAX ? 0 : -EIO;
}

static int compare(const char *a, u32 alen, const char *b, u32 blen)
{
	int c = memcmp(a, b, min(alen, blen));

	return c ? c : (alen > blen) - (alen < blen);
}

/* 1 found (*nid), 0 not in this block; *order tells on which side the name would lie. */
static int search_block(const struct dir_block *b, const char *name, u32 len, u64 *nid, int *order)
{
	const struct erofs_dirent *d = (void *)b->data;
	u32 lo = 0, hi = b->count, n;
	const char *s;
	int c = 0;

	while (lo < hi) {
		u32 mid = lo + (hi - lo) / 2;

		if (entry_name(b, mid, &s, &n))
			return -EIO;
		c = compare(name, len, s, n);
		if (c == 0) {
			*nid = d[mid].nid;
			return 1;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	*order = lo == 0 ? -1 : lo == b->count ? 1 : 0;
	return 0;
}

int erofs_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct dir_block b = {.data = kmalloc(EROFS_BLOCK_SIZE)};
	u64 lo = 0, hi = (dir->size + EROFS_BLOCK_SIZE - 1) >> EROFS_BLOCK_BITS, nid = 0;
	int ret = -ENOENT, order;

	if (!b.data)
		return -ENOMEM;
	if (len > NAME_MAX)
		ret = -ENAMETOOLONG;
	while (ret == -ENOENT && lo < hi) {
		u64 mid = lo + (hi - lo) / 2;

		ret = block_load(dir, mid, &b);
		if (ret)
			break;
		ret = search_block(&b, name, len, &nid, &order);
		if (ret)
			break;
		ret = -ENOENT;
		if (!order)
			break;
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	kfree(b.data);
	return ret == 1 ? erofs_inode_get(dir->sb, nid, out) : ret;
}

/* A position is the byte offset of a dirent, as on Linux; erofs keeps `.` and `..` as ordinary entries. */
static int dir_readdir(struct file *f, i64 *pos,
		       bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next), void *arg)
{
	static const u8 dtypes[] = {0, 8, 4, 2, 6, 1, 12, 10};
	struct dir_block b = {.data = kmalloc(EROFS_BLOCK_SIZE)};
	const struct erofs_dirent *d = (void *)b.data;
	bool more = true;
	int err = 0;

	if (!b.data)
		return -ENOMEM;
	while (more && !err && *pos >= 0 && (u64)*pos < f->inode->size) {
		u64 block = *pos >> EROFS_BLOCK_BITS;
		u32 i = (*pos & (EROFS_BLOCK_SIZE - 1)) / sizeof(*d);

		err = block_load(f->inode, block, &b);
		for (; !err && more && i < b.count; i++) {
			i64 next = (block << EROFS_BLOCK_BITS) + (i + 1) * sizeof(*d);
			const char *name;
			u32 len;

			if (i + 1 == b.count)
				next = (block + 1) << EROFS_BLOCK_BITS;
			err = entry_name(&b, i, &name, &len);
			if (err)
				break;
			more = emit(arg, name, len, d[i].nid, d[i].type < ARRAY_SIZE(dtypes) ? dtypes[d[i].type] : 0, next);
			if (more)
				*pos = next;
		}
		if (!err && more && *pos >> EROFS_BLOCK_BITS == (i64)block)
			*pos = (block + 1) << EROFS_BLOCK_BITS;
	}
	kfree(b.data);
	return err;
}

const struct file_ops erofs_dir_fops = {.readdir = dir_readdir};
