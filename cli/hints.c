/*
 * After a program of the host has failed: files of this host that its arguments name and its view does not
 * hold.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/run.h"

#define HINTS_MAX 5

/* Does the deepest mount above `path` show what the host has there? */
static bool is_shown(const struct view *v, const char *path)
{
	size_t deepest = 0;
	bool shown = false;

	for (size_t i = 0; i < v->count; i++) {
		const struct sandbox_mount *m = &v->mounts[i];
		size_t len = strlen(m->guest_path);

		if (len < deepest || strncmp(path, m->guest_path, len) || (path[len] && path[len] != '/'))
			continue;
		deepest = len;
		/* A directory that the sandbox has of its own (/tmp itself) is there, though not the host's. */
		shown = !(m->flags & BZ_MOUNT_TMPFS) || !path[len];
	}
	return shown;
}

static bool is_kernels(const char *path)
{
	return !strncmp(path, "/proc", 5) || !strncmp(path, "/sys", 4) || !strncmp(path, "/dev", 4) ||
	       !path[1];
}

/* True if it said something. */
static bool hint(const struct run *r, const char *word)
{
	char *path;
	bool relative = *word != '/';

	if (!*word || access(word, F_OK) < 0)
		return false;
	if (relative && r->options.here)
		return false;
	if (relative) {
		if (!strcmp(word, ".") || !strcmp(word, ".."))
			return false;
		warn("not granted: %s, in the current directory; add --here or --here=ro", word);
		return true;
	}
	path = clean_path(word);
	if (!path || is_kernels(path) || is_shown(&r->view, path))
		return false;
	warn("not granted: %s; add -v %s:%s:ro", path, path, path);
	return true;
}

void hints_show(const struct run *r)
{
	unsigned int said = 0;

	if (r->program.kind != PROGRAM_HOST)
		return;
	for (size_t i = 1; i < r->argv.count && said < HINTS_MAX; i++) {
		const char *word = r->argv.item[i], *value = *word == '-' ? strchr(word, '=') : NULL;

		if (*word != '-')
			said += hint(r, word);
		else if (value)
			said += hint(r, value + 1);
	}
}
