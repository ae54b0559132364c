/*
 * PUT: a tar unpacked into the guest's tree.  ustar, with GNU's and pax's long names; what else pax says is passed over.
 * The tar is the operator's, and what a wrong one does it does to the sandbox alone.  Names are resolved in the guest's
 * root, `..` is refused.
 */
#include "libos/ask/ask.h"
#include "libos/proc/identity.h"
#include "libos/proc/proc.h"
#include "libos/vfs/namei.h"
#include <asm/fcntl.h>

struct entry {
	u64 size, mtime;
	u32 mode, uid, gid;
	char type;
	char *name, *link;	/* in a->buf's last part */
};
#define TEXT 4096u	/* room for each of the two */
#define DATA (BUF_SIZE - 2 * TEXT)

static u64 get_number(const char *field, u32 n)
{
	u64 v = 0;

	if (field[0] & 0x80) {
		for (u32 i = 1; i < n; i++)
			v = v << 8 | (u8)field[i];
		return v;
	}
	for (u32 i = 0; i < n; i++)
		if (field[i] >= '0' && field[i] <= '7')
			v = v << 3 | (field[i] - '0');
		else if (field[i] != ' ' || v)
			break;
	return v;
}

static int skip(struct ask *a, u64 n)
{
	int err = 0;

	while (!err && n) {
		size_t part = min(n, (u64)DATA);

		err = ask_read(a, a->buf, part);
		n -= part;
	}
	return err;
}

static u64 padded(u64 size)
{
	return ROUND_UP(size, (u64)BZ_TAR_BLOCK);
}

/* The text that an 'L' or 'K' entry holds. */
static int read_text(struct ask *a, u64 size, char *out)
{
	if (size > TEXT - 1)
		return -ENAMETOOLONG;
	if (ask_read(a, a->buf, padded(size)))
		return ASK_BROKEN;
	memcpy(out, a->buf, size);
	out[size] = 0;
	return 0;
}

/* "LEN KEY=VALUE\n", for the two keys that count (pax(1)). */
static int read_pax(struct ask *a, u64 size, char *name, char *link)
{
	const char *p = a->buf, *end;

	if (size > DATA)
		return -ENAMETOOLONG;
	if (ask_read(a, a->buf, padded(size)))
		return ASK_BROKEN;
	for (end = p + size; p < end;) {
		const char *key, *value;
		u64 len = parse_u64(p, &key, 10);
		char *out;

		if (!len || len > (u64)(end - p) || *key != ' ' || !(value = strchr(key, '=')) || value > p + len)
			return -EINVAL;
		out = !strncmp(key, " path=", 6) ? name : !strncmp(key, " linkpath=", 10) ? link : NULL;
		value++;
		if (out && p + len - 1 - value < TEXT) {
			memcpy(out, value, p + len - 1 - value);
			out[p + len - 1 - value] = 0;
		}
		p += len;
	}
	return 0;
}

static void take_header(struct entry *e, const struct bz_tar *h)
{
	e->type = h->type;
	e->size = get_number(h->size, sizeof(h->size));
	e->mtime = get_number(h->mtime, sizeof(h->mtime));
	e->mode = get_number(h->mode, sizeof(h->mode)) & 07777;
	e->uid = get_number(h->uid, sizeof(h->uid));
	e->gid = get_number(h->gid, sizeof(h->gid));
	if (!*e->name && *h->prefix && !memcmp(h->magic, "ustar\0", 6))
		snprintf(e->name, TEXT, "%.155s/%.100s", h->prefix, h->name);
	else if (!*e->name)
		snprintf(e->name, TEXT, "%.100s", h->name);
	if (!*e->link)
		snprintf(e->link, TEXT, "%.100s", h->link);
}

/* 1: an entry, 0: the end. */
static int next_entry(struct ask *a, struct entry *e)
{
	struct bz_tar h;
	int err;

	*e->name = *e->link = 0;
	for (;;) {
		err = ask_read(a, &h, sizeof(h));
		if (err || !h.name[0])
			return err;
		if (memcmp(h.magic, "ustar", 5))
			return -EINVAL;
		if (h.type == 'L' || h.type == 'K')
			err = read_text(a, get_number(h.size, sizeof(h.size)), h.type == 'L' ? e->name : e->link);
		else if (h.type == 'x')
			err = read_pax(a, get_number(h.size, sizeof(h.size)), e->name, e->link);
		else if (h.type == 'g')
			err = skip(a, padded(get_number(h.size, sizeof(h.size))));
		else
			break;
		if (err)
			return err;
	}
	take_header(e, &h);
	return 1;
}

/* a->path becomes the guest's path of the entry: the base, which is its first `base` bytes, and the entry's name. */
static int place(struct ask *a, size_t base, const char *name)
{
	size_t len = base;

	while (*name) {
		size_t n = 0;

		while (name[n] && name[n] != '/')
			n++;
		if (n == 2 && name[0] == '.' && name[1] == '.')
			return -EINVAL;
		if (n && !(n == 1 && name[0] == '.')) {
			if (len + n + 2 > PATH_SIZE)
				return -ENAMETOOLONG;
			a->path[len++] = '/';
			memcpy(a->path + len, name, n);
			len += n;
		}
		name += n + (name[n] == '/');
	}
	a->path[len] = 0;
	return 0;
}

