/*
 * Unpacking a tar, in the confined child.  HOSTILE INPUT throughout.  Names are placed by root_find, so no
 * link that the archive made earlier leads out; absolute names and ".." are refused; devices and sockets are
 * not made.  What the files shall be (owner, mode, time) goes into records for the parent.
 */
#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image/rootwalk.h"
#include "image/unpacker.h"

#define BLOCK (256u << 10)
#define BUFFER (64u << 10)
#define REMOVE_DEPTH 64

int unpacker_flush(struct unpacker *u)
{
	for (size_t at = 0; at < u->buffered;) {
		ssize_t n = write(u->report, u->buffer + at, u->buffered - at);

		if (n <= 0)
			return image_fail(u->err, -EIO, "cannot report what was unpacked: %s",
					  strerror(errno));
		at += (size_t)n;
	}
	u->buffered = 0;
	return 0;
}

int unpacker_record(struct unpacker *u, const struct unpack_record *r, const void *path, const void *xattrs)
{
	size_t n = sizeof(*r) + r->path_len + r->xattrs_len;
	char *buffer = u->buffer ? u->buffer : malloc(BUFFER + BZ_MANIFEST_MAX);
	int ret;

	if (!buffer)
		return image_fail(u->err, -ENOMEM, "out of memory");
	u->buffer = buffer;
	memcpy(buffer + u->buffered, r, sizeof(*r));
	if (r->path_len)
		memcpy(buffer + u->buffered + sizeof(*r), path, r->path_len);
	if (r->xattrs_len)
		memcpy(buffer + u->buffered + sizeof(*r) + r->path_len, xattrs, r->xattrs_len);
	u->buffered += n;
	if (u->buffered < BUFFER - 2 * ROOT_PATH_MAX - UNPACK_XATTRS_MAX)
		return 0;
	ret = unpacker_flush(u);
	return ret;
}

/* `name: what`, the name escaped and cut. */
static int refuse(struct unpacker *u, int code, const char *name, const char *what)
{
	char shown[256];

	return image_fail(u->err, code, "entry \"%s\": %s",
			  image_escape(shown, sizeof(shown), name, strlen(name)), what);
}

static int count_bytes(struct unpacker *u, struct archive *a, uint64_t n, const char *name)
{
	int64_t read = archive_filter_bytes(a, -1);
	uint64_t input = u->input + (read > 0 ? (uint64_t)read : 0);
	char what[128];

	if (n > u->limits.bytes || u->bytes > u->limits.bytes - n) {
		snprintf(what, sizeof(what),
			 "the archive unpacks to more than %llu bytes; --max-size raises the limit",
			 (unsigned long long)u->limits.bytes);
		return refuse(u, -EFBIG, name, what);
	}
	u->bytes += n;
	if (u->shown)
		__atomic_store_n(u->shown, u->bytes, __ATOMIC_RELAXED);
	if (u->bytes > UNPACK_FREE && (u->bytes - UNPACK_FREE) / u->limits.ratio > input) {
		snprintf(what, sizeof(what),
			 "the archive unpacks to more than %llu times its size; --max-ratio raises "
			 "the limit",
			 (unsigned long long)u->limits.ratio);
		return refuse(u, -EFBIG, name, what);
	}
	return 0;
}

/* --- Removing ----------------------------------------------------------------------------------------- */

static int remove_at(int dir, const char *name, int depth);

