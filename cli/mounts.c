/*
 * The list of mounts that a sandbox is started with.  A grant is a descriptor that was opened here, by the
 * person who types the command and with his rights.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/view.h"

static struct sandbox_mount *slot(struct view *v, const char *guest)
{
	struct sandbox_mount *m = v->mounts;

	while (m < v->mounts + v->count && strcmp(m->guest_path, guest))
		m++;
	if (m == v->mounts + v->count) {
		if (v->count == SANDBOX_MOUNTS_MAX)
			fail(EXIT_BARTIZAN, "%s: more than %d mounts", guest, SANDBOX_MOUNTS_MAX);
		v->count++;
	} else if (m->fd >= 0) {
		close(m->fd);
	}
	*m = (struct sandbox_mount){.guest_path = guest, .fd = -1};
	return m;
}

void view_volume(struct view *v, const char *guest, const char *host, int fd, uint32_t flags, bool is_file)
{
	struct sandbox_mount *m = slot(v, guest);

	m->host_path = host;
	m->fd = fd;
	m->flags = flags;
	m->is_file = is_file;
}

void view_text(struct view *v, const char *guest, const char *text)
{
	struct sandbox_mount *m = slot(v, guest);

	m->flags = BZ_MOUNT_TEXT | BZ_MOUNT_READONLY;
	m->text = text;
	m->text_len = strlen(text);
}

void view_link(struct view *v, const char *guest, const char *text)
{
	struct sandbox_mount *m = slot(v, guest);

	m->flags = BZ_MOUNT_SYMLINK;
	m->text = text;
	m->text_len = strlen(text);
}

void view_tmpfs(struct view *v, const char *guest, uint64_t size, uint32_t mode, uint32_t flags)
{
	struct sandbox_mount *m = slot(v, guest);

	m->flags = BZ_MOUNT_TMPFS | flags;
	m->size = size;
	m->mode = mode;
}

char *clean_path(const char *path)
{
	char *clean, *out;

	if (*path != '/')
		return NULL;
	clean = out = must_alloc(strlen(path) + 2);
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !memcmp(path, "..", 2))
			return NULL;
		if (len && !(len == 1 && *path == '.')) {
			*out++ = '/';
			out = mempcpy(out, path, len);
		}
		path += len + (path[len] == '/');
	}
	if (out == clean)
		*out++ = '/';
	*out = 0;
	return clean;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/';
}

/* Where the operator wants something: not where the library OS has what is its own. */
static char *guest_path(const char *what, const char *path)
{
	static const char *const own[] = {"/proc", "/sys", "/dev"};
	char *clean = clean_path(path);

	if (!clean || strlen(clean) > BZ_PATH_MAX)
		fail(EXIT_BARTIZAN, "%s: '%s' is not an absolute path without '..'", what, path);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		if (!strcmp(clean, own[i]) || (is_below(clean, own[i]) && i < 2))
			fail(EXIT_BARTIZAN, "%s: %s: nothing can be mounted there: %s is the sandbox's own", what, clean, own[i]);
	return clean;
}

static bool is_asked(const struct strings *asked, const char *guest)
{
	for (size_t i = 0; i < asked->count; i++)
		if (!strcmp(asked->item[i], guest))
			return true;
	return false;
}

/* What the operator puts somewhere hides what a program of the host would be shown there, but its own file. */
static void uncover(struct view *v, const struct strings *asked, const char *exe)
{
	size_t kept = 0;

	for (size_t i = 0; i < v->count; i++) {
		const char *guest = v->mounts[i].guest_path;
		bool hidden = false;

		for (size_t k = 0; k < asked->count; k++)
			hidden |= is_below(guest, asked->item[k]);
		if (hidden && !is_asked(asked, guest) && strcmp(guest, exe)) {
			if (v->mounts[i].fd >= 0)
				close(v->mounts[i].fd);
			continue;
		}
		v->mounts[kept++] = v->mounts[i];
	}
	v->count = kept;
}

const char *view_grant(struct view *v, const char *what, const char *host, const char *guest, uint32_t flags)
{
	int fd = open(host, O_PATH | O_CLOEXEC);
	char *clean = guest_path(what, guest);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(EXIT_BARTIZAN, "%s: %s: %s", what, host, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		fail(EXIT_BARTIZAN, "%s: %s: neither a directory nor a regular file", what, host);
	if (!strcmp(clean, "/"))
		fail(EXIT_BARTIZAN, "%s: %s: cannot be the sandbox's root; use --rootfs DIR for that", what,
		     host);
	view_volume(v, clean, host, fd, flags, S_ISREG(st.st_mode));
	return clean;
}

void view_options(struct view *v, const struct run_options *o, const char *exe)
{
	struct strings asked = {0};

	if (o->here) {
		char here[BZ_PATH_MAX + 1];

		if (!getcwd(here, sizeof(here)))
			fail(EXIT_BARTIZAN, "--here: %s", strerror(errno));
		strings_add(&asked, view_grant(v, "--here", ".", here, o->here_readonly ? BZ_MOUNT_READONLY : 0));
	}
	for (size_t i = 0; i < o->tmpfs_count; i++) {
		const struct tmpfs_option *t = &o->tmpfs[i];
		const char *guest = guest_path("--tmpfs", t->guest);

		view_tmpfs(v, guest, t->size, t->mode,
			   (t->readonly ? BZ_MOUNT_READONLY : 0) | (t->noexec ? BZ_MOUNT_NOEXEC : 0));
		strings_add(&asked, guest);
	}
	for (size_t i = 0; i < o->volume_count; i++)
		strings_add(&asked, view_grant(v, "-v", o->volumes[i].host, o->volumes[i].guest,
					       o->volumes[i].readonly ? BZ_MOUNT_READONLY : 0));
	uncover(v, &asked, exe);
	free(asked.item);
}

void view_rootfs(struct view *v, const char *dir)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail(EXIT_BARTIZAN, "--rootfs: %s: %s", dir, strerror(errno));
	view_volume(v, "/", dir, fd, BZ_MOUNT_READONLY | BZ_MOUNT_OVERLAY, false);
}

void view_overlay(struct view *v, const char *dir)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail(EXIT_BARTIZAN, "--overlay: %s: %s", dir, strerror(errno));
	/* Beside the root's own mount, whose upper layer it is. */
	if (v->count == SANDBOX_MOUNTS_MAX)
		fail(EXIT_BARTIZAN, "--overlay: more than %d mounts", SANDBOX_MOUNTS_MAX);
	v->mounts[v->count++] =
	    (struct sandbox_mount){.guest_path = "/", .host_path = dir, .fd = fd, .flags = BZ_MOUNT_UPPER};
}
