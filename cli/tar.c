/*
 * Writing a tar of the person's own files, for a sandbox.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/tar.h"

#define DEPTH_MAX 128 /* a descriptor each */

static const char zeros[2 * BZ_TAR_BLOCK];

bool tar_send(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data = (const char *)data + n;
		len -= n;
	}
	return true;
}

bool tar_receive(int fd, void *data, size_t len)
{
	while (len) {
		ssize_t n = read(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data = (char *)data + n;
		len -= n;
	}
	return true;
}

static void put_number(char *field, size_t size, uint64_t v)
{
	if (size > 8 && v >> 33) { /* GNU's: base 256 */
		for (size_t i = size; i-- > 1; v >>= 8)
			field[i] = v;
		field[0] = (char)0x80;
		return;
	}
	for (size_t i = size - 1; i-- > 0; v >>= 3)
		field[i] = '0' + (v & 7);
}

static bool put_header(int fd, const char *name, const struct stat *st, char type, uint64_t size, const char *link)
{
	struct bz_tar h = {.type = type, .magic = {'u', 's', 't', 'a', 'r', ' ', ' '}};
	unsigned int sum = 0;

	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	memcpy(h.link, link, strnlen(link, sizeof(h.link)));
	put_number(h.mode, sizeof(h.mode), st->st_mode & 07777);
	put_number(h.uid, sizeof(h.uid), st->st_uid);
	put_number(h.gid, sizeof(h.gid), st->st_gid);
	put_number(h.size, sizeof(h.size), size);
	put_number(h.mtime, sizeof(h.mtime), st->st_mtime > 0 ? st->st_mtime : 0);
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((unsigned char *)&h)[i];
	put_number(h.checksum, 7, sum);
	h.checksum[6] = 0;
	return tar_send(fd, &h, sizeof(h));
}

static bool put_padding(int fd, uint64_t size)
{
	return tar_send(fd, zeros, -size % BZ_TAR_BLOCK);
}

static bool put_long(int fd, const char *text, char type)
{
	const struct stat none = {0};
	size_t n = strlen(text) + 1;

	return n <= 100 || (put_header(fd, "././@LongLink", &none, type, n, "") && tar_send(fd, text, n) &&
			    put_padding(fd, n));
}

static bool put_entry(int fd, const char *name, const struct stat *st, char type, uint64_t size, const char *link)
{
	return put_long(fd, name, 'L') && put_long(fd, link, 'K') && put_header(fd, name, st, type, size, link);
}

static bool put_file(int fd, int dir, const char *name, const char *as, struct stat *st)
{
	static char data[64 << 10];
	int file = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool ok;

	if (file < 0 || fstat(file, st) < 0)
		fail(EXIT_BARTIZAN, "%s: %s", as, strerror(errno));
	ok = put_entry(fd, as, st, '0', st->st_size, "");
	for (off_t at = 0; ok && at < st->st_size;) {
		size_t want = st->st_size - at < (off_t)sizeof(data) ? st->st_size - at : (off_t)sizeof(data);
		ssize_t n = pread(file, data, want, at);

		if (n <= 0)
			fail(EXIT_BARTIZAN, "%s: %s", as, n ? strerror(errno) : "became shorter while it was copied");
		ok = tar_send(fd, data, n);
		at += n;
	}
	close(file);
	return ok && put_padding(fd, st->st_size);
}

static bool put_tree(int fd, int dir, const char *name, const char *as, bool overlay, int depth);

static bool put_directory(int fd, int dir, const char *name, const char *as, const struct stat *st, bool overlay,
			  int depth)
{
	int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = sub < 0 ? NULL : fdopendir(sub);
	struct stat open = *st;
	struct dirent *d;
	bool ok;

	if (!stream)
		fail(EXIT_BARTIZAN, "%s: %s", as, strerror(errno));
	if (depth == DEPTH_MAX)
		fail(EXIT_BARTIZAN, "%s: more than %d directories deep", as, DEPTH_MAX);
	open.st_mode |= 0700;
	ok = put_entry(fd, as, &open, '5', 0, "");
	while (ok && (d = readdir(stream))) {
		char *child;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		child = must_format("%s/%s", as, d->d_name);
		ok = put_tree(fd, dirfd(stream), d->d_name, child, overlay, depth + 1);
		free(child);
	}
	closedir(stream);
	return ok && put_entry(fd, as, st, '5', 0, "");
}

static bool is_whiteout(int dir, const char *name)
{
	int file = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool ret = file >= 0 && fgetxattr(file, "user.overlay.whiteout", NULL, 0) >= 0;

	if (file >= 0)
		close(file);
	return ret;
}

static bool put_tree(int fd, int dir, const char *name, const char *as, bool overlay, int depth)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail(EXIT_BARTIZAN, "%s: %s", as, strerror(errno));
	if (S_ISREG(st.st_mode) && overlay && !st.st_size && is_whiteout(dir, name))
		return true;
	if (S_ISREG(st.st_mode))
		return put_file(fd, dir, name, as, &st);
	if (S_ISDIR(st.st_mode))
		return put_directory(fd, dir, name, as, &st, overlay, depth);
	if (!S_ISLNK(st.st_mode)) {
		warn("%s: neither file, directory nor symbolic link; left out", as);
		return true;
	}
	n = readlinkat(dir, name, text, sizeof(text) - 1);
	if (n < 0)
		fail(EXIT_BARTIZAN, "%s: %s", as, strerror(errno));
	text[n] = 0;
	return put_entry(fd, as, &st, '2', 0, text);
}

bool tar_write(int fd, int dir, const char *name, const char *top, bool overlay)
{
	return put_tree(fd, dir, name, top, overlay, 0) && tar_send(fd, zeros, sizeof(zeros));
}
