/*
 * File data of EROFS: where it lies, reading it in place, mapping it.  A flat file is one run of blocks, the tail of an
 * inline one stands behind its inode, a chunk-based one has a map of runs and holes.
 */
#include "libos/erofs/erofs.h"
#include "libos/mm/mm.h"

static int map_chunk(struct inode *inode, u64 pos, u64 *off, u64 *len)
{
	struct erofs_sb *sb = erofs_sb(inode->sb);
	struct erofs_inode *n = erofs_node(inode);
	u32 bits = EROFS_BLOCK_BITS + (n->start & EROFS_CHUNK_BITS_MASK), blk;
	u64 index = pos >> bits, in = pos & ((1ull << bits) - 1);
	struct erofs_chunk_index ci;

	if (n->start & EROFS_CHUNK_INDEXES) {
		if (erofs_copy(sb, &ci, ROUND_UP(n->body, 8) + index * sizeof(ci), sizeof(ci)))
			return -EIO;
		if (ci.device_id)
			return -EOPNOTSUPP;
		blk = ci.blkaddr;
	} else if (erofs_copy(sb, &blk, ROUND_UP(n->body, 4) + index * sizeof(blk), sizeof(blk))) {
		return -EIO;
	}
	*len = min((1ull << bits) - in, inode->size - pos);
	*off = blk == EROFS_NULL_ADDR ? 0 : ((u64)blk << EROFS_BLOCK_BITS) + in;
	return 0;
}

int erofs_map(struct inode *inode, u64 pos, u64 *off, u64 *len)
{
	struct erofs_inode *n = erofs_node(inode);
	u64 inline_from = ~0ull;

	if (pos >= inode->size)
		return -EINVAL;
	if (n->layout == EROFS_CHUNK_BASED)
		return map_chunk(inode, pos, off, len);
	if (n->layout == EROFS_FLAT_INLINE)
		inline_from = inode->size & ~(u64)(EROFS_BLOCK_SIZE - 1);
	if (pos >= inline_from) {
		*off = n->body + (pos - inline_from);
		*len = inode->size - pos;
	} else {
		*off = ((u64)n->start << EROFS_BLOCK_BITS) + pos;
		*len = min(inode->size, inline_from) - pos;
	}
	return 0;
}

static ssize_t read_run(struct inode *inode, struct iov_iter *it, u64 pos)
{
	struct erofs_sb *sb = erofs_sb(inode->sb);
	u64 off, len;
	size_t got;
	u8 probe;
	int err = erofs_map(inode, pos, &off, &len);

	if (err)
		return err;
	len = min(len, (u64)it->left);
	if (!off)
		return iov_zero(it, len);
	if (off > sb->size || len > sb->size - off)
		return -EIO;
	got = iov_copy_to(it, sb->base + off, len);
	/* A short copy is the guest's bad pointer, unless the image itself cannot be read (it was truncated). */
	if (got < len && copy_fault_safe(&probe, sb->base + off + got, 1))
		return got ? (ssize_t)got : -EIO;
	return got;
}

static ssize_t file_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct inode *inode = f->inode;
	ssize_t done = 0, n;

	while (it->left && *pos >= 0 && (u64)*pos < inode->size) {
		size_t want = min(it->left, inode->size - (u64)*pos);

		n = read_run(inode, it, *pos);
		if (n <= 0)
			return done ? done : n ? n : -EFAULT;
		done += n;
		*pos += n;
		if ((size_t)n == want)
			break;
	}
	return done;
}

static ssize_t file_lend(struct file *f, u64 pos, size_t n, lend_fn take, void *arg)
{
	struct erofs_sb *sb = erofs_sb(f->inode->sb);
	u64 off, len;

	if (erofs_map(f->inode, pos, &off, &len) || !off || off > sb->size || len > sb->size - off)
		return -EOPNOTSUPP;
	return take(arg, sb->base + off, min(len, (u64)n));
}

ssize_t erofs_read_kernel(struct inode *inode, void *buf, size_t n, u64 pos)
{
	size_t done = 0;

	while (done < n && pos + done < inode->size) {
		u64 off, len;
		int err = erofs_map(inode, pos + done, &off, &len);

		if (err)
			return err;
		len = min(len, (u64)(n - done));
		if (!off)
			memset((char *)buf + done, 0, len);
		else if (erofs_copy(erofs_sb(inode->sb), (char *)buf + done, off, len))
			return -EIO;
		done += len;
	}
	return done;
}

/* Data that is not on a page boundary (an inline tail) is mapped from a copy in the arena, which lives as long as the inode. */
static void *tail_page(struct inode *inode, u64 pos, int *err)
{
	struct erofs_inode *n = erofs_node(inode);
	void *page = __atomic_load_n(&n->tail, __ATOMIC_ACQUIRE), *none = NULL;
	ssize_t got;

	*err = n->layout == EROFS_FLAT_INLINE ? 0 : -EIO;
	if (page || *err)
		return *err ? NULL : page;
	page = pages_alloc_zero(0);
	if (!page) {
		*err = -ENOMEM;
		return NULL;
	}
	got = erofs_read_kernel(inode, page, PAGE_SIZE, pos);
	if (got < 0) {
		*err = got;
		pages_free(page, 0);
		return NULL;
	}
	if (!__atomic_compare_exchange_n(&n->tail, &none, page, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		pages_free(page, 0);
		page = none;
	}
	return page;
}

/* One stretch of a mapping.  Returns how many bytes of it (whole pages) were mapped. */
static i64 map_run(struct file *f, u64 addr, u64 len, u32 prot, u32 flags, u64 pos)
{
	struct inode *inode = f->inode;
	u64 off, run;
	void *page;
	int err = erofs_map(inode, pos, &off, &run);

	if (err)
		return err;
	len = min(len, PAGE_ALIGN(run));
	if (off && !(off & (PAGE_SIZE - 1)) && off + run <= erofs_sb(inode->sb)->size) {
		err = host->stream_map(BZ_STREAM_IMAGE, addr, len, prot, flags, off);
		return err ? err : (i64)len;
	}
	if (!off) {
		err = host->mem_map(addr, len, prot, flags);
		return err ? err : (i64)len;
	}
	page = tail_page(inode, pos, &err);
	if (page)
		err = host->stream_map(BZ_STREAM_ARENA, addr, PAGE_SIZE, prot, flags, arena_offset(page));
	return err ? err : (i64)PAGE_SIZE;
}

static i64 file_mmap(struct file *f, u64 addr, u64 len, u32 prot, u32 flags, u64 off)
{
	u64 end = PAGE_ALIGN(f->inode->size), done = 0;

	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	/* Nobody can write the file, so a private mapping is as good as a shared one. */
	flags &= ~BZ_MAP_SHARED;
	len = off >= end ? 0 : min(len, end - off);
	while (done < len) {
		i64 n = map_run(f, addr + done, len - done, prot, flags, off + done);

		if (n < 0)
			return n;
		done += n;
	}
	return done;
}

static i64 file_image_offset(struct file *f, u64 pos)
{
	u64 off, len;

	return erofs_map(f->inode, pos, &off, &len) ? 0 : (i64)off;
}

const struct file_ops erofs_file_fops = {.read = file_read, .lend = file_lend, .mmap = file_mmap, .image_offset = file_image_offset};
