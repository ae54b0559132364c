/*
 * GET: a file or a tree of the guest as a tar.  Hard links are sent as files of their own; devices, FIFOs and sockets, and
 * the kernel's file systems below the path, are left out.
 */
#include "libos/ask/ask.h"
#include "libos/vfs/vfs.h"
#include <asm/fcntl.h>

#define DEPTH_MAX 128	/* of directories: a stack's worth */
#define NAMES_MAX (4u << 20)

/* A number as the header has it: octal with a NUL, or GNU's base 256 where that is too short. */
static void put_number(char *field, u32 n, u64 v)
{
	if (v >> 3 * (n - 1)) {
		for (u32 i = n; i-- > 1; v >>= 8)
			field[i] = v;
		field[0] = (char)0x80;
		return;
	}
	field[n - 1] = 0;
	for (u32 i = n - 1; i-- > 0; v >>= 3)
		field[i] = '0' + (v & 7);
}

static int put_header(struct ask *a, const char *name, const struct kstat *st, char type, u64 size, const char *link)
{
	struct bz_tar h = {.type = type, .magic = {'u', 's', 't', 'a', 'r', ' ', ' '}};
	u32 sum = 0;

	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	if (link)
		memcpy(h.link, link, strnlen(link, sizeof(h.link)));
	put_number(h.mode, sizeof(h.mode), st->mode & 07777);
	put_number(h.uid, sizeof(h.uid), st->uid);
	put_number(h.gid, sizeof(h.gid), st->gid);
	put_number(h.size, sizeof(h.size), size);
	put_number(h.mtime, sizeof(h.mtime), max(st->mtime / NSEC_PER_SEC, (i64)0));
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (u32 i = 0; i < sizeof(h); i++)
		sum += ((u8 *)&h)[i];
	put_number(h.checksum, 7, sum);
	return ask_write(a, &h, sizeof(h));
}

static int put_padding(struct ask *a, u64 size)
{
	static const char zeros[BZ_TAR_BLOCK];

	return ask_write(a, zeros, -size & (BZ_TAR_BLOCK - 1));
}

/* A name that the header has no room for goes before it, as a file of its own. */
static int put_long(struct ask *a, const char *text, char type)
{
	struct kstat none = {0};
	size_t n = strlen(text) + 1;
	int err;

	if (n <= 100)
		return 0;
	err = put_header(a, "././@LongLink", &none, type, n, NULL);
	if (!err)
		err = ask_write(a, text, n);
	return err ? err : put_padding(a, n);
}

static int put_entry(struct ask *a, const struct kstat *st, char type, u64 size, const char *link)
{
	int err = put_long(a, a->name, 'L');

	if (!err && link)
		err = put_long(a, link, 'K');
	return err ? err : put_header(a, a->name, st, type, size, link);
}

static int note(struct ask *a, int err)
{
	if (err && !a->error)
		a->error = err;
	return err == ASK_BROKEN ? err : 0;
}

/* As many bytes as the header said, whatever becomes of the file meanwhile. */
static int send_file(struct ask *a, const struct path *p, const struct kstat *st)
{
	struct file *f = file_open_path(p, O_RDONLY | O_NONBLOCK);
	int err;

	if (IS_ERR(f))
		return note(a, PTR_ERR(f));
	err = put_entry(a, st, '0', st->size, NULL);
	for (u64 at = 0; !err && at < st->size;) {
		size_t n = min(st->size - at, (u64)BUF_SIZE);
		ssize_t got = file_read_kernel(f, a->buf, n, at);

		if (got < (ssize_t)n) {
			note(a, got < 0 ? got : -EIO);
			memset(a->buf + max(got, 0l), 0, n - max(got, 0l));
		}
		err = ask_write(a, a->buf, n);
		at += n;
	}
	file_put(f);
	return err ? err : put_padding(a, st->size);
}

static int send_link(struct ask *a, const struct path *p, const struct kstat *st)
{
	struct inode *inode = p->dentry->inode;
	long n = inode->ops->readlink ? inode->ops->readlink(inode, a->buf, 4095) : -EINVAL;

	if (n < 0)
		return note(a, n);
	a->buf[n] = 0;
	return put_entry(a, st, '2', 0, a->buf);
}

struct names {
	char *text;	/* each with its NUL */
	size_t len, room;
	int err;
};

