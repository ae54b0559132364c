/*
 * Data of in-memory files: windows of the arena (tmpfs.h).  inode->lock protects the windows and the size; a write takes
 * it, a read takes it too so that truncation cannot pull a window away under it.
 */
#include "libos/tmpfs/tmpfs.h"
#include "libos/kernel/lock.h"
#include <linux/falloc.h>

#define SIZE_LIMIT (1ull << 45)

static u32 window_of(u64 pos)
{
	u64 page = pos >> PAGE_SHIFT;

	return page ? 64 - __builtin_clzll(page) : 0;
}

static u32 window_order(u32 k)
{
	return k ? k - 1 : 0;
}

static u64 window_start(u32 k)
{
	return k ? PAGE_SIZE << (k - 1) : 0;
}

static u64 window_size(u32 k)
{
	return PAGE_SIZE << window_order(k);
}

/* The memory behind `pos`, or null for a hole; *len: bytes to the window's end. */
static char *data_at(struct inode *inode, u64 pos, u64 *len)
{
	u32 k = window_of(pos);
	char *w = tmpfs_node(inode)->file.window[k];

	*len = window_start(k) + window_size(k) - pos;
	return w ? w + (pos - window_start(k)) : NULL;
}

static int window_make(struct inode *inode, u64 pos)
{
	u32 k = window_of(pos);
	void **w = &tmpfs_node(inode)->file.window[k];

	if (!*w)
		*w = pages_alloc_zero(window_order(k));
	return *w ? 0 : -ENOSPC;
}

static int charge(struct inode *inode, u64 old_size, u64 new_size)
{
	struct tmpfs_sb *sb = inode->sb->priv;
	i64 more = (i64)(PAGE_ALIGN(new_size) >> PAGE_SHIFT) - (i64)(PAGE_ALIGN(old_size) >> PAGE_SHIFT);
	u64 now = __atomic_add_fetch(&sb->used_pages, more, __ATOMIC_RELAXED);

	if (more > 0 && sb->limit_pages && now > sb->limit_pages) {
		__atomic_sub_fetch(&sb->used_pages, more, __ATOMIC_RELAXED);
		return -ENOSPC;
	}
	return 0;
}

static void clear_range(struct inode *inode, u64 from, u64 to)
{
	while (from < to) {
		u64 room;
		char *p = data_at(inode, from, &room);
		u64 n = min(room, to - from);

		if (p) {
			u64 head = min(n, (u64)(-(u64)p & (PAGE_SIZE - 1))), whole = (n - head) & PAGE_MASK;

			memset(p, 0, head);
			if (whole)
				pages_punch(p + head, whole);
			memset(p + head + whole, 0, n - head - whole);
		}
		from += n;
	}
}

int tmpfs_file_resize(struct inode *inode, u64 size)
{
	struct tmpfs_node *n = tmpfs_node(inode);
	u64 old = inode->size;
	int err;

	if (size > SIZE_LIMIT)
		return -EFBIG;
	err = charge(inode, old, size);
	if (err)
		return err;
	if (size < old) {
		u32 keep = size ? window_of(size - 1) + 1 : 0;

		for (u32 k = keep; k < TMPFS_WINDOWS; k++) {
			if (n->file.window[k])
				pages_free(n->file.window[k], window_order(k));
			n->file.window[k] = NULL;
		}
		if (keep)
			clear_range(inode, size, min(old, window_start(keep - 1) + window_size(keep - 1)));
	}
	inode->size = size;
	inode->blocks = PAGE_ALIGN(size) / 512;
	return 0;
}

void tmpfs_file_free(struct inode *inode)
{
	tmpfs_file_resize(inode, 0);
}

static ssize_t file_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct inode *inode = f->inode;
	ssize_t done = 0;

	mutex_lock(&inode->lock);
	while (it->left && *pos >= 0 && (u64)*pos < inode->size) {
		u64 room;
		char *p = data_at(inode, *pos, &room);
		size_t want = min(it->left, inode->size - (u64)*pos);
		size_t n;

		want = min((u64)want, room);
		n = p ? iov_copy_to(it, p, want) : iov_zero(it, want);
		done += n;
		*pos += n;
		if (n < want) {
			done = done ? done : -EFAULT;
			break;
		}
	}
	mutex_unlock(&inode->lock);
	return done;
}