static int empty_dir(int fd, int depth)
{
	DIR *d = fdopendir(fd);
	struct dirent *e;
	int ret = 0;

	if (!d) {
		close(fd);
		return -errno;
	}
	while (!ret && (e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			ret = remove_at(dirfd(d), e->d_name, depth + 1);
	closedir(d);
	return ret;
}

static int remove_at(int dir, const char *name, int depth)
{
	int fd, ret;

	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (depth > REMOVE_DEPTH)
		return -ELOOP;
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = empty_dir(fd, depth);
	return ret ? ret : unlinkat(dir, name, AT_REMOVEDIR) ? -errno : 0;
}

/* ".wh.NAME" removes NAME, ".wh..wh..opq" all that lower layers put into its directory (OCI image-spec,
 * layer.md). 1: it was none. */
static int whiteout(struct unpacker *u, const struct root_place *p, const char *shown)
{
	int ret, fd;

	if (!u->layer || strncmp(p->name, ".wh.", 4))
		return 1;
	if (strcmp(p->name, ".wh..wh..opq") == 0) {
		fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ret = fd < 0 ? -errno : empty_dir(fd, 0);
	} else if (strncmp(p->name, ".wh..wh.", 8) == 0 || !p->name[4] || strcmp(p->name + 4, ".") == 0 ||
		   strcmp(p->name + 4, "..") == 0) {
		return 0; /* reserved names of AUFS */
	} else {
		ret = remove_at(p->dir, p->name + 4, 0);
	}
	return ret ? refuse(u, ret, shown, strerror(-ret)) : 0;
}

/* --- Making ------------------------------------------------------------------------------------------- */

/* What stands there makes way, a directory only in layers. */
static int make_way(struct unpacker *u, const struct root_place *p)
{
	if (unlinkat(p->dir, p->name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR)
		return -errno;
	if (u->layer)
		return remove_at(p->dir, p->name, 0);
	return unlinkat(p->dir, p->name, AT_REMOVEDIR) ? -EISDIR : 0;
}

static int make_directory(struct unpacker *u, const struct root_place *p)
{
	struct stat st;

	if (!p->name[0] || mkdirat(p->dir, p->name, 0700) == 0)
		return 0;
	if (errno != EEXIST || fstatat(p->dir, p->name, &st, AT_SYMLINK_NOFOLLOW))
		return -errno;
	if (S_ISDIR(st.st_mode))
		return 0;
	/* A link to a directory stays in a plain tar, as tar(1) keeps it; a layer says what it means. */
	if (S_ISLNK(st.st_mode) && !u->layer) {
		struct root_place q;
		char inside[ROOT_PATH_MAX + 2];
		int ret;

		snprintf(inside, sizeof(inside), "%s/.", p->path);
		ret = root_find(u->root, inside, false, NULL, NULL, &q);
		if (ret == 0)
			close(q.dir);
		if (ret == 0)
			return 1; /* nothing made: the link keeps its own attributes */
	}
	if (unlinkat(p->dir, p->name, 0) || mkdirat(p->dir, p->name, 0700))
		return -errno;
	return 0;
}

static int make_link(struct unpacker *u, const struct root_place *p, const char *target, const char *shown)
{
	struct root_place from;
	int ret;

	if (target[0] == '/')
		return refuse(u, -EINVAL, shown, "is a hard link to an absolute name; refused");
	ret = root_find(u->root, target, false, NULL, NULL, &from);
	if (ret == -EINVAL)
		return refuse(u, ret, shown, "is a hard link through \"..\"; refused");
	if (ret)
		return refuse(u, ret, shown, "is a hard link to a name that is not in the archive");
	if (strcmp(from.path, p->path) == 0) { /* to itself: nothing to do, and nothing to lose */
		close(from.dir);
		return 0;
	}
	ret = make_way(u, p);
	if (!ret && linkat(from.dir, from.name, p->dir, p->name, 0))
		ret = -errno;
	close(from.dir);
	if (ret == -ENOENT)
		return refuse(u, ret, shown, "is a hard link to a name that is not in the archive");
	return ret ? refuse(u, ret, shown, strerror(-ret)) : 0;
}

/* user.* as they are; security.capability and trusted.* under user., to be put right by the parent. */
static uint32_t set_xattrs(struct unpacker *u, struct archive_entry *e, int fd, char *list)
{
	const char *name;
	const void *value;
	size_t size, at = 0;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK) {
		bool security = strcmp(name, "security.capability") == 0,
		     trusted = !strncmp(name, "trusted.", 8);
		bool user = strncmp(name, "user.", 5) == 0 && name[5];
		char staged[264];

		if (!security && !trusted && !user) {
			u->skipped_xattrs++;
			continue;
		}
		if (snprintf(staged, sizeof(staged), "user.%s", strchr(name, '.') + 1) > 255 ||
		    size > 65535 || at + strlen(staged) >= UNPACK_XATTRS_MAX ||
		    fsetxattr(fd, staged, value, size, XATTR_CREATE)) {
			u->skipped_xattrs++;
			continue;
		}
		if (!user)
			at += (size_t)sprintf(list + at, "%c%s", security ? 's' : 't', staged + 5) + 1;
	}
	return (uint32_t)at;
}

static int copy_data(struct unpacker *u, struct archive *a, int fd, const char *shown)
{
	int64_t at = 0, off;
	const void *block;
	size_t n;
	int r;

	while ((r = archive_read_data_block(a, &block, &n, &off)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		int ret;

		if (off < at)
			return refuse(u, -EINVAL, shown, "blocks out of order");
		ret = count_bytes(u, a, (uint64_t)(off - at) + n, shown);
		if (ret)
			return ret;
		for (size_t done = 0; done < n;) {
			ssize_t w = pwrite(fd, (const char *)block + done, n - done, off + (int64_t)done);

			if (w <= 0)
				return refuse(u, -errno, shown, strerror(errno));
			done += (size_t)w;
		}
		at = off + (int64_t)n;
	}
	return r == ARCHIVE_EOF ? 0 : refuse(u, -EINVAL, shown, archive_error_string(a) ?: "damaged archive");
}

static int make_file(struct unpacker *u, struct archive *a, struct archive_entry *e,
		     const struct root_place *p, const char *shown, char *list, uint32_t *list_len)
{
	int64_t size = archive_entry_size(e);
	int fd, ret = make_way(u, p);

	if (ret)
		return refuse(u, ret, shown, strerror(-ret));
	fd = openat(p->dir, p->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse(u, -errno, shown, strerror(errno));
	ret = copy_data(u, a, fd, shown);
	/* A hole at the end has no block. */
	if (!ret && size > 0) {
		off_t end = lseek(fd, 0, SEEK_END);

		if (end < size)
			ret = count_bytes(u, a, (uint64_t)(size - end), shown);
		if (!ret && end < size && ftruncate(fd, size))
			ret = refuse(u, -errno, shown, strerror(errno));
	}
	if (!ret)
		*list_len = set_xattrs(u, e, fd, list);
	close(fd);
	return ret;
}

/* 0: made, to be recorded.  1: nothing was made. */
static int make(struct unpacker *u, struct archive *a, struct archive_entry *e, const struct root_place *p,
		const char *shown, char *list, uint32_t *list_len)
{
	const char *target = archive_entry_hardlink(e);
	mode_t type = archive_entry_filetype(e);
	int ret;

	if (!p->name[0] && (type != AE_IFDIR || target))
		return refuse(u, -EINVAL, shown, "is no directory, but would take the place of one");
	if (target)
		return make_link(u, p, target, shown);
	switch (type) {
	case AE_IFDIR:
		ret = make_directory(u, p);
		break;
	case AE_IFREG:
		return make_file(u, a, e, p, shown, list, list_len);
	case AE_IFLNK:
		target = archive_entry_symlink(e);
		if (!target || !target[0])
			return refuse(u, -EINVAL, shown, "symbolic link without a text");
		ret = make_way(u, p);
		if (!ret && symlinkat(target, p->dir, p->name))
			ret = -errno;
		break;
	case AE_IFIFO:
		ret = make_way(u, p);
		if (!ret && mknodat(p->dir, p->name, S_IFIFO | 0600, 0))
			ret = -errno;
		break;
	default: /* devices and sockets are the library OS's to give, not the image's */
		u->skipped++;
		return 1;
	}
	return ret < 0 ? refuse(u, ret, shown, strerror(-ret)) : ret;
}

static int record(struct unpacker *u, struct archive_entry *e, const struct root_place *p, const char *shown,
		  const char *list, uint32_t list_len)
{
	int64_t uid = archive_entry_uid(e), gid = archive_entry_gid(e), mtime = archive_entry_mtime(e);
	struct unpack_record r = {.kind = UNPACK_FILE,
				  .path_len = (uint32_t)strlen(p->path),
				  .xattrs_len = list_len,
				  .mode = archive_entry_perm(e) & 07777,
				  .uid = (uint32_t)uid,
				  .gid = (uint32_t)gid,
				  .mtime = mtime > 0 ? mtime : 0,
				  .mtime_nsec = mtime > 0 ? (uint32_t)archive_entry_mtime_nsec(e) : 0};

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return refuse(u, -EINVAL, shown, "owner out of range");
	if (r.mtime_nsec >= 1000000000)
		r.mtime_nsec = 0;
	return unpacker_record(u, &r, p->path, list);
}

static int one(struct unpacker *u, struct archive *a, struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e);
	static char list[UNPACK_XATTRS_MAX + 264];
	struct root_place p;
	uint32_t list_len = 0;
	int ret;

	if (!name)
		name = archive_entry_pathname_utf8(e);
	if (!name || !name[0])
		return refuse(u, -EINVAL, "?", "has no usable name");
	if (name[0] == '/')
		return refuse(u, -EINVAL, name,
			      "absolute name; refused (make the archive with relative names)");
	if (++u->files > u->limits.files)
		return refuse(u, -EFBIG, name, "too many files in the archive; --max-files raises the limit");
	ret = root_find(u->root, name, true, NULL, NULL, &p);
	if (ret)
		return refuse(u, ret, name, ret == -EINVAL ? "goes through \"..\"; refused" : strerror(-ret));
	ret = p.name[0] ? whiteout(u, &p, name) : 1;
	if (ret == 1)
		ret = make(u, a, e, &p, name, list, &list_len);
	else if (ret == 0)
		ret = 1;
	if (ret == 0)
		ret = record(u, e, &p, name, list, list_len);
	close(p.dir);
	return ret < 0 ? ret : 0;
}

int unpacker_tar(struct unpacker *u, int fd)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int r, ret = 0;

	if (!a)
		return image_fail(u->err, -ENOMEM, "out of memory");
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_format_tar(a);
	r = archive_read_open_fd(a, fd, BLOCK);
	while (r == ARCHIVE_OK && !ret) {
		r = archive_read_next_header(a, &e);
		if (r == ARCHIVE_WARN) /* for instance a name that is not UTF-8: it is taken as bytes */
			r = ARCHIVE_OK;
		if (r == ARCHIVE_OK)
			ret = one(u, a, e);
	}
	if (!ret && r != ARCHIVE_EOF) {
		char shown[200];
		const char *why = archive_error_string(a) ?: "not a tar archive";

		ret = image_fail(u->err, -EINVAL, "cannot read the archive: %s",
				 image_escape(shown, sizeof(shown), why, strlen(why)));
	}
	if (archive_filter_bytes(a, -1) > 0)
		u->input += (uint64_t)archive_filter_bytes(a, -1);
	archive_read_free(a);
	return ret;
}
