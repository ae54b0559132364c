/*
 * Sockets of the host's that the operator grants by --unix.  To connect is the monitor's; bytes then go straight through the host's
 * stream.  No descriptor passes: what the guest wants to pass is refused, and what the peer passes the host closes, for a picoprocess
 * has no call that would take it.
 */
#include "libos/socket/stream.h"
#include "libos/signal/signal.h"
#include "libos/unix/internal.h"
#include "libos/vfs/namei.h"

#define UNREAD_MOST 65536u
#define RETRY_NS 2000000

int unix_beyond(const struct socket_name *name)
{
	char path[sizeof(name->bytes) + 1];
	struct path p;
	int number;

	if (!(boot->port_count) || name->len <= sizeof(name->family) || !name->bytes[sizeof(name->family)])
		return -1;
	memcpy(path, name->bytes + sizeof(name->family), name->len - sizeof(name->family));
	path[name->len - sizeof(name->family)] = 0;
	if (path_lookup(AT_FDCWD, path, LOOKUP_FOLLOW, &p))
		return -1;
	number = host_socket_number(p.dentry->inode);
	path_put(&p);
	return number;
}

/* The peer's queue of connections may be full: nobody tells when there is room. */
int unix_beyond_connect(struct unix_sock *u, int number, bool nowait)
{
	struct bz_address to = {.port = number}, from;
	i64 deadline = socket_deadline(u->socket.sndtimeo);
	bz_stream s;
	int err;

	if (READ_ONCE(u->state) != UNIX_UNCONNECTED)
		return READ_ONCE(u->state) == UNIX_CONNECTED ? -EISCONN : -EINVAL;
	while ((s = host->stream_connect(BZ_UNIX, &to, &from)) == -EAGAIN && !nowait) {
		struct waitq nobody;

		waitq_init(&nobody);
		err = WAIT_EVENT(&nobody, false, min(deadline, now_mono() + RETRY_NS));
		if (err != -ETIMEDOUT || now_mono() >= deadline)
			return socket_interrupted(err, deadline);
	}
	if (s < 0)
		return s;
	mutex_lock(&u->lock);
	err = u->state == UNIX_UNCONNECTED ? 0 : -EISCONN;
	if (!err) {
		u->stream = s;
		u->socket.peer = (struct ucred){0, 65534, 65534}; /* who that is on the host is not the guest's to know */
		WRITE_ONCE(u->state, UNIX_CONNECTED);
	}
	mutex_unlock(&u->lock);
	if (err)
		host->stream_close(s, 0);
	unix_wake(u, ~0u);
	return err;
}

ssize_t unix_beyond_send(struct unix_sock *u, struct socket_msg *m)
{
	ssize_t n = READ_ONCE(u->socket.shutdown) & SHUT_SEND
			? -EPIPE : stream_socket_send(&u->socket, u->stream, m, socket_deadline(u->socket.sndtimeo));

	return n == -EPIPE && !(m->flags & MSG_NOSIGNAL) ? signal_pipe_broken() : n;
}

ssize_t unix_beyond_receive(struct unix_sock *u, struct socket_msg *m)
{
	if (READ_ONCE(u->socket.shutdown) & SHUT_RECEIVE)
		return 0;
	return stream_socket_receive(u->stream, m, socket_deadline(u->socket.rcvtimeo));
}

/* FIONREAD, as far as this looks. */
int unix_beyond_unread(struct unix_sock *u)
{
	char *buf = kmalloc(UNREAD_MOST);
	struct bz_iov iov = {buf, UNREAD_MOST};
	i64 n = buf ? host->stream_read(u->stream, &iov, 1, BZ_OFFSET_NONE, BZ_IO_PEEK) : 0;

	kfree(buf);
	return max(n, 0ll);
}