static ssize_t write_locked(struct inode *inode, struct iov_iter *it, i64 *pos)
{
	ssize_t done = 0;
	int err;

	if ((u64)*pos + it->left > SIZE_LIMIT) {
		if ((u64)*pos >= SIZE_LIMIT)
			return -EFBIG;
		it->left = SIZE_LIMIT - *pos;
	}
	while (it->left) {
		u64 room, end;
		size_t want, n;
		char *p;

		err = window_make(inode, *pos);
		if (err)
			return done ? done : err;
		p = data_at(inode, *pos, &room);
		want = min((u64)it->left, room);
		end = *pos + want;
		if (end > inode->size) {
			err = charge(inode, inode->size, end);
			if (err)
				return done ? done : err;
		}
		n = iov_copy_from(it, p, want);
		if (end > inode->size) {
			if (n < want)
				charge(inode, end, max(inode->size, *pos + n));
			inode->size = max(inode->size, *pos + n);
			inode->blocks = PAGE_ALIGN(inode->size) / 512;
		}
		done += n;
		*pos += n;
		if (n < want)
			return done ? done : -EFAULT;
	}
	return done;
}

#define SEAL_WRITE 8
#define SEAL_FUTURE_WRITE 16
#define SEAL_GROW 4

static ssize_t file_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct inode *inode = f->inode;
	u32 seals = tmpfs_node(inode)->file.seals;
	ssize_t n;

	if (!it->left)
		return 0;
	mutex_lock(&inode->lock);
	if (f->flags & O_APPEND)
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
		if (inode->mode & (S_ISUID | S_ISGID))
			inode->mode &= ~(S_ISUID | (inode->mode & 010 ? S_ISGID : 0));
	}
	mutex_unlock(&inode->lock);
	return n;
}

static int map_windows(struct inode *inode, u64 addr, u64 len, u32 prot, u32 flags, u64 off)
{
	while (len) {
		u64 room, n;
		char *p;
		int err = window_make(inode, off);

		if (err)
			return -ENOMEM;
		p = data_at(inode, off, &room);
		n = min(len, room);
		err = host->stream_map(BZ_STREAM_ARENA, addr, n, prot, flags, arena_offset(p));
		if (err)
			return err;
		addr += n;
		off += n;
		len -= n;
	}
	return 0;
}

static i64 file_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 flags, u64 off)
{
	struct inode *inode = f->inode;
	u64 end;
	int err;

	mutex_lock(&inode->lock);
	end = PAGE_ALIGN(inode->size);
	len = off >= end ? 0 : min(len, end - off);
	err = map_windows(inode, addr, len, prot, flags, off);
	mutex_unlock(&inode->lock);
	return err ? err : (i64)len;
}

static int file_fallocate(struct file *f, u32 mode, u64 off, u64 len)
{
	struct inode *inode = f->inode;
	u64 end = off + len;
	int err = 0;

	if (mode & ~(u32)(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	if (tmpfs_node(inode)->file.seals & (mode & FALLOC_FL_PUNCH_HOLE ? SEAL_WRITE : SEAL_GROW) &&
	    (mode & FALLOC_FL_PUNCH_HOLE || end > inode->size))
		err = -EPERM;
	else if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		clear_range(inode, off, min(end, inode->size));
	if (!err && !(mode & (FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE)) && end > inode->size)
		err = tmpfs_file_resize(inode, end);
	if (!err)
		inode_touch_mtime(inode);
	mutex_unlock(&inode->lock);
	return err;
}

static int file_fsync(struct file *f, bool data_only)
{
	/* There is no disk behind it: what was written is where it will ever be. */
	return 0;
}

const struct file_ops tmpfs_file_fops = {
	.read = file_read, .write = file_write, .mmap = file_mmap, .fallocate = file_fallocate, .fsync = file_fsync};
