/*
 * HOSTILE INPUT.  Reading a tar that a sandbox sent.  A header is a block of fixed size; each number is checked before
 * it is used; what is read is bounded in bytes and entries.  A name is taken component by component: none of them is
 * empty, `.` or `..`, none but the last may be anything but a directory, and none is followed if it is a link.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/tar.h"
#include "monitor/escape.h"

#define NAME_ROOM 4096u
#define DEPTH_MAX 160
#define BYTES_MAX (64ull << 30) /* as bartizan build's */
#define ENTRIES_MAX 4000000u

struct reader {
	int fd, relay; /* relay: all that is read is written there, or -1 */
	uint64_t bytes, entries;
	/* the entry */
	char type, name[NAME_ROOM], link[NAME_ROOM];
	uint64_t size, mtime;
	uint32_t mode, uid, gid;
};

struct unpacking {
	struct reader *in;
	int dir;
	const char *first, *top;
	bool owners;
	bool made[DEPTH_MAX]; /* the directory of that depth that was seen last was not there before */
};

static void refuse(const char *name, const char *why) __attribute__((noreturn));
static void refuse(const char *name, const char *why)
{
	char shown[300];

	escape_text(shown, sizeof(shown), name, strlen(name), 0);
	fail(EXIT_BARTIZAN, "the sandbox sent '%s': %s", shown, why);
}

static void take(struct reader *r, void *data, size_t len)
{
	if (!tar_receive(r->fd, data, len))
		fail(EXIT_BARTIZAN, "the sandbox stopped in the middle of what it sent");
	for (size_t at = 0; r->relay >= 0 && at < len;) {
		ssize_t n = write(r->relay, (char *)data + at, len - at);

		if (n <= 0)
			fail(EXIT_BARTIZAN, "cannot write the tar: %s", strerror(errno));
		at += n;
	}
}

static uint64_t number(const char *field, size_t size)
{
	uint64_t v = 0;
	size_t i = 0;

	if ((unsigned char)field[0] == 0x80) {
		for (i = 1; i < size; i++) {
			if (v >> 55)
				return UINT64_MAX;
			v = v << 8 | (unsigned char)field[i];
		}
		return v;
	}
	while (i < size && field[i] >= '0' && field[i] <= '7')
		v = v << 3 | (uint64_t)(field[i++] - '0');
	return i < size && field[i] ? UINT64_MAX : v;
}

static void take_text(struct reader *r, uint64_t size, char out[NAME_ROOM])
{
	char blocks[NAME_ROOM];

	if (!size || size > NAME_ROOM)
		refuse("././@LongLink", "a name that is too long");
	take(r, blocks, (size + BZ_TAR_BLOCK - 1) & ~(uint64_t)(BZ_TAR_BLOCK - 1));
	memcpy(out, blocks, size - 1);
	out[size - 1] = 0;
}

static bool checksum_holds(const struct bz_tar *h)
{
	const unsigned char *byte = (const unsigned char *)h;
	const size_t at = offsetof(struct bz_tar, checksum);
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(*h); i++)
		sum += i >= at && i < at + sizeof(h->checksum) ? ' ' : byte[i];
	return number(h->checksum, 7) == sum;
}

/* False: the end. */
static bool next_entry(struct reader *r)
{
	static const struct bz_tar none;
	struct bz_tar h;

	r->name[0] = r->link[0] = 0;
	for (;;) {
		take(r, &h, sizeof(h));
		if (!memcmp(&h, &none, sizeof(h))) {
			take(r, &h, sizeof(h));
			return false;
		}
		if (memcmp(h.magic, "ustar  ", 7) || !checksum_holds(&h))
			fail(EXIT_BARTIZAN, "what the sandbox sent is no tar");
		r->size = number(h.size, sizeof(h.size));
		if (++r->entries > ENTRIES_MAX || r->size > BYTES_MAX || r->bytes + r->size > BYTES_MAX)
			fail(EXIT_BARTIZAN, "the sandbox sent more than %u files or %llu bytes", ENTRIES_MAX,
			     BYTES_MAX);
		r->bytes += r->size;
		if (h.type == 'L')
			take_text(r, r->size, r->name);
		else if (h.type == 'K')
			take_text(r, r->size, r->link);
		else
			break;
	}
	if (!*r->name)
		snprintf(r->name, sizeof(r->name), "%.100s", h.name);
	if (!*r->link)
		snprintf(r->link, sizeof(r->link), "%.100s", h.link);
	r->type = h.type;
	r->mtime = number(h.mtime, sizeof(h.mtime));
	r->mode = number(h.mode, sizeof(h.mode)) & 07777;
	r->uid = number(h.uid, sizeof(h.uid));
	r->gid = number(h.gid, sizeof(h.gid));
	if (r->type != '0' && r->size)
		refuse(r->name, "data of what has none");
	return true;
}

