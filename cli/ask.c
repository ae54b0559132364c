/*
 * Streams to a sandbox's library OS: a socket pair, of which the monitor passes one end on unread.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/tar.h"
#include "monitor/monitor.h"

#define BUSY_TRIES 150
#define BUSY_WAIT_US 20000

int ask_connect(int state, const struct entry *e)
{
	int monitor;

	if (!e->running)
		fail(EXIT_BARTIZAN, "%s: is not running", e->name);
	monitor = entry_connect(state, e);
	if (monitor < 0)
		fail(EXIT_BARTIZAN, "%s: its monitor does not answer", e->name);
	return monitor;
}

static void hand_over(int monitor, const char *sandbox, int fd)
{
	struct monitor_msg m = {.kind = MONITOR_ASK};
	struct iovec iov = {&m, sizeof(m)};
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	*cmsg = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	if (sendmsg(monitor, &msg, MSG_NOSIGNAL) < 0)
		fail(EXIT_BARTIZAN, "%s: its monitor: %s", sandbox, strerror(errno));
}

static int open_stream(int monitor, const char *sandbox)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		fail(EXIT_BARTIZAN, "%s: a stream to it: %s", sandbox, strerror(errno));
	hand_over(monitor, sandbox, ends[1]);
	close(ends[1]);
	return ends[0];
}

static int error_of(const struct bz_answer *answer)
{
	if (!answer->error)
		return 0;
	return answer->error < 0 && answer->error > -4096 ? -answer->error : EPROTO;
}

static void no_answer(const char *sandbox)
{
	fail(EXIT_BARTIZAN, "%s: the sandbox does not answer, or serves others just now", sandbox);
}

int ask(int monitor, const char *sandbox, const struct bz_ask *what, const void *more, size_t len, uint32_t *mode, int *error)
{
	struct bz_answer answer;

	for (int tries = 0; tries < BUSY_TRIES; tries++) {
		int fd = open_stream(monitor, sandbox);

		if (tar_send(fd, what, sizeof(*what)) && (!len || tar_send(fd, more, len)) &&
		    tar_receive(fd, &answer, sizeof(answer))) {
			*mode = answer.mode;
			*error = error_of(&answer);
			return fd;
		}
		/* The monitor holds one request at a time, the library OS serves a few. */
		close(fd);
		usleep(BUSY_WAIT_US);
	}
	no_answer(sandbox);
	return -1;
}

int ask_answer(int fd, const char *sandbox, uint32_t *mode)
{
	struct bz_answer answer;

	if (!tar_receive(fd, &answer, sizeof(answer)))
		no_answer(sandbox);
	*mode = answer.mode;
	return error_of(&answer);
}
