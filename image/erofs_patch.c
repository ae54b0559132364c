/*
 * Owners, modes, times and attribute classes written into an EROFS that mkfs.erofs made from files which
 * could not carry them.  mkfs.erofs 1.5 reads no owner table; fakeroot would, but only by preloading a
 * library into it and a message a file.  All inodes are of the extended form (-Eforce-inode-extended), so
 * each field has its place and nothing moves.  The layout is Documentation/filesystems/erofs.rst's; offsets
 * are checked, for the file was made by another program.
 */
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "image/erofs.h"
#include "image/owners.h"

#define DEPTH_MAX 2100

struct patch {
	uint8_t *bytes;
	uint64_t size, meta;
	struct owners *owners;
	int64_t clamp;
	bool all_root;
	struct image_error *err;
	char path[PATH_MAX];
};

static int damaged(struct patch *p)
{
	return image_fail(p->err, -EINVAL, "mkfs.erofs made a file system that is not understood (/%s)",
			  p->path);
}

/* The inode's own structure and the attributes behind it lie within the file. */
static struct erofs_inode *inode_at(struct patch *p, uint64_t nid, uint64_t *end)
{
	uint64_t off = p->meta + nid * EROFS_SLOT;
	struct erofs_inode *i;

	if (nid > p->size / EROFS_SLOT || off > p->size - sizeof(*i))
		return NULL;
	i = (struct erofs_inode *)(p->bytes + off);
	*end = off + sizeof(*i) + (i->xattr_icount ? 12 + 4 * (uint64_t)(i->xattr_icount - 1) : 0);
	return (i->format & 1) && *end <= p->size ? i : NULL;
}

static uint8_t class_of(const char *list, const char *name, size_t len)
{
	for (; list && *list; list += strlen(list) + 1)
		if (strlen(list + 1) == len && memcmp(list + 1, name, len) == 0)
			return *list == 's' ? EROFS_XATTR_SECURITY : EROFS_XATTR_TRUSTED;
	return EROFS_XATTR_USER;
}

static int patch_xattrs(struct patch *p, struct erofs_inode *i, uint64_t end, const char *list)
{
	uint8_t *at = (uint8_t *)(i + 1), *stop = p->bytes + end;

	if (!list || !i->xattr_icount)
		return 0;
	at += 12 + 4 * (size_t)at[4];
	while (at + 4 <= stop) {
		size_t name = at[0], value = at[2] | (size_t)at[3] << 8;

		if ((size_t)(stop - at) < 4 + name + value)
			return damaged(p);
		if (at[1] == EROFS_XATTR_USER)
			at[1] = class_of(list, (char *)at + 4, name);
		at += (4 + name + value + 3) & ~(size_t)3;
	}
	return 0;
}

static int patch_inode(struct patch *p, struct erofs_inode *i, uint64_t end)
{
	static const struct owner implied = {.mode = 0755};
	const struct owner *o = owners_find(p->owners, p->path);

	/* A hard link's later name has no entry of its own: its first name has set the inode. */
	if (!o && !S_ISDIR(i->mode) && i->nlink > 1)
		return 0;
	if (!o)
		o = &implied;
	i->mode = (uint16_t)((i->mode & S_IFMT) | (S_ISLNK(i->mode) ? 0777 : o->mode));
	i->uid = p->all_root ? 0 : o->uid;
	i->gid = p->all_root ? 0 : o->gid;
	i->mtime = (uint64_t)(o->mtime > p->clamp ? p->clamp : o->mtime);
	i->mtime_nsec = o->mtime >= p->clamp ? 0 : o->mtime_nsec;
	return patch_xattrs(p, i, end, o->xattrs);
}

static int patch_tree(struct patch *p, uint64_t nid, size_t len, int depth);

static int patch_block(struct patch *p, const uint8_t *block, size_t n, size_t len, int depth)
{
	const struct erofs_dirent *d = (const struct erofs_dirent *)block;
	size_t count = n >= sizeof(*d) ? d[0].nameoff / sizeof(*d) : 0;

	if (count == 0 || count * sizeof(*d) > n)
		return damaged(p);
	for (size_t i = 0; i < count; i++) {
		size_t from = d[i].nameoff, to = i + 1 < count ? d[i + 1].nameoff : n, name;
		int ret;

		if (from < count * sizeof(*d) || from >= to || to > n)
			return damaged(p);
		name = strnlen((const char *)block + from, to - from);
		if ((name == 1 && block[from] == '.') || (name == 2 && !memcmp(block + from, "..", 2)))
			continue;
		if (len + name + 2 > sizeof(p->path))
			return damaged(p);
		if (len)
			p->path[len] = '/';
		memcpy(p->path + len + (len > 0), block + from, name);
		p->path[len + (len > 0) + name] = 0;
		ret = patch_tree(p, d[i].nid, len + (len > 0) + name, depth + 1);
		p->path[len] = 0;
		if (ret)
			return ret;
	}
	return 0;
}

static int patch_tree(struct patch *p, uint64_t nid, size_t len, int depth)
{
	uint64_t end, blocks, tail, data;
	struct erofs_inode *i = inode_at(p, nid, &end);
	unsigned int layout = i ? i->format >> 1 & 7 : 0;
	int ret = i && depth < DEPTH_MAX ? patch_inode(p, i, end) : damaged(p);

	if (ret || !S_ISDIR(i->mode))
		return ret;
	blocks = i->size / EROFS_BLOCK;
	tail = i->size % EROFS_BLOCK;
	data = (uint64_t)i->u * EROFS_BLOCK;
	if ((layout != EROFS_FLAT_PLAIN && layout != EROFS_FLAT_INLINE) ||
	    (blocks && (data > p->size || i->size - tail > p->size - data)))
		return damaged(p);
	for (uint64_t b = 0; b < blocks && !ret; b++)
		ret = patch_block(p, p->bytes + data + b * EROFS_BLOCK, EROFS_BLOCK, len, depth);
	if (ret || !tail)
		return ret;
	data = layout == EROFS_FLAT_INLINE ? end : data + blocks * EROFS_BLOCK;
	return data > p->size || tail > p->size - data ? damaged(p)
						       : patch_block(p, p->bytes + data, tail, len, depth);
}

/* CRC-32C as the superblock has it: no final inversion. */
static uint32_t crc32c(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	while (n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

int owners_apply(struct owners *o, int fd, uint64_t size, int64_t clamp, bool all_root,
		 struct image_error *err)
{
	struct patch p = {.size = size, .owners = o, .clamp = clamp, .all_root = all_root, .err = err};
	struct erofs_super *sb;
	int ret;

	if (size < EROFS_BLOCK)
		return damaged(&p);
	p.bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p.bytes == MAP_FAILED)
		return image_fail(err, -errno, "cannot map the image: %s", strerror(errno));
	sb = (struct erofs_super *)(p.bytes + EROFS_SUPER_OFFSET);
	p.meta = (uint64_t)sb->meta_blkaddr * EROFS_BLOCK;
	if (sb->magic != EROFS_MAGIC || sb->blkszbits != EROFS_BLOCK_BITS || p.meta >= size)
		ret = damaged(&p);
	else
		ret = patch_tree(&p, sb->root_nid, 0, 0);
	if (!ret && (sb->feature_compat & EROFS_COMPAT_SB_CHKSUM)) {
		sb->checksum = 0;
		sb->checksum = crc32c((uint8_t *)sb, EROFS_BLOCK - EROFS_SUPER_OFFSET);
	}
	munmap(p.bytes, size);
	return ret;
}
