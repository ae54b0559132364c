/*
 * Bytes of host streams, as sockets send and receive them.  Ordinary ones are one host call, which waits by itself where it may; what
 * only a flag says (looking, urgent data, more to come) goes by a buffer in between, and waits here.
 */
#include "libos/socket/stream.h"
#include "libos/signal/signal.h"

#define FLAGGED_MOST 65536u
#define UNREAD_MOST (1u << 30)

int stream_socket_sleep(bz_stream s, u32 events, i64 deadline)
{
	struct thread *t = current;
	int ret = -EINTR;

	WRITE_ONCE(current_tcb()->interrupted, 0);
	__atomic_store_n(&t->sleep_kind, SLEEP_HOST, __ATOMIC_SEQ_CST);
	if (!signal_is_pending())
		ret = host->stream_wait(s, events, deadline);
	__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
	if (ret == -EINTR)
		return signal_is_pending() ? -EINTR : 0;
	return ret == 0 ? -ETIMEDOUT : min(ret, 0);
}

/* One host call; it waits unless it must not, or there is a deadline, which is kept by waiting for the stream. */
static ssize_t transfer(bz_stream s, struct iov_iter *it, bool write, bool nowait, i64 deadline)
{
	struct thread *t = current;
	struct bz_iov iov[IOV_MAX_HOST];
	u32 n = iov_host(it, iov, IOV_MAX_HOST, it->left);
	u32 flags = nowait || deadline != BZ_NO_DEADLINE ? BZ_IO_NOWAIT : 0;
	ssize_t ret;

	/* Lent bytes, under locks: by the call that waits on no kernel (before Linux 6.5 the other does for more than there is room for). */
	if (write && nowait && it->kernel && n == 1)
		flags = BZ_IO_MESSAGE;
	for (;;) {
		ret = -EINTR;
		WRITE_ONCE(current_tcb()->interrupted, 0);
		__atomic_store_n(&t->sleep_kind, SLEEP_HOST, __ATOMIC_SEQ_CST);
		if (!signal_is_pending())
			ret = write ? host->stream_write(s, iov, n, BZ_OFFSET_NONE, flags)
				    : host->stream_read(s, iov, n, BZ_OFFSET_NONE, flags);
		__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
		if (ret == -EINTR && signal_is_pending())
			return socket_interrupted(-EINTR, deadline);
		if (ret == -EAGAIN && !nowait) {
			int err = stream_socket_sleep(s, write ? BZ_WAIT_OUT : BZ_WAIT_IN, deadline);

			if (err)
				return socket_interrupted(err, deadline);
			continue;
		}
		if (ret != -EINTR)
			break;
	}
	if (ret > 0)
		iov_advance(it, ret);
	return ret;
}

/* --- sending --- */

/* One piece with MSG_OOB or MSG_MORE: the urgent byte is the last one of all. */
static ssize_t send_flagged(bz_stream s, struct socket_msg *m, i64 deadline)
{
	size_t room = min(m->it.left, (size_t)FLAGGED_MOST);
	bool urgent = (m->flags & MSG_OOB) && room == m->it.left;
	u32 flags = urgent ? BZ_IO_URGENT | (m->flags & MSG_MORE ? BZ_IO_MORE : 0) : BZ_IO_MORE;
	struct iov_iter at = m->it;
	char *buf = kmalloc(room);
	struct bz_iov iov = {buf, buf ? iov_copy_from(&at, buf, room) : 0};
	ssize_t n = !buf ? -ENOBUFS : iov.len < room ? -EFAULT : -EAGAIN;

	while (n == -EAGAIN) {
		n = host->stream_write(s, &iov, 1, BZ_OFFSET_NONE, flags);
		if (n != -EAGAIN || m->nowait)
			break;
		n = stream_socket_sleep(s, BZ_WAIT_OUT, deadline);
		n = n ? socket_interrupted(n, deadline) : -EAGAIN;
	}
	kfree(buf);
	if (n > 0)
		iov_advance(&m->it, n);
	return n;
}

ssize_t stream_socket_send(struct socket *s, bz_stream stream, struct socket_msg *m, i64 deadline)
{
	ssize_t done = 0, n;

	while (m->it.left) {
		n = m->flags & (MSG_OOB | MSG_MORE) ? send_flagged(stream, m, deadline)
						    : transfer(stream, &m->it, true, m->nowait, deadline);
		if (n < 0)
			return done ? done : n;
		done += n;
	}
	return done;
}

/* --- receiving --- */

static ssize_t receive_flagged(bz_stream s, struct socket_msg *m, i64 deadline)
{
	u32 flags = (m->flags & MSG_PEEK ? BZ_IO_PEEK : 0) | (m->flags & MSG_OOB ? BZ_IO_URGENT : 0);
	size_t room = m->it.left ? min(m->it.left, (size_t)FLAGGED_MOST) : 1;
	char *buf = kmalloc(room);
	struct bz_iov iov = {buf, room};
	ssize_t n;

	if (!buf)
		return -ENOBUFS;
	if (!m->it.left)
		flags |= BZ_IO_PEEK; /* who asks for nothing waits for something, as on Linux */
	for (;;) {
		n = host->stream_read(s, &iov, 1, BZ_OFFSET_NONE, flags ? flags : BZ_IO_NOWAIT);
		if (n == -EINTR)
			continue;
		if (n != -EAGAIN || m->nowait || (m->flags & MSG_OOB))
			break;
		n = stream_socket_sleep(s, BZ_WAIT_IN, deadline);
		if (n) {
			n = socket_interrupted(n, deadline);
			break;
		}
	}
	if (n > 0 && (m->flags & MSG_OOB))
		m->out_flags |= MSG_OOB;
	n = n > 0 ? min(n, (ssize_t)m->it.left) : n;
	if (n > 0 && (m->flags & MSG_TRUNC))
		iov_advance(&m->it, n);
	else if (n > 0 && !iov_copy_to(&m->it, buf, n))
		n = -EFAULT;
	kfree(buf);
	return n;
}

ssize_t stream_socket_receive(bz_stream s, struct socket_msg *m, i64 deadline)
{
	bool flagged = m->flags & (MSG_PEEK | MSG_TRUNC | MSG_OOB), more;
	bool all = (m->flags & MSG_WAITALL) && !(m->flags & (MSG_PEEK | MSG_OOB));
	ssize_t total = 0, n;

	do {
		const struct bz_iov *behind = m->it.iov + IOV_MAX_HOST;

		more = m->it.count > IOV_MAX_HOST && !flagged;
		if (flagged || !m->it.left)
			n = receive_flagged(s, m, deadline);
		else
			n = transfer(s, &m->it, false, m->nowait || (total && !all), deadline);
		/* All that one host call can ask for came: who is told of edges must find out whether there is more. */
		more &= m->it.iov >= behind;
		if (n < 0)
			return total ? total : n;
		total += n;
	} while (n && (all || more) && m->it.left);
	return total;
}

u32 stream_socket_unread(bz_stream s)
{
	char byte; /* nothing is stored */
	struct bz_iov iov = {&byte, UNREAD_MOST};
	i64 n = host->stream_read(s, &iov, 1, BZ_OFFSET_NONE, BZ_IO_COUNT);

	return max(n, 0ll);
}
