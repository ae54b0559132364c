/*
 * Walking names inside a root directory, component by component, never through the kernel's own resolution of
 * links; see rootwalk.h.  HOSTILE INPUT: names and link texts come from archives.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/rootwalk.h"

#define LINKS_MAX 40

/* Directories on the way are opened one below the other: `dir` is where path[0..at) leads. */
struct walk {
	int root, dir;
	bool make;
	root_made made;
	void *arg;
	struct root_place *place;
	size_t at;
	char rest[2 * ROOT_PATH_MAX]; /* what remains to be walked */
	int links;
};

static int set_dir(struct walk *w, int fd)
{
	if (fd < 0)
		return -errno;
	close(w->dir);
	w->dir = fd;
	return 0;
}

/* Up one level, by walking down again from the root: "..", of a directory that was moved, could lead
 * anywhere. */
static int go_up(struct walk *w)
{
	char *path = w->place->path, *slash;
	char copy[ROOT_PATH_MAX];
	int ret;

	path[w->at] = 0;
	slash = strrchr(path, '/');
	w->at = slash ? (size_t)(slash - path) : 0;
	path[w->at] = 0;
	ret = set_dir(w, fcntl(w->root, F_DUPFD_CLOEXEC, 0));
	memcpy(copy, path, w->at + 1);
	for (char *save, *c = strtok_r(copy, "/", &save); c && !ret; c = strtok_r(NULL, "/", &save))
		ret = set_dir(w, openat(w->dir, c, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
	return ret;
}

static int append(struct walk *w, const char *name, size_t n)
{
	char *path = w->place->path;

	if (n > 255 || w->at + n + 2 > ROOT_PATH_MAX)
		return -ENAMETOOLONG;
	if (w->at)
		path[w->at++] = '/';
	memcpy(path + w->at, name, n);
	w->at += n;
	path[w->at] = 0;
	return 0;
}

/* A link stands where a directory is wanted: its text goes before what remains. */
static int follow(struct walk *w, const char *name, size_t rest_at)
{
	char text[ROOT_PATH_MAX], old[2 * ROOT_PATH_MAX];
	ssize_t n = readlinkat(w->dir, name, text, sizeof(text) - 1);
	size_t rest = strlen(w->rest + rest_at);
	int ret = 0;

	if (n < 0)
		return -errno;
	if (++w->links > LINKS_MAX)
		return -ELOOP;
	if (n == 0 || (size_t)n + rest + 2 > sizeof(w->rest))
		return -ENAMETOOLONG;
	memcpy(old, w->rest + rest_at, rest + 1);
	memcpy(w->rest, text, (size_t)n);
	w->rest[n] = '/';
	memcpy(w->rest + n + 1, old, rest + 1);
	if (text[0] == '/') {
		w->at = 0;
		w->place->path[0] = 0;
		ret = set_dir(w, fcntl(w->root, F_DUPFD_CLOEXEC, 0));
	}
	return ret;
}

/* Into the directory `name` of n bytes.  1: a link was followed instead, start again with w->rest. */
static int enter(struct walk *w, const char *component, size_t n, size_t rest_at)
{
	char name[256];
	struct stat st;
	int ret;

	if (n > 255)
		return -ENAMETOOLONG;
	memcpy(name, component, n);
	name[n] = 0;
	if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno != ENOENT || !w->make)
			return -errno;
		if (mkdirat(w->dir, name, 0700))
			return -errno;
		ret = append(w, name, n);
		if (!ret && w->made)
			w->made(w->arg, w->place->path);
	} else if (S_ISLNK(st.st_mode)) {
		ret = follow(w, name, rest_at);
		return ret ? ret : 1;
	} else if (!S_ISDIR(st.st_mode)) {
		return -ENOTDIR;
	} else {
		ret = append(w, name, n);
	}
	return ret ? ret : set_dir(w, openat(w->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

static int walk(struct walk *w)
{
	const char *p = w->rest;

	for (;;) {
		size_t n, rest;

		p += strspn(p, "/");
		n = strcspn(p, "/");
		rest = (size_t)(p + n - w->rest) + strspn(p + n, "/");
		if (n == 0 || (n == 1 && p[0] == '.')) {
			if (n == 0) {
				w->place->name = w->place->path + w->at;
				return 0;
			}
		} else if (n == 2 && p[0] == '.' && p[1] == '.') {
			int ret = go_up(w);

			if (ret)
				return ret;
		} else if (w->rest[rest] == 0) { /* the last component */
			int ret = append(w, p, n);

			w->place->name = w->place->path + w->at - n;
			return ret;
		} else {
			int ret = enter(w, p, n, rest);

			if (ret < 0)
				return ret;
			if (ret == 1) {
				p = w->rest;
				continue;
			}
		}
		p += n;
	}
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == 0))
			return true;
	return false;
}

int root_find(int root, const char *path, bool make, root_made made, void *arg, struct root_place *place)
{
	struct walk w = {.root = root, .make = make, .made = made, .arg = arg, .place = place};
	int ret;

	place->dir = -1;
	place->path[0] = 0;
	place->name = place->path;
	if (has_dotdot(path))
		return -EINVAL;
	if (strlen(path) >= ROOT_PATH_MAX)
		return -ENAMETOOLONG;
	strcpy(w.rest, path);
	w.dir = fcntl(root, F_DUPFD_CLOEXEC, 0);
	if (w.dir < 0)
		return -errno;
	ret = walk(&w);
	if (ret)
		close(w.dir);
	else
		place->dir = w.dir;
	return ret;
}
