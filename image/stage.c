/*
 * The stage; see stage.h.  Host files are copied by reflink where the file system can.  Everything is placed
 * through root_find, so a link that was staged earlier cannot lead a later copy out of the stage.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <linux/fs.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/progress.h"
#include "image/rootwalk.h"
#include "image/stage.h"

#define LINKS_MAX 40
#define XATTRS_MAX (64u << 10)

int stage_create(struct stage *s, struct image_error *err)
{
	const char *tmp = getenv("TMPDIR");

	memset(s, 0, sizeof(*s));
	s->dir = s->root = -1;
	if (!tmp || !*tmp) /* what is large goes to /var/tmp, which some containers do not have */
		tmp = access("/var/tmp", W_OK) == 0 ? "/var/tmp" : "/tmp";
	if (snprintf(s->path, sizeof(s->path), "%s/bartizan-build-XXXXXX", tmp) >= (int)sizeof(s->path) - 64)
		return image_fail(err, -ENAMETOOLONG, "TMPDIR is too long");
	if (!mkdtemp(s->path)) {
		int e = errno;
		int ret = image_fail(err, -e, "cannot make %s: %s; set TMPDIR to a directory with room",
				     s->path, strerror(e));

		s->path[0] = 0;
		return ret;
	}
	temporary_add(s->path);
	s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir < 0 || mkdirat(s->dir, "root", 0700) ||
	    (s->root = openat(s->dir, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return image_fail(err, -errno, "cannot use %s: %s", s->path, strerror(errno));
	return 0;
}

void stage_destroy(struct stage *s)
{
	if (s->root >= 0)
		close(s->root);
	if (s->dir >= 0)
		close(s->dir);
	if (s->path[0])
		temporary_forget(s->path);
	owners_free(&s->owners);
	s->path[0] = 0;
	s->dir = s->root = -1;
}

int stage_put_aside(struct stage *s, const char *name, struct image_error *err)
{
	if (renameat(s->dir, "root", s->dir, name) || mkdirat(s->dir, "root", 0700))
		return image_fail(err, -errno, "cannot use %s: %s", s->path, strerror(errno));
	close(s->root);
	s->root = openat(s->dir, "root", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	owners_free(&s->owners);
	return s->root < 0 ? image_fail(err, -errno, "cannot use %s: %s", s->path, strerror(errno)) : 0;
}

static int place(struct stage *s, const char *path, struct root_place *p, struct image_error *err)
{
	/* Directories made on the way need no entry: 0755 root:root is what the table implies. */
	int ret = root_find(s->root, path, true, NULL, NULL, p);

	return ret ? image_fail(err, ret, "cannot place %s in the image: %s", path, strerror(-ret)) : 0;
}

int stage_directory(struct stage *s, const char *path, uint32_t mode, struct image_error *err)
{
	struct owner entry = {.mode = mode};
	struct root_place p;
	struct stat st;
	int ret = place(s, path, &p, err);

	if (ret)
		return ret;
	entry.path = p.path;
	if (fstatat(p.dir, p.name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		ret = 0; /* whatever it is, it was there first */
	else if (mkdirat(p.dir, p.name, 0700))
		ret = image_fail(err, -errno, "cannot make %s in the image: %s", path, strerror(errno));
	else if (owners_add(&s->owners, &entry))
		ret = image_fail(err, -ENOMEM, "out of memory");
	close(p.dir);
	return ret;
}

int stage_text(struct stage *s, const char *path, const char *text, struct image_error *err)
{
	return stage_file(s, path, text, strlen(text), err);
}

int stage_file(struct stage *s, const char *path, const void *bytes, size_t len, struct image_error *err)
{
	struct owner entry = {.mode = 0644};
	struct root_place p;
	int fd, ret = place(s, path, &p, err);

	if (ret)
		return ret;
	entry.path = p.path;
	fd = openat(p.dir, p.name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		ret = errno == EEXIST ? 0 : image_fail(err, -errno, "%s: %s", path, strerror(errno));
	else if (write(fd, bytes, len) != (ssize_t)len)
		ret = image_fail(err, -EIO, "cannot write %s", path);
	else if (owners_add(&s->owners, &entry))
		ret = image_fail(err, -ENOMEM, "out of memory");
	if (fd >= 0)
		close(fd);
	close(p.dir);
	return ret;
}

/* --- Copying ------------------------------------------------------------------------------------------ */

static int copy_bytes(struct stage *s, int from, int to)
{
	static char buf[256 << 10];
	ssize_t n;

	if (ioctl(to, FICLONE, from) == 0)
		return 0;
	while ((n = copy_file_range(from, NULL, to, NULL, 16 << 20, 0)) > 0) {
		s->bytes += (uint64_t)n;
		progress(s->bytes, 0);
	}
	if (n == 0)
		return 0;
	while ((n = read(from, buf, sizeof(buf))) > 0) {
		if (write(to, buf, (size_t)n) != n)
			return errno ? -errno : -EIO;
		s->bytes += (uint64_t)n;
		progress(s->bytes, 0);
	}
	return n < 0 ? -errno : 0;
}

/* user.* as they are; security.* and trusted.* staged as user.*, which any owner may set, and listed.  Labels
 * that only mean something on the host they come from are left out. */
static int copy_xattrs(int from, int to, char *list, size_t size, const char *path, struct image_error *err)
{
	static char names[XATTRS_MAX], value[XATTRS_MAX];
	ssize_t n = flistxattr(from, names, sizeof(names));
	size_t at = 0;

	list[0] = list[1] = 0;
	for (char *name = names; n > 0 && name < names + n; name += strlen(name) + 1) {
		bool security = strcmp(name, "security.capability") == 0,
		     user = strncmp(name, "user.", 5) == 0;
		char staged[300];
		ssize_t len;

		if (!security && !user)
			continue;
		len = fgetxattr(from, name, value, sizeof(value));
		if (len < 0)
			continue;
		snprintf(staged, sizeof(staged), "user.%s", strchr(name, '.') + 1);
		if (fsetxattr(to, staged, value, (size_t)len, XATTR_CREATE))
			return image_fail(err, -errno,
					  "cannot stage attribute %s of %s: %s; set TMPDIR to a file system "
					  "with extended attributes",
					  name, path, strerror(errno));
		if (security && at + strlen(staged) < size)
			at += (size_t)snprintf(list + at, size - at - 1, "s%s", staged + 5) + 1;
	}
	list[at] = 0;
	return 0;
}

static int copy_file(struct stage *s, const char *host, const struct stat *st, bool keep_owners,
		     struct root_place *p, struct image_error *err)
{
	struct owner entry = {.path = p->path,
			      .mode = st->st_mode & 07777,
			      .mtime = st->st_mtim.tv_sec,
			      .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec};
	int from = open(host, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), to, ret;
	char list[1024];

	if (from < 0)
		return image_fail(err, -errno, "cannot read %s: %s; make it readable or build as its owner",
				  host, strerror(errno));
	if (keep_owners) {
		entry.uid = st->st_uid;
		entry.gid = st->st_gid;
	}
	unlinkat(p->dir, p->name, 0);
	to = openat(p->dir, p->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0) {
		ret = image_fail(err, -errno, "cannot place %s in the image: %s", host, strerror(errno));
	} else {
		ret = copy_bytes(s, from, to);
		if (ret)
			ret = image_fail(err, ret, "cannot copy %s: %s", host, strerror(-ret));
		if (!ret)
			ret = copy_xattrs(from, to, list, sizeof(list), host, err);
		entry.xattrs = list[0] ? list : NULL;
		if (!ret && owners_add(&s->owners, &entry))
			ret = image_fail(err, -ENOMEM, "out of memory");
		close(to);
	}
	close(from);
	return ret;
}

static int copy_link(struct stage *s, const char *host, struct root_place *p, struct image_error *err)
{
	struct owner entry = {.path = p->path, .mode = 0777};
	char text[4096], old[4096];
	ssize_t n = readlink(host, text, sizeof(text) - 1), k;

	if (n < 0)
		return image_fail(err, -errno, "cannot read %s: %s", host, strerror(errno));
	text[n] = 0;
	k = readlinkat(p->dir, p->name, old, sizeof(old) - 1);
	if (k == n && memcmp(old, text, (size_t)n) == 0)
		return 0;
	unlinkat(p->dir, p->name, 0);
	if (symlinkat(text, p->dir, p->name))
		return image_fail(err, -errno, "cannot place %s in the image: %s", host, strerror(errno));
	return owners_add(&s->owners, &entry) ? image_fail(err, -ENOMEM, "out of memory") : 0;
}

static int copy_directory(struct stage *s, const struct stat *st, bool keep_owners, struct root_place *p,
			  struct image_error *err)
{
	struct owner entry = {.path = p->path,
			      .mode = st->st_mode & 07777,
			      .mtime = st->st_mtim.tv_sec,
			      .mtime_nsec = (uint32_t)st->st_mtim.tv_nsec};
	struct stat there;

	if (keep_owners) {
		entry.uid = st->st_uid;
		entry.gid = st->st_gid;
	}
	if (p->name[0] && mkdirat(p->dir, p->name, 0700) &&
	    (errno != EEXIST || fstatat(p->dir, p->name, &there, 0) || !S_ISDIR(there.st_mode)))
		return image_fail(err, -errno, "cannot make /%s in the image: %s", p->path, strerror(errno));
	return owners_add(&s->owners, &entry) ? image_fail(err, -ENOMEM, "out of memory") : 0;
}

static int copy_node(struct stage *s, const char *host, const struct stat *st, const char *guest,
		     bool keep_owners, struct image_error *err)
{
	struct root_place p;
	int ret = place(s, guest, &p, err);

	if (ret)
		return ret;
	if (S_ISDIR(st->st_mode))
		ret = copy_directory(s, st, keep_owners, &p, err);
	else if (!p.name[0])
		ret = image_fail(err, -EISDIR, "cannot place %s at %s: a directory is there", host, guest);
	else if (S_ISREG(st->st_mode))
		ret = copy_file(s, host, st, keep_owners, &p, err);
	else if (S_ISLNK(st->st_mode))
		ret = copy_link(s, host, &p, err);
	/* Devices, sockets and FIFOs of the host have no meaning in an image. */
	close(p.dir);
	return ret;
}

int stage_copy(struct stage *s, const char *host, const char *guest, bool keep_owners,
	       struct image_error *err)
{
	char *roots[] = {(char *)host, NULL};
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	int ret = fts ? 0 : image_fail(err, -errno, "cannot read %s: %s", host, strerror(errno));
	size_t prefix = strlen(host);
	char path[8192];
	FTSENT *e;

	while (!ret && (e = fts_read(fts))) {
		if (e->fts_info == FTS_DNR || e->fts_info == FTS_ERR || e->fts_info == FTS_NS) {
			ret = image_fail(err, -e->fts_errno, "cannot read %s: %s", e->fts_path,
					 strerror(e->fts_errno));
		} else if (e->fts_info != FTS_DP) {
			if (snprintf(path, sizeof(path), "%s/%s", guest, e->fts_path + prefix) >=
			    (int)sizeof(path))
				ret = image_fail(err, -ENAMETOOLONG, "%s: name too long", e->fts_path);
			else
				ret = copy_node(s, e->fts_path, e->fts_statp, path, keep_owners, err);
		}
	}
	if (fts)
		fts_close(fts);
	return ret;
}

/* dir of `link` joined with its text and the rest of the path, `.` and `..` taken out (what stands before the
 * link has no link in it any more). */
static int join(char *out, size_t size, const char *link, const char *text, const char *rest)
{
	char raw[3 * PATH_MAX];
	size_t at = 0;
	const char *slash = strrchr(link, '/');

	if (snprintf(raw, sizeof(raw), "%.*s/%s/%s", text[0] == '/' ? 0 : (int)(slash - link), link, text,
		     rest) >= (int)sizeof(raw))
		return -ENAMETOOLONG;
	out[0] = 0;
	for (char *save, *c = strtok_r(raw, "/", &save); c; c = strtok_r(NULL, "/", &save)) {
		if (strcmp(c, ".") == 0)
			continue;
		if (strcmp(c, "..") == 0) {
			while (at > 0 && out[--at] != '/')
				;
			out[at] = 0;
			continue;
		}
		if (at + strlen(c) + 2 > size)
			return -ENAMETOOLONG;
		at += (size_t)snprintf(out + at, size - at, "/%s", c);
	}
	return at ? 0 : -EINVAL;
}

int stage_host_path(struct stage *s, const char *path, struct image_error *err)
{
	char now[PATH_MAX], next[PATH_MAX], text[PATH_MAX], prefix[PATH_MAX];
	struct stat st;
	int ret = join(now, sizeof(now), "/", "/", path);

	for (int links = 0; !ret; links++) {
		char *end = now;
		bool link = false;

		if (links > LINKS_MAX)
			return image_fail(err, -ELOOP, "%s: too many symbolic links", path);
		while (*end && !link) {
			ssize_t n;

			end += 1 + strcspn(end + 1, "/");
			snprintf(prefix, sizeof(prefix), "%.*s", (int)(end - now), now);
			if (lstat(prefix, &st))
				return image_fail(err, -errno, "%s: %s", path, strerror(errno));
			link = S_ISLNK(st.st_mode);
			if (!link)
				continue;
			ret = copy_node(s, prefix, &st, prefix, false, err);
			if (ret)
				return ret;
			n = readlink(prefix, text, sizeof(text) - 1);
			if (n < 0)
				return image_fail(err, -errno, "%s: %s", prefix, strerror(errno));
			text[n] = 0;
			ret = join(next, sizeof(next), prefix, text, end);
		}
		if (!link)
			return stage_copy(s, now, now, false, err);
		strcpy(now, next);
	}
	return image_fail(err, ret, "%s: %s", path, strerror(-ret));
}
