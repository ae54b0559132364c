/*
 * What links in /usr point to in /etc: packages keep their configuration there (a JDK its java.security).
 * Finding the links means walking /usr, so it is done once for a state of the host's packages, and the list
 * is kept in the user's cache; a user without a writable cache goes without.  The list is only a list: each
 * file is opened and checked like the rest of the view, and must be readable by all.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/view.h"

#define LINKS_MAX 96
#define LEVEL_MAX 64

/* The state of the packages: when the package manager's database changed last. */
static void packages_key(char key[64])
{
	static const char *const databases[] = {"/var/lib/dpkg/status",	 "/var/lib/rpm",
						"/usr/lib/sysimage/rpm", "/lib/apk/db/installed",
						"/var/lib/pacman/local", "/usr/lib"};
	struct stat st;

	for (size_t i = 0; i < sizeof(databases) / sizeof(databases[0]); i++)
		if (stat(databases[i], &st) == 0) {
			snprintf(key, 64, "%zu %lld.%09ld %llu\n", i, (long long)st.st_mtim.tv_sec,
				 st.st_mtim.tv_nsec, (unsigned long long)st.st_ino);
			return;
		}
	strcpy(key, "none\n");
}

static char *cache_path(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (base && *base == '/')
		return must_format("%s/bartizan/etc-links", base);
	return home && *home == '/' ? must_format("%s/.cache/bartizan/etc-links", home) : NULL;
}

/* The whole file, or NULL; it is ours alone or not believed. */
static char *read_cache(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) &&
	    st.st_size < 1 << 16) {
		text = must_alloc(st.st_size + 1);
		if (read(fd, text, st.st_size) != st.st_size)
			*text = 0;
	}
	close(fd);
	return text;
}

/* Where a link in /usr leads to in /etc, or NULL.  Relative texts begin with enough `..` to reach the root.
 */
static char *target_in_etc(int dir, const char *name, int level)
{
	char text[BZ_PATH_MAX + 1];
	ssize_t len = readlinkat(dir, name, text, sizeof(text) - 1);
	const char *at = text;
	int up = 0;

	if (len <= 0)
		return NULL;
	text[len] = 0;
	for (; !strncmp(at, "../", 3); at += 3)
		up++;
	if (up && up != level)
		return NULL;
	if (up ? strncmp(at, "etc/", 4) : strncmp(at, "/etc/", 5))
		return NULL;
	return strpbrk(at, "\n") ? NULL : clean_path(up ? must_format("/%s", at) : at);
}

static bool is_never(const char *path)
{
	static const char *const never[] = {"/etc/alternatives/", "/etc/ssl/",	   "/etc/shadow",
					    "/etc/gshadow",	  "/etc/sudoers",  "/etc/passwd",
					    "/etc/group",	  "/etc/localtime"};

	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		if (!strncmp(path, never[i], strlen(never[i])))
			return true;
	return false;
}

static void take_link(struct strings *found, char *target)
{
	for (size_t i = 0; i < found->count; i++)
		if (!strcmp(found->item[i], target))
			return;
	if (!is_never(target) && found->count < LINKS_MAX)
		strings_add(found, target);
}

static int type_of(int dir, const struct dirent *d)
{
	struct stat st;

	if (d->d_type != DT_UNKNOWN || fstatat(dir, d->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return d->d_type;
	return IFTODT(st.st_mode);
}

/* The links below `fd` (which this closes), whose entries are that many steps below the root's directory. */
static void walk(int fd, int level, struct strings *found)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		int type = type_of(fd, d);
		char *target = type == DT_LNK ? target_in_etc(fd, d->d_name, level) : NULL;

		if (target)
			take_link(found, target);
		if (type != DT_DIR || !strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") || level == LEVEL_MAX ||
		    (level == 1 && !strcmp(d->d_name, "local")))
			continue;
		walk(openat(fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), level + 1, found);
	}
	if (dir)
		closedir(dir);
}

/* Writes the list beside its place first: if that cannot be done, there is no walk. */
static char *make_cache(char *path, const char *key)
{
	char *temporary = must_format("%s.%d", path, getpid()), *text = NULL;
	struct strings found = {0};
	size_t size;
	FILE *out, *memory;
	int fd;

	for (char *slash = path; (slash = strchr(slash + 1, '/'));) {
		*slash = 0;
		mkdir(path, 0700);
		*slash = '/';
	}
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	memory = out ? open_memstream(&text, &size) : NULL;
	if (!memory) {
		free(temporary);
		return NULL;
	}
	walk(open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC), 1, &found);
	fputs(key, memory);
	for (size_t i = 0; i < found.count; i++)
		fprintf(memory, "%s\n", found.item[i]);
	fclose(memory);
	fputs(text, out);
	if (fclose(out) || rename(temporary, path) < 0)
		unlink(temporary);
	free(temporary);
	return text;
}

void view_etc_links(struct view *v, void (*add)(struct view *, const char *))
{
	char key[64], *path = cache_path(), *text = path ? read_cache(path) : NULL, *line;

	packages_key(key);
	if (path && (!text || strncmp(text, key, strlen(key))))
		text = make_cache(path, key);
	if (!text)
		return;
	line = strchr(text, '\n') + 1;
	while ((path = strsep(&line, "\n")))
		if (!strncmp(path, "/etc/", 5) && !is_never(path))
			add(v, path);
}