static bool add_name(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next)
{
	struct names *n = arg;
	char *more;

	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	if (n->len + len + 1 > n->room) {
		size_t room = max(n->room * 2, (size_t)4096);

		more = room > NAMES_MAX ? NULL : krealloc(n->text, n->room, room);
		if (!more) {
			n->err = -ENOMEM;
			return false;
		}
		n->text = more;
		n->room = room;
	}
	memcpy(n->text + n->len, name, len);
	n->text[n->len + len] = 0;
	n->len += len + 1;
	return true;
}

static int list_names(const struct path *p, struct names *n)
{
	struct file *f = file_open_path(p, O_RDONLY | O_DIRECTORY);
	size_t before;
	i64 pos = 0;
	int err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	do {
		before = n->len;
		err = f->ops->readdir ? f->ops->readdir(f, &pos, add_name, n) : -ENOTDIR;
	} while (!err && !n->err && n->len > before);
	file_put(f);
	return err ? err : n->err;
}

static bool is_kernels(const struct path *p)
{
	const char *type = p->mount->sb->fstype;

	return type && (!strcmp(type, "proc") || !strcmp(type, "sysfs") || !strcmp(type, "devtmpfs"));
}

static int send_path(struct ask *a, const struct path *p, u32 depth);

static int send_child(struct ask *a, const char *name, u32 depth)
{
	size_t at = strlen(a->name), path_at = strlen(a->path), n = strlen(name);
	struct path p;
	int err;

	if (at + n + 2 > NAME_SIZE || path_at + n + 2 > PATH_SIZE)
		return note(a, -ENAMETOOLONG);
	snprintf(a->name + at, NAME_SIZE - at, "/%s", name);
	snprintf(a->path + path_at, PATH_SIZE - path_at, "/%s", name);
	err = path_lookup(AT_FDCWD, a->path, 0, &p);
	if (!err) {
		err = is_kernels(&p) ? 0 : send_path(a, &p, depth);
		path_put(&p);
	} else if (err == -ENOENT) {
		err = 0;	/* removed meanwhile */
	} else {
		err = note(a, err);
	}
	a->name[at] = 0;
	a->path[path_at] = 0;
	return err;
}

static int send_directory(struct ask *a, const struct path *p, const struct kstat *st, u32 depth)
{
	struct kstat open = *st;
	struct names names = {0};
	int err;

	if (depth == DEPTH_MAX)
		return note(a, -ELOOP);
	open.mode |= 0700;	/* what comes must find room in it */
	err = put_entry(a, &open, '5', 0, NULL);
	if (!err)
		err = note(a, list_names(p, &names));
	for (size_t i = 0; !err && i < names.len; i += strlen(names.text + i) + 1)
		err = send_child(a, names.text + i, depth + 1);
	kfree(names.text);
	return err ? err : put_entry(a, st, '5', 0, NULL);
}

static int send_path(struct ask *a, const struct path *p, u32 depth)
{
	struct kstat st;
	int err = vfs_getattr(p, &st);

	if (err)
		return note(a, err);
	if (S_ISREG(st.mode))
		return send_file(a, p, &st);
	if (S_ISDIR(st.mode))
		return send_directory(a, p, &st, depth);
	if (S_ISLNK(st.mode))
		return send_link(a, p, &st);
	return 0;
}

/* The last component, or "." where that is no name. */
static void first_name(struct ask *a)
{
	const char *path = a->what.path, *end = path + strlen(path), *start;

	while (end > path && end[-1] == '/')
		end--;
	for (start = end; start > path && start[-1] != '/';)
		start--;
	if (start == end || (end - start == 2 && start[0] == '.' && start[1] == '.'))
		strlcpy(a->name, ".", NAME_SIZE);
	else
		strlcpy(a->name, start, end - start + 1);
}

void ask_get(struct ask *a)
{
	static const char zeros[2 * BZ_TAR_BLOCK];
	struct kstat st;
	struct path p;
	int err = path_lookup(AT_FDCWD, a->what.path, 0, &p);

	if (!err) {
		err = vfs_getattr(&p, &st);
		if (!err && !S_ISREG(st.mode) && !S_ISDIR(st.mode) && !S_ISLNK(st.mode))
			err = -EINVAL;
		if (err)
			path_put(&p);
	}
	if (err) {
		ask_answer(a, err, 0);
		return;
	}
	strlcpy(a->path, a->what.path, PATH_SIZE);
	first_name(a);
	err = ask_answer(a, 0, st.mode);
	if (!err)
		err = send_path(a, &p, 0);
	if (!err)
		err = ask_write(a, zeros, sizeof(zeros));
	if (!err)
		ask_answer(a, a->error, 0);
	path_put(&p);
}
