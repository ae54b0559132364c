/*
 * Writes the log of a detached sandbox.  One process, the keeper, writes it; `bartizan logs` reads.
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
#include "cli/log.h"

struct log *log_open(int dir, const char *name)
{
	struct log *log = must_alloc(sizeof(*log));

	log->dir = dir;
	log->name = must_dup(name);
	log->fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (log->fd < 0)
		fail(EXIT_BARTIZAN, "%s: %s", name, strerror(errno));
	log->size = lseek(log->fd, 0, SEEK_END);
	return log;
}

static void rotate(struct log *log)
{
	char *old = must_format("%s.1", log->name);
	int fd;

	renameat(log->dir, log->name, log->dir, old);
	fd = openat(log->dir, log->name, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0) {
		dup3(fd, log->fd, O_CLOEXEC);
		close(fd);
		log->size = 0;
	}
	free(old);
}

static void append(struct log *log, const char *text, size_t len)
{
	if (log->size + len > LOG_MAX)
		rotate(log);
	while (len) {
		ssize_t n = write(log->fd, text, len);

		if (n <= 0)
			return; /* a full disk loses lines, not the sandbox */
		log->size += n;
		log->midline = text[n - 1] != '\n';
		text += n;
		len -= n;
	}
}

bool log_take(struct log *log, int from)
{
	char data[16384];
	ssize_t n = read(from, data, sizeof(data));

	if (n > 0)
		append(log, data, n);
	return n > 0 || (n < 0 && errno == EINTR);
}

void log_line(struct log *log, const char *prefix, const char *text, size_t len)
{
	if (log->midline)
		append(log, "\n", 1);
	append(log, prefix, strlen(prefix));
	append(log, text, len);
	append(log, "\n", 1);
}
