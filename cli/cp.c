/*
 * cp: files between this host and a sandbox.  The library OS of a running one is asked (abi/bartizan_ask.h); of one that
 * ended there is what it left in --overlay DIR.  What a sandbox sends is hostile: untar.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/tar.h"
#include "monitor/monitor.h"

struct place {
	char *sandbox;	  /* NULL: a path of this host */
	const char *path; /* "-": a tar */
};

/* NAME:PATH, unless a slash or a dot says that it is a path of this host. */
static struct place parse_place(char *word)
{
	char *colon = strchr(word, ':');

	if (!colon || colon == word || *word == '.' || memchr(word, '/', colon - word))
		return (struct place){NULL, word};
	*colon = 0;
	if (!colon[1])
		fail(EXIT_BARTIZAN, "cp: %s: has no path after the colon", word);
	return (struct place){word, colon + 1};
}

/* The last component, "." where that is no name; the library OS finds the same. */
static char *base_name(const char *path)
{
	const char *end = path + strlen(path), *start;

	while (end > path && end[-1] == '/')
		end--;
	for (start = end; start > path && start[-1] != '/';)
		start--;
	if (start == end || (end - start == 2 && !memcmp(start, "..", 2)))
		return must_dup(".");
	return must_format("%.*s", (int)(end - start), start);
}

static int open_directory(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail(1, "%s: %s", path, strerror(errno));
	return fd;
}

/* The directory that holds a path's last component. */
static const char *holder_of(const char *path, const char *base)
{
	const char *end = path + strlen(path);

	while (end > path && end[-1] == '/')
		end--;
	return must_format("%.*s.", (int)(end - path - strlen(base)), path);
}

/* --- The sandbox's end --------------------------------------------------------------------------------- */

/* Its answer: of what is there. */
static int ask_files(int state, const struct entry *e, uint32_t op, uint32_t flags, const struct place *p, uint32_t *mode)
{
	struct bz_ask what = {.op = op, .flags = flags};
	int monitor = ask_connect(state, e), fd, error;

	if (strlen(p->path) >= sizeof(what.path))
		fail(EXIT_BARTIZAN, "cp: the path in the sandbox is too long");
	strcpy(what.path, p->path);
	fd = ask(monitor, e->name, &what, NULL, 0, mode, &error);
	if (error)
		fail(1, "%s:%s: %s", p->sandbox, p->path, strerror(error));
	close(monitor);
	return fd;
}

static uint32_t take_answer(int fd, const struct place *p)
{
	uint32_t mode;
	int error = ask_answer(fd, p->sandbox, &mode);

	if (error)
		fail(1, "%s:%s: %s", p->sandbox, p->path, strerror(error));
	return mode;
}

static int open_inside(int root, const char *path, uint64_t flags)
{
	struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT};

	return syscall(SYS_openat2, root, path, &how, sizeof(how));
}

