/*
 * The caller's control socket, and those of later commands (`stop`, `stats`) that came in by the listener.
 *
 * The monitor never blocks on any of them.  What the first, the caller, does not take at once waits in one
 * buffer; as long as it waits, the sandbox's log is not read, so that a slow terminal slows the one who
 * writes.  The others may miss messages.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/process.h"

static struct {
	size_t len; /* 0: nothing waits */
	char data[sizeof(struct monitor_msg) + MONITOR_TEXT_MAX];
} waiting;

static int send_to(int fd, const struct monitor_msg *head, const char *text, size_t len)
{
	struct iovec iov[2] = {{(void *)head, sizeof(*head)}, {(void *)text, len}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = len ? 2 : 1};

	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

bool clients_blocked(const struct monitor *m)
{
	return waiting.len != 0;
}

void clients_flush(struct monitor *m, int timeout_ms)
{
	struct pollfd pfd = {m->clients[0], POLLOUT, 0};

	if (!waiting.len || m->clients[0] < 0)
		return;
	if (timeout_ms)
		poll(&pfd, 1, timeout_ms);
	if (send_to(m->clients[0], (struct monitor_msg *)waiting.data,
		    waiting.data + sizeof(struct monitor_msg),
		    waiting.len - sizeof(struct monitor_msg)) != -EAGAIN)
		waiting.len = 0;
}

void clients_send(struct monitor *m, const struct monitor_msg *given, const char *text, size_t len)
{
	struct monitor_msg head = *given;

	if (len > MONITOR_TEXT_MAX)
		len = MONITOR_TEXT_MAX;
	head.len = len;
	for (uint32_t i = 1; i < m->client_count; i++)
		send_to(m->clients[i], &head, text, len);
	if (m->clients[0] < 0)
		return;
	clients_flush(m, 0);
	if (waiting.len)
		return; /* its reader is far behind: this one is lost */
	if (send_to(m->clients[0], &head, text, len) == -EAGAIN) {
		memcpy(waiting.data, &head, sizeof(head));
		memcpy(waiting.data + sizeof(head), text, len);
		waiting.len = sizeof(head) + len;
	}
}

void clients_line(struct monitor *m, uint32_t kind, uint32_t arg, const char *text, size_t len)
{
	struct monitor_msg head = {.kind = kind, .arg = arg};

	clients_send(m, &head, text, len);
}

void clients_drop(struct monitor *m, uint32_t i)
{
	close(m->clients[i]);
	if (i == 0) {
		m->clients[0] = -1;
		waiting.len = 0;
		return;
	}
	m->clients[i] = m->clients[--m->client_count];
}

void clients_accept(struct monitor *m)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int fd = accept4(m->listen, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (m->client_count == CLIENTS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 ||
	    (peer.uid != 0 && peer.uid != m->caller_uid)) {
		close(fd);
		return;
	}
	m->clients[m->client_count++] = fd;
}
