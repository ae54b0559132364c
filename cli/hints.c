/*
 * After a run of a program of the host: files of this host that its arguments name, or that it looked for, and that its
 * view does not hold.  The names that it looked for are the guest's word: they are compared with what the person may
 * see anyway, and shown as the monitor escaped them.
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

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && (!path[len] || path[len] == '/');
}

static bool is_kernels(const char *path)
{
	return is_below(path, "/proc") || is_below(path, "/sys") || is_below(path, "/dev") || !path[1];
}

/* The hints of a run, each path once. */
struct hints {
	const struct run *r;
	struct strings paths;
	unsigned int left_out;
};

static void say(struct hints *h, char *path, const char *format, const char *option)
{
	char *line;

	for (size_t i = 0; i < h->paths.count; i++)
		if (!strcmp(h->paths.item[i], path))
			return;
	strings_add(&h->paths, path);
	if (h->paths.count > HINTS_MAX) {
		h->left_out++;
		return;
	}
	line = must_format("not granted: %s%s; add %s", path, format, option);
	session_say(&h->r->session, line);
	free(line);
}

static void say_path(struct hints *h, char *path)
{
	char *option = must_format("-v %s:%s:ro", path, path);

	say(h, path, "", option);
	free(option);
}

/* A word of the command line. */
static void hint_argument(struct hints *h, const char *word)
{
	char *path;

	if (!*word || access(word, F_OK) < 0)
		return;
	if (*word != '/') {
		if (!h->r->options.here && strcmp(word, ".") && strcmp(word, ".."))
			say(h, must_dup(word), ", in the current directory", "--here or --here=ro");
		return;
	}
	path = clean_path(word);
	if (path && !is_kernels(path) && !is_shown(&h->r->view, path))
		say_path(h, path);
}

static bool on_this_host(const char *path)
{
	char *clean = strchr(path, '\\') ? NULL : clean_path(path);
	bool ret = clean && access(clean, F_OK) == 0;

	free(clean);
	return ret;
}

/* Who walks a path looks at the directories on the way, too: the last one says it. */
static bool is_on_the_way(const struct strings *missing, const char *path)
{
	for (size_t i = 0; i < missing->count; i++)
		if (is_below(missing->item[i], path) && strlen(missing->item[i]) > strlen(path) + 1 &&
		    on_this_host(missing->item[i]))
			return true;
	return false;
}

/*
 * A name that the program looked for.  Libraries look for much of /etc, /run and /var/cache that they can do without.
 */
static void hint_missing(struct hints *h, const struct strings *missing, const char *name)
{
	char *path = on_this_host(name) ? clean_path(name) : NULL;

	if (!path || is_on_the_way(missing, path))
		return;
	if (is_kernels(path) || is_below(path, "/etc") || is_below(path, "/run") || is_below(path, "/var/run") ||
	    is_below(path, "/var/cache"))
		return;
	if (!is_shown(&h->r->view, path))
		say_path(h, path);
}

void hints_show(const struct run *r, int code)
{
	const struct strings *missing = &r->session.missing;
	struct hints h = {.r = r};

	if (r->program.kind != PROGRAM_HOST)
		return;
	for (size_t i = 1; code && i < r->argv.count; i++) {
		const char *word = r->argv.item[i], *value = *word == '-' ? strchr(word, '=') : NULL;

		if (*word != '-')
			hint_argument(&h, word);
		else if (value)
			hint_argument(&h, value + 1);
	}
	/* A program that was content is not talked about where nobody sits. */
	for (size_t i = 0; (code || isatty(STDERR_FILENO)) && i < missing->count; i++)
		hint_missing(&h, missing, missing->item[i]);
	if (h.left_out) {
		char *line = must_format("not granted: and %u more%s", h.left_out,
					 r->options.detach ? "; see 'bartizan logs --denied'" : "");

		session_say(&r->session, line);
		free(line);
	}
}
