/*
 * logs: what a detached sandbox wrote.  It is the guest's text: a terminal gets it escaped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/manage.h"
#include "cli/session.h"
#include "monitor/escape.h"

static void put(const char *text, size_t len, bool escape)
{
	static char escaped[4 * 16384 + 1];

	if (escape) {
		len = escape_text(escaped, sizeof(escaped), text, len, ESCAPE_KEEP_NEWLINE);
		text = escaped;
	}
	fwrite(text, 1, len, stdout);
}

static void copy_rest(int fd, bool escape)
{
	char data[16384];
	ssize_t n;

	while ((n = read(fd, data, sizeof(data))) > 0)
		put(data, n, escape);
	fflush(stdout);
}

/* Moves fd to where its last `lines` lines begin; returns how many are missing. */
static uint64_t seek_lines(int fd, uint64_t lines)
{
	char data[4096];
	off_t end = lseek(fd, 0, SEEK_END), at = end;

	while (at > 0) {
		ssize_t n = at < (off_t)sizeof(data) ? at : (off_t)sizeof(data);

		at -= n;
		if (pread(fd, data, n, at) != n)
			break;
		for (ssize_t i = n - 1; i >= 0; i--)
			if (data[i] == '\n' && at + i + 1 != end && !--lines) {
				lseek(fd, at + i + 1, SEEK_SET);
				return 0;
			}
	}
	lseek(fd, 0, SEEK_SET);
	return end > 0 ? lines - 1 : lines;
}

static void show_old(int dir, const char *name, uint64_t lines, bool limited, bool escape)
{
	char file[80];
	int fd;

	snprintf(file, sizeof(file), "%s.log.1", name);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	if (limited)
		seek_lines(fd, lines);
	copy_rest(fd, escape);
	close(fd);
}

/* Shows what is appended, over rotations, until the keeper is gone. */
static void follow(int dir, const struct entry *e, const char *file, int fd, bool escape)
{
	struct pollfd fds[2] = {{inotify_init1(IN_CLOEXEC | IN_NONBLOCK), POLLIN, 0},
				{process_open(&e->keeper), POLLIN, 0}};
	char path[96], events[4096];
	struct stat mine, now;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	if (fds[0].fd < 0 || inotify_add_watch(fds[0].fd, path, IN_MODIFY | IN_MOVED_FROM | IN_CREATE) < 0)
		fail(EXIT_BARTIZAN, "-f: %s", strerror(errno));
	for (;;) {
		copy_rest(fd, escape);
		if (fstat(fd, &mine) == 0 && fstatat(dir, file, &now, 0) == 0 && mine.st_ino != now.st_ino) {
			close(fd);
			fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
			continue;
		}
		if (fds[1].fd < 0 || fds[1].revents || ferror(stdout))
			break;
		poll(fds, 2, -1);
		while (read(fds[0].fd, events, sizeof(events)) > 0)
			;
	}
	close(fd);
}

/* What the monitor refused and what was not found because it was not granted; escaped when it was written. */
static void show_denied(int dir, const char *name)
{
	char file[80];
	int fd;

	snprintf(file, sizeof(file), "%s.denied", name);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return;
	copy_rest(fd, false);
	close(fd);
}

/* A word for a shell. */
static void print_word(const char *before, const char *text, const char *behind)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:,=@%+-";
	char *word = must_format("%s%s", text, behind);

	printf("%s", before);
	if (word[strspn(word, plain)]) {
		putchar('\'');
		for (const char *c = word; *c; c++)
			printf(*c == '\'' ? "'\\''" : "%c", *c);
		putchar('\'');
	} else {
		printf("%s", word);
	}
	putchar('\n');
	free(word);
}

/* What a line asks for, as an option of `run`; what none would grant, as a comment. */
static void print_grant(char *line)
{
	const size_t prefix = strlen(DENIED_MISSING);
	char *allow = strstr(line, "(--allow "), *end = allow ? strchr(allow, ')') : NULL;

	if (end) {
		*end = 0;
		print_word("--allow ", allow + strlen("(--allow "), "");
	} else if (!strncmp(line, DENIED_MISSING, prefix) && line[prefix] == '/' && !strchr(line, '\\') &&
		   access(line + prefix, F_OK) == 0) {
		const char *path = line + prefix;
		char *again = must_format(":%s:ro", path);

		print_word("-v ", path, again);
		free(again);
	} else if (strncmp(line, DENIED_MISSING, prefix)) {
		printf("# %s\n", line);
	}
}

/* Each once: they were noted so. */
static void show_grants(int dir, const char *name)
{
	char file[80], *line = NULL;
	size_t room = 0;
	ssize_t n;
	FILE *in;
	int fd;

	snprintf(file, sizeof(file), "%s.denied", name);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	in = fd < 0 ? NULL : fdopen(fd, "r");
	while (in && (n = getline(&line, &room, in)) > 0) {
		line[n - (line[n - 1] == '\n')] = 0;
		print_grant(line);
	}
	free(line);
	if (in)
		fclose(in);
}

int command_logs(int argc, char **argv)
{
	int dir = state_open(), fd;
	uint64_t lines = 0;
	struct entry e;
	struct args a;
	char file[80];
	bool escape;

	args_parse(&a, "logs", argc, argv, 1, 1);
	if (a.tail)
		lines = parse_count("--tail", a.tail, UINT32_MAX);
	entry_find(&e, dir, a.rest[0]);
	if (a.denied) {
		if (a.grants)
			show_grants(dir, e.name);
		else
			show_denied(dir, e.name);
		return 0;
	}
	snprintf(file, sizeof(file), "%s.log", e.name);
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		fail(EXIT_BARTIZAN, "%s: has no log: it was not started with -d", e.name);
	escape = !a.raw && isatty(STDOUT_FILENO);
	if (a.tail && !lines)
		lseek(fd, 0, SEEK_END);
	else if (a.tail)
		lines = seek_lines(fd, lines);
	if (!a.tail || lines)
		show_old(dir, e.name, lines, a.tail != NULL, escape);
	if (a.follow)
		follow(dir, &e, file, fd, escape);
	else
		copy_rest(fd, escape);
	return 0;
}
