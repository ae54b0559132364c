/*
 * Linking a library OS of just the components that an image names: core.o, NAME.o of each of them, and
 * absent-NAME.o for the others, all of which lie beside the whole library OS with its linker script
 * (libos/meson.build makes them).
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image/build.h"
#include "image/suggest.h"
#include "image/tool.h"

#define OPTIONAL_MAX 64
#define ABSENT "absent-"

struct components {
	char *dir;
	const char *name[OPTIONAL_MAX +
			 1]; /* sorted, so that the same list makes the same bytes; a null behind them */
	bool wanted[OPTIONAL_MAX];
	size_t count;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool exists(const struct components *c, const char *prefix, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s%s.o", c->dir, prefix, name);
	return access(path, R_OK) == 0;
}

/* In an installation they are in a folder; in a build directory, where the library OS is. */
static bool find_dir(struct components *c, const char *libos)
{
	char *copy = strdup(libos), *end = copy ? strrchr(copy, '/') : NULL;

	if (!end)
		exit(EXIT_FAILED);
	*end = 0;
	if (asprintf(&c->dir, "%s/components", copy) < 0)
		exit(EXIT_FAILED);
	if (access(c->dir, F_OK)) {
		free(c->dir);
		c->dir = copy;
	} else {
		free(copy);
	}
	return exists(c, "", "core");
}

static int find_all(struct components *c, struct image_error *err)
{
	DIR *dir = opendir(c->dir);
	struct dirent *e;

	while (dir && (e = readdir(dir)) && c->count < OPTIONAL_MAX) {
		size_t len = strlen(e->d_name);

		if (len < 3 || strcmp(e->d_name + len - 2, ".o") || !strcmp(e->d_name, "core.o") ||
		    !strncmp(e->d_name, ABSENT, strlen(ABSENT)))
			continue;
		c->name[c->count] = strndup(e->d_name, len - 2);
		if (!c->name[c->count++])
			exit(EXIT_FAILED);
	}
	if (dir)
		closedir(dir);
	qsort(c->name, c->count, sizeof(c->name[0]), by_name);
	return c->count ? 0 : image_fail(err, -ENOENT, "%s has no components of the library OS", c->dir);
}

static int unknown(const struct components *c, const char *name, struct image_error *err)
{
	const char *near = suggest(name, c->name);
	char shown[128], all[512] = "core";

	for (size_t i = 0; i < c->count; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), ", %s", c->name[i]);
	image_escape(shown, sizeof(shown), name, strlen(name));
	return near ? image_fail(err, -EINVAL,
				 "components: there is no '%s'; did you mean '%s'? There are: %s", shown,
				 near, all)
		    : image_fail(err, -EINVAL, "components: there is no '%s'; there are: %s", shown, all);
}

static int choose(struct components *c, const struct bartizan_list *want, struct image_error *err)
{
	for (uint32_t i = 0; i < want->count; i++) {
		size_t at = 0;

		if (!strcmp(want->item[i], "core"))
			continue;
		while (at < c->count && strcmp(want->item[i], c->name[at]))
			at++;
		if (at == c->count)
			return unknown(c, want->item[i], err);
		c->wanted[at] = true;
	}
	return 0;
}

static int link_to(const struct components *c, int out, struct image_error *err)
{
	char path[64], *file[OPTIONAL_MAX];
	/* As meson.build links the whole one. */
	const char *argv[OPTIONAL_MAX + 24] = {"ld", "-nostdlib", "-static", "--build-id=sha1", "--gc-sections", "-z",
					       "noexecstack", "-z", "max-page-size=4096", "--no-warn-rwx-segments",
					       "-s", "-o", path, "-T", "libos.lds", "core.o"};
	const struct tool tool = {
	    .shown = "components: the linker ld", .package = "binutils", .dir = c->dir, .argv = (char **)argv};
	size_t n = 0, files = 0;
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	while (argv[n])
		n++;
	for (size_t i = 0; i < c->count; i++) {
		if (!c->wanted[i] && !exists(c, ABSENT, c->name[i]))
			continue; /* nobody calls it */
		if (asprintf(&file[files], "%s%s.o", c->wanted[i] ? "" : ABSENT, c->name[i]) < 0)
			exit(EXIT_FAILED);
		argv[n++] = file[files++];
	}
	ret = tool_run(&tool, err);
	while (files)
		free(file[--files]);
	return ret;
}

int link_libos(const char *libos, const struct bartizan_list *want, char **path, struct image_error *err)
{
	struct components c = {0};
	int out = -1, ret = 0;

	if (!find_dir(&c, libos))
		ret = image_fail(err, -ENOENT,
				 "the library OS's components are not installed beside it (%s); without "
				 "'components' an image "
				 "gets all of them",
				 c.dir);
	if (!ret)
		ret = find_all(&c, err);
	if (!ret)
		ret = choose(&c, want, err);
	if (!ret) {
		out = memfd_create("libos", 0); /* ld inherits it */
		ret = out < 0 ? image_fail(err, -errno, "memfd_create: %s", strerror(errno))
			      : link_to(&c, out, err);
	}
	if (!ret && asprintf(path, "/proc/self/fd/%d", out) < 0)
		ret = -ENOMEM;
	for (size_t i = 0; i < c.count; i++)
		free((char *)c.name[i]);
	free(c.dir);
	return ret;
}
