/*
 * Standard streams of a sandbox, with just the access that it needs.
 *
 * What the command was given is shared with the shell and its other children: O_NONBLOCK must not be set on
 * it, and a descriptor opened for reading and writing says more than was meant.  So FIFOs, terminals, and
 * files that are open for more than needed, are opened again through /proc/self/fd.  A file that is open for
 * just reading or just writing is handed over as it is: `(a; b) >log 2>&1` works because all share one
 * offset, and the sandbox has no call to move it but by reading and writing.  So are sockets, and what the
 * invoking user could not open by himself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

#include "monitor/process.h"

static uint32_t stdio_kind(const struct stat *st, int fd, bool console)
{
	struct termios tio;

	if (S_ISREG(st->st_mode))
		return BZ_STDIO_FILE;
	if (S_ISFIFO(st->st_mode))
		return BZ_STDIO_PIPE;
	if (S_ISSOCK(st->st_mode))
		return BZ_STDIO_SOCKET;
	if (!S_ISCHR(st->st_mode))
		return BZ_STDIO_NONE;
	if (st->st_rdev == makedev(1, 3))
		return BZ_STDIO_NULL;
	/* A terminal that is not the sandbox's own pty keeps its discipline: to the guest it is a pipe, as in
	 * docker run without -t. */
	return console && tcgetattr(fd, &tio) == 0 ? BZ_STDIO_CONSOLE : BZ_STDIO_PIPE;
}

static int reopen_stream(struct monitor *m, int fd, uint32_t access, uint32_t kind, int now)
{
	char path[32];
	int flags = access & BZ_OPEN_WRITE ? (access & BZ_OPEN_READ ? O_RDWR : O_WRONLY) : O_RDONLY, again;

	if (kind == BZ_STDIO_SOCKET || (kind == BZ_STDIO_FILE && flags == (now & O_ACCMODE)))
		return fcntl(fd, F_DUPFD_CLOEXEC, FD_LOWEST);
	if (access & BZ_OPEN_APPEND)
		flags |= O_APPEND;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again >= 0 && m->spec->guest)
		fcntl(again, F_SETFL, flags & O_APPEND); /* it waits in write(2) itself */
	return again >= 0 ? again : fcntl(fd, F_DUPFD_CLOEXEC, FD_LOWEST);
}

/* `> log 2>&1` makes two descriptors of one description, which must go on sharing their offset. */
static int shared_with(struct monitor *m, int i)
{
	const struct bz_stdio *mine = &m->stdio[i];

	for (int j = 0; j < i; j++) {
		const struct bz_stdio *other = &m->stdio[j];

		if (m->stdio_fd[j] >= 0 && other->kind == mine->kind && other->access == mine->access &&
		    other->attr.dev == mine->attr.dev && other->attr.ino == mine->attr.ino &&
		    other->pos == mine->pos)
			return j;
	}
	return -1;
}

static void reopen_one(struct monitor *m, int i)
{
	int fd = m->spec->stdio[i], flags, twin;
	struct bz_stdio *out = &m->stdio[i];
	struct stat st;

	m->stdio_fd[i] = -1;
	memset(out, 0, sizeof(*out));
	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	flags = fcntl(fd, F_GETFL);
	out->kind = stdio_kind(&st, fd, m->spec->flags & SANDBOX_TTY);
	if (flags < 0 || flags & O_PATH || out->kind == BZ_STDIO_NONE) {
		out->kind = BZ_STDIO_NONE;
		return;
	}
	if (out->kind == BZ_STDIO_CONSOLE || i == 0)
		out->access |= (flags & O_ACCMODE) != O_WRONLY ? BZ_OPEN_READ : 0;
	if (out->kind == BZ_STDIO_CONSOLE || i > 0)
		out->access |= (flags & O_ACCMODE) != O_RDONLY ? BZ_OPEN_WRITE : 0;
	if (!out->access) {
		out->kind = BZ_STDIO_NONE;
		return;
	}
	if (out->access & BZ_OPEN_WRITE && flags & O_APPEND)
		out->access |= BZ_OPEN_APPEND;
	if (out->kind == BZ_STDIO_FILE)
		out->pos = lseek(fd, 0, SEEK_CUR);
	attr_of_fd(&m->server, fd, 0, &out->attr);
	if (out->kind == BZ_STDIO_PIPE)
		out->attr.kind = BZ_KIND_FIFO;
	twin = shared_with(m, i);
	m->stdio_fd[i] = twin >= 0 ? fcntl(m->stdio_fd[twin], F_DUPFD_CLOEXEC, FD_LOWEST)
				   : reopen_stream(m, fd, out->access, out->kind, flags);
	if (m->stdio_fd[i] < 0)
		out->kind = BZ_STDIO_NONE;
	else if (out->kind == BZ_STDIO_FILE && twin < 0)
		lseek(m->stdio_fd[i], out->pos, SEEK_SET); /* for one opened again; the others are there */
}

void stdio_reopen(struct monitor *m)
{
	for (int i = 0; i < 3; i++)
		reopen_one(m, i);
}