/* Calls sink for what the entry holds, and passes its padding. */
static void take_data(struct reader *r, int out)
{
	static char data[64 << 10];

	for (uint64_t left = r->size; left;) {
		size_t n = left < sizeof(data) ? left : sizeof(data);

		take(r, data, n);
		for (size_t at = 0; out >= 0 && at < n;) {
			ssize_t done = write(out, data + at, n - at);

			if (done <= 0)
				fail(EXIT_BARTIZAN, "%s: %s", r->relay < 0 ? "cannot write" : "-", strerror(errno));
			at += done;
		}
		left -= n;
	}
	take(r, data, -r->size % BZ_TAR_BLOCK);
}

/* --- Making -------------------------------------------------------------------------------------------- */

/* What the tar's name is here: "" is the top itself. */
static const char *below(const struct unpacking *u, const char *name)
{
	size_t len = strlen(u->first);

	if (strncmp(name, u->first, len) || (name[len] && name[len] != '/'))
		refuse(name, "was not asked for");
	return name + len;
}

/* The directory that the last component of top/rest lies in, opened; that component in `last`. */
static int open_parent(const struct unpacking *u, const char *rest, char last[256], unsigned int *depth)
{
	char *path = must_format("%s%s", u->top, rest), *at = path;
	int dir = dup(u->dir);

	*depth = 0;
	for (;;) {
		char *end = strchrnul(at, '/');
		size_t len = end - at;
		int next;

		if (!len || len > 255 || (at != path && len == 1 && *at == '.') ||
		    (len == 2 && at[0] == '.' && at[1] == '.') || ++*depth >= DEPTH_MAX)
			refuse(u->in->name, "is not a name that is unpacked");
		memcpy(last, at, len);
		last[len] = 0;
		if (!*end)
			break;
		next = openat(dir, last, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0)
			refuse(u->in->name, strerror(errno));
		close(dir);
		dir = next;
		at = end + 1;
	}
	free(path);
	return dir;
}

static void set_attributes(const struct unpacking *u, int fd)
{
	const struct reader *r = u->in;
	const struct timespec times[2] = {{.tv_sec = r->mtime}, {.tv_sec = r->mtime}};

	if (u->owners && fchown(fd, r->uid, r->gid) < 0)
		refuse(r->name, strerror(errno));
	/* Who executes it gets no rights by it: the guest chose them. */
	if (fchmod(fd, r->mode & 01777) < 0 || futimens(fd, times) < 0)
		refuse(r->name, strerror(errno));
}

static void make_file(const struct unpacking *u, int dir, const char *name)
{
	int fd;

	unlinkat(dir, name, 0);
	fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		refuse(u->in->name, strerror(errno));
	take_data(u->in, fd);
	set_attributes(u, fd);
	close(fd);
}

/* Its entry comes twice; a directory that was there before keeps its attributes. */
static void make_directory(struct unpacking *u, int dir, const char *name, unsigned int depth)
{
	bool made = mkdirat(dir, name, 0700) == 0;
	int fd;

	if (made)
		u->made[depth] = true;
	else if (errno != EEXIST)
		refuse(u->in->name, strerror(errno));
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		refuse(u->in->name, strerror(errno));
	if (u->made[depth])
		set_attributes(u, fd);
	close(fd);
	if (!made)
		u->made[depth] = false;
}

static void make_link(const struct unpacking *u, int dir, const char *name)
{
	const struct timespec times[2] = {{.tv_sec = u->in->mtime}, {.tv_sec = u->in->mtime}};

	unlinkat(dir, name, 0);
	if (symlinkat(u->in->link, dir, name) < 0)
		refuse(u->in->name, strerror(errno));
	utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
	if (u->owners && fchownat(dir, name, u->in->uid, u->in->gid, AT_SYMLINK_NOFOLLOW) < 0)
		refuse(u->in->name, strerror(errno));
}

void tar_unpack(int fd, const char *first, int dir, const char *top, bool owners)
{
	static struct reader r;
	static struct unpacking u;

	r = (struct reader){.fd = fd, .relay = -1};
	u = (struct unpacking){.in = &r, .dir = dir, .first = first, .top = top, .owners = owners};
	while (next_entry(&r)) {
		size_t len = strlen(r.name);
		unsigned int depth;
		char last[256];
		int parent;

		if (r.type == '5' && len && r.name[len - 1] == '/') /* as other tars have directories */
			r.name[len - 1] = 0;
		parent = open_parent(&u, below(&u, r.name), last, &depth);
		if (!strcmp(last, ".") && r.type != '5')
			refuse(r.name, "is no directory");
		if (r.type == '0')
			make_file(&u, parent, last);
		else if (r.type == '5')
			make_directory(&u, parent, last, depth);
		else if (r.type == '2')
			make_link(&u, parent, last);
		else
			refuse(r.name, "is of a kind that is not unpacked");
		close(parent);
	}
}

void tar_relay(int from, int to)
{
	static struct reader r;

	r = (struct reader){.fd = from, .relay = to};
	while (next_entry(&r))
		take_data(&r, -1);
}
