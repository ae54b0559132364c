/*
 * Extended attributes of EROFS: a list of offsets into a shared area, then entries of the inode's own.  A name is an index
 * for its prefix and the rest as text.
 */
#include "libos/erofs/erofs.h"

static const char *const prefixes[] = {
	[1] = "user.", [2] = "system.posix_acl_access", [3] = "system.posix_acl_default", [4] = "trusted.", [6] = "security."};

struct xattr {
	char name[NAME_MAX + 1];
	u64 value;
	u32 size;
};

/* Decode the entry at `off`; the offset of the next one, or -errno. */
static i64 entry_read(const struct erofs_sb *sb, u64 off, struct xattr *x)
{
	struct erofs_xattr_entry e;
	const char *prefix;
	u32 n;

	if (erofs_copy(sb, &e, off, sizeof(e)))
		return -EIO;
	prefix = e.name_index < ARRAY_SIZE(prefixes) ? prefixes[e.name_index] : NULL;
	x->name[0] = 0;
	if (prefix && strlen(prefix) + e.name_len <= NAME_MAX) {
		n = strlcpy(x->name, prefix, sizeof(x->name));
		if (erofs_copy(sb, x->name + n, off + sizeof(e), e.name_len))
			return -EIO;
		x->name[n + e.name_len] = 0;
	}
	x->value = off + sizeof(e) + e.name_len;
	x->size = e.value_size;
	return ROUND_UP(x->value + e.value_size, 4);
}

/* Call fn for each attribute until it returns non-zero. */
static long each(struct inode *inode, struct xattr *x, long (*fn)(struct inode *, struct xattr *, void *), void *arg)
{
	const struct erofs_sb *sb = erofs_sb(inode->sb);
	const struct erofs_inode *n = erofs_node(inode);
	struct erofs_xattr_header h;
	u64 off, end = n->xattr + n->xattr_size;
	long ret = 0;
	i64 next;
	u32 id;

	if (!n->xattr_size)
		return 0;
	if (erofs_copy(sb, &h, n->xattr, sizeof(h)))
		return -EIO;
	off = n->xattr + sizeof(h) + h.shared_count * 4;
	if (off > end)
		return -EIO;
	for (u32 i = 0; i < h.shared_count && !ret; i++) {
		if (erofs_copy(sb, &id, n->xattr + sizeof(h) + i * 4, sizeof(id)))
			return -EIO;
		next = entry_read(sb, sb->xattrs + (u64)id * 4, x);
		ret = next < 0 ? next : fn(inode, x, arg);
	}
	while (!ret && off + sizeof(struct erofs_xattr_entry) <= end) {
		next = entry_read(sb, off, x);
		if (next < 0 || (u64)next > end)
			return -EIO;
		ret = fn(inode, x, arg);
		off = next;
	}
	return ret;
}

struct request {
	const char *name;
	char *buf;
	size_t size, used;
	bool found;
};

static long get_one(struct inode *inode, struct xattr *x, void *arg)
{
	struct request *r = arg;

	if (strcmp(x->name, r->name))
		return 0;
	r->found = true;
	r->used = x->size;
	if (!r->size)
		return 1;
	if (x->size > r->size)
		return -ERANGE;
	return erofs_copy(erofs_sb(inode->sb), r->buf, x->value, x->size) ? -EIO : 1;
}

static long list_one(struct inode *inode, struct xattr *x, void *arg)
{
	struct request *r = arg;
	size_t n = strlen(x->name) + 1;

	if (n == 1)
		return 0;
	if (r->size) {
		if (r->used + n > r->size)
			return -ERANGE;
		memcpy(r->buf + r->used, x->name, n);
	}
	r->used += n;
	return 0;
}

static long walk(struct inode *inode, struct request *r, long (*fn)(struct inode *, struct xattr *, void *))
{
	struct xattr *x = kmalloc(sizeof(*x));
	long ret;

	if (!x)
		return -ENOMEM;
	ret = each(inode, x, fn, r);
	kfree(x);
	return ret < 0 ? ret : (long)r->used;
}

long erofs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct request r = {.name = name, .buf = buf, .size = size};
	long ret = walk(inode, &r, get_one);

	return ret < 0 || r.found ? ret : -ENODATA;
}

long erofs_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct request r = {.buf = buf, .size = size};

	return walk(inode, &r, list_one);
}