/* What a sandbox that ended left in its overlay, sent by a child as the library OS would. */
static int ask_overlay(const struct entry *e, const struct place *p, uint32_t *mode)
{
	const char *overlay = entry_text(e, "overlay"), *base = base_name(p->path);
	int root, fd, ends[2];
	struct stat st;

	if (!*overlay)
		fail(EXIT_BARTIZAN, "%s: it ended, and what it wrote is gone; 'run --overlay DIR' keeps it",
		     e->name);
	root = open_directory(overlay);
	fd = open_inside(root, p->path, O_PATH | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		fail(1, "%s:%s: %s (it ended: only what it wrote to its overlay is left)", p->sandbox, p->path,
		     strerror(errno));
	close(fd);
	fd = open_inside(root, S_ISDIR(st.st_mode) ? p->path : holder_of(p->path, base), O_RDONLY | O_DIRECTORY);
	if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		fail(EXIT_BARTIZAN, "%s:%s: %s", p->sandbox, p->path, strerror(errno));
	if (!fork()) {
		struct bz_answer answer = {.mode = st.st_mode};

		close(ends[0]);
		tar_write(ends[1], fd, S_ISDIR(st.st_mode) ? "." : base, base, true);
		tar_send(ends[1], &answer, sizeof(answer));
		_exit(0);
	}
	close(ends[1]);
	*mode = st.st_mode;
	return ends[0];
}

/* --- The two ways -------------------------------------------------------------------------------------- */

static void copy_out(int fd, uint32_t mode, const struct place *from, const char *to, bool owners)
{
	char *first = base_name(from->path), *top = first;
	const bool tree = S_ISDIR(mode);
	struct stat st;
	int dir;

	if (!strcmp(to, "-")) {
		tar_relay(fd, STDOUT_FILENO);
		take_answer(fd, from);
		return;
	}
	if (stat(to, &st) == 0 && S_ISDIR(st.st_mode)) {
		dir = open_directory(to);
	} else {
		if (tree && stat(to, &st) == 0)
			fail(1, "%s: is no directory, and %s is one", to, from->path);
		if (!tree && to[strlen(to) - 1] == '/')
			fail(1, "%s: no such directory", to);
		top = base_name(to);
		dir = open_directory(holder_of(to, top));
	}
	tar_unpack(fd, first, dir, top, owners);
	take_answer(fd, from);
}

/* Standard input as it is; who does not want more of it has answered. */
static void relay_in(int fd)
{
	char data[64 << 10];
	ssize_t n;

	while ((n = read(STDIN_FILENO, data, sizeof(data))) > 0)
		if (!tar_send(fd, data, n))
			return;
	if (n < 0)
		fail(EXIT_BARTIZAN, "standard input: %s", strerror(errno));
	shutdown(fd, SHUT_WR);
}

static void copy_in(int fd, uint32_t mode, const char *from, const struct place *to)
{
	char *base = base_name(from), *top = base;
	struct stat st;
	int dir;

	if (!strcmp(from, "-")) {
		if (!S_ISDIR(mode))
			fail(1, "%s:%s: is no directory to unpack in", to->sandbox, to->path);
		relay_in(fd);
		take_answer(fd, to);
		return;
	}
	if (lstat(from, &st) < 0)
		fail(1, "%s: %s", from, strerror(errno));
	if (!S_ISDIR(mode)) {
		if (mode && S_ISDIR(st.st_mode))
			fail(1, "%s:%s: is no directory, and %s is one", to->sandbox, to->path, from);
		if (!S_ISDIR(st.st_mode) && to->path[strlen(to->path) - 1] == '/')
			fail(1, "%s:%s: no such directory", to->sandbox, to->path);
		top = base_name(to->path);
	}
	if (!S_ISDIR(st.st_mode))
		dir = open_directory(holder_of(from, base));
	else
		dir = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		fail(1, "%s: %s", from, strerror(errno));
	tar_write(fd, dir, S_ISDIR(st.st_mode) ? "." : base, top, false);
	take_answer(fd, to);
}

int command_cp(int argc, char **argv)
{
	struct place from, to;
	int state = state_open();
	struct entry e;
	struct args a;
	uint32_t mode;
	int fd;

	args_parse(&a, "cp", argc, argv, 0, 2);
	if (a.count < 2)
		fail(EXIT_BARTIZAN, "cp: name what is to be copied, and where to; see 'bartizan cp --help'");
	from = parse_place(a.rest[0]);
	to = parse_place(a.rest[1]);
	if (!from.sandbox == !to.sandbox)
		fail(EXIT_BARTIZAN, "cp: %s of the two must be in a sandbox, as NAME:PATH",
		     from.sandbox ? "only one" : "one");
	if (from.sandbox && !strcmp(to.path, "-") && isatty(STDOUT_FILENO))
		fail(EXIT_BARTIZAN, "cp: a tar is not for a terminal; redirect standard output");
	entry_find(&e, state, from.sandbox ? from.sandbox : to.sandbox);
	signal(SIGPIPE, SIG_IGN);
	if (from.sandbox) {
		fd = e.running ? ask_files(state, &e, BZ_ASK_GET, 0, &from, &mode) : ask_overlay(&e, &from, &mode);
		copy_out(fd, mode, &from, to.path, a.all);
		return 0;
	}
	if (!e.running)
		fail(EXIT_BARTIZAN, "%s: it ended: nothing can be copied to it", e.name);
	fd = ask_files(state, &e, BZ_ASK_PUT, a.all ? BZ_ASK_OWNERS : 0, &to, &mode);
	copy_in(fd, mode, from.path, &to);
	return 0;
}