static void set_attributes(struct ask *a, const struct entry *e)
{
	bool owners = a->what.flags & BZ_ASK_OWNERS;
	struct iattr attr = {.valid = ATTR_UID | ATTR_GID | ATTR_MODE | ATTR_MTIME | ATTR_ATIME};
	struct path p;
	int err = path_lookup(AT_FDCWD, *a->path ? a->path : "/", 0, &p);

	if (err)
		return;
	attr.uid = owners ? e->uid : identity_uid(boot->uid);
	attr.gid = owners ? e->gid : identity_gid(boot->gid);
	attr.mode = (p.dentry->inode->mode & S_IFMT) | e->mode;
	attr.mtime = attr.atime = e->mtime * NSEC_PER_SEC;
	if (S_ISLNK(attr.mode))
		attr.valid &= ~ATTR_MODE;
	mutex_lock(&p.dentry->inode->lock);
	if (p.dentry->inode->ops->setattr)
		p.dentry->inode->ops->setattr(p.dentry->inode, &attr);
	mutex_unlock(&p.dentry->inode->lock);
	path_put(&p);
}

static int put_file(struct ask *a, const struct entry *e)
{
	struct file *f = file_open(AT_FDCWD, a->path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0600);
	i64 pos = 0;
	int err = IS_ERR(f) ? PTR_ERR(f) : 0;

	if (!err && !S_ISREG(f->inode->mode))
		err = -EINVAL;
	for (u64 at = 0; !err && at < e->size;) {
		size_t n = min(e->size - at, (u64)DATA);
		struct bz_iov iov = {a->buf, n};
		struct iov_iter it;

		err = ask_read(a, a->buf, n);
		iov_iter_init(&it, &iov, 1, true);
		while (!err && it.left) {
			ssize_t got = f->ops->write(f, &it, &pos);

			err = got < 0 ? got : !got ? -EIO : 0;
		}
		at += n;
	}
	if (!IS_ERR(f))
		file_put(f);
	return err ? err : skip(a, padded(e->size) - e->size);
}

/* What stands there and is a directory stays. */
static int put_directory(struct ask *a)
{
	struct parent p;
	struct dentry *d;
	struct path there;
	int err;

	if (!*a->path || !path_lookup(AT_FDCWD, a->path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &there)) {
		if (*a->path)
			path_put(&there);
		return 0;
	}
	err = path_parent_kernel(AT_FDCWD, a->path, 0, &p);
	if (err)
		return err;
	mutex_lock(&p.dir.dentry->inode->lock);
	d = child_lookup_locked(p.dir.dentry, p.name, p.len);
	err = IS_ERR(d) ? PTR_ERR(d) : d->inode ? -ENOTDIR : path_writable(&p.dir);
	if (!err)
		err = vfs_create(&p.dir, d, S_IFDIR | 0700, 0);
	if (!IS_ERR(d))
		dentry_put(d);
	mutex_unlock(&p.dir.dentry->inode->lock);
	parent_put(&p);
	return err;
}

static int put_link(struct ask *a, const struct entry *e)
{
	struct parent p;
	int err = path_parent_kernel(AT_FDCWD, a->path, 0, &p);

	if (err)
		return err;
	mutex_lock(&p.dir.dentry->inode->lock);
	err = vfs_symlink(&p, e->link);
	mutex_unlock(&p.dir.dentry->inode->lock);
	parent_put(&p);
	return err;
}

static int put_entry(struct ask *a, size_t base, const struct entry *e)
{
	int err = place(a, base, e->name);

	if (err)
		return err;
	switch (e->type) {
	case '0':
	case 0:
		err = put_file(a, e);
		break;
	case '5':
		err = put_directory(a);
		break;
	case '2':
		err = put_link(a, e);
		break;
	default:
		return -EOPNOTSUPP;	/* hard links, devices */
	}
	if (!err)
		set_attributes(a, e);
	return err;
}

/* The directory to unpack in becomes a->path, without a final slash; *mode is of what the operator named. */
static int find_base(struct ask *a, u32 *mode)
{
	struct path p;
	size_t n;
	int err = path_lookup(AT_FDCWD, a->what.path, LOOKUP_FOLLOW, &p);

	*mode = err ? 0 : p.dentry->inode->mode;
	if (!err)
		path_put(&p);
	snprintf(a->path, PATH_SIZE, "%s%s", a->what.path[0] == '/' ? "" : "/", a->what.path);
	n = strlen(a->path);
	while (n && a->path[n - 1] == '/')
		n--;
	if (!S_ISDIR(*mode)) {
		if (err && err != -ENOENT)
			return err;
		while (n && a->path[n - 1] != '/')
			n--;
		while (n && a->path[n - 1] == '/')
			n--;
	}
	a->path[n] = 0;
	err = path_lookup(AT_FDCWD, n ? a->path : "/", LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);
	if (!err)
		path_put(&p);
	return err;
}

void ask_put(struct ask *a)
{
	struct entry e = {.name = a->buf + DATA, .link = a->buf + DATA + TEXT};
	size_t base;
	u32 mode;
	int err = find_base(a, &mode);

	if (ask_answer(a, err, mode) || err)
		return;
	base = strlen(a->path);
	while (!err && (err = next_entry(a, &e)) == 1)
		err = put_entry(a, base, &e);
	ask_answer(a, err, 0);
}
