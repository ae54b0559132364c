/*
 * Connections.  connect(2) makes the accepting end itself and puts it into the listener's queue, so that data can flow before
 * accept(2) takes it from there; a full queue makes connect wait.
 */
#include "libos/unix/internal.h"

#define BACKLOG_MAX 4096u	/* net.core.somaxconn */

static bool is_connected_type(const struct unix_sock *u)
{
	return u->socket.type == SOCK_STREAM || u->socket.type == SOCK_SEQPACKET;
}

int unix_listen(struct socket *s, int backlog)
{
	struct unix_sock *u = unix_of(s);
	int err = 0;

	if (!is_connected_type(u))
		return -EOPNOTSUPP;
	if (!READ_ONCE(u->addr))
		return -EINVAL;
	mutex_lock(&u->lock);
	if (u->state == UNIX_CONNECTED) {
		err = -EINVAL;
	} else {
		WRITE_ONCE(u->backlog, min((u32)backlog, BACKLOG_MAX));
		WRITE_ONCE(u->state, UNIX_LISTENING);
		s->listening = true;
		s->peer = unix_my_cred();
	}
	mutex_unlock(&u->lock);
	if (!err)
		unix_wake(u, ~0u);
	return err;
}

static struct unix_sock *take_embryo(struct unix_sock *u)
{
	struct unix_sock *embryo = NULL;
	struct unix_msg *m = NULL;

	mutex_lock(&u->lock);
	if (u->queued) {
		m = list_first(&u->queue, struct unix_msg, node);
		unix_dequeue(u, m);
		embryo = m->embryo;
		m->embryo = NULL;
	}
	mutex_unlock(&u->lock);
	if (m) {
		unix_msg_free(m);
		unix_wake(u, EPOLLOUT);	/* who waits to connect */
	}
	return embryo;
}

int unix_accept(struct socket *s, struct socket **out, bool nowait)
{
	struct unix_sock *u = unix_of(s), *embryo;
	i64 deadline = socket_deadline(s->rcvtimeo);
	int err;

	if (!is_connected_type(u))
		return -EOPNOTSUPP;
	if (READ_ONCE(u->state) != UNIX_LISTENING)
		return -EINVAL;
	for (;;) {
		embryo = take_embryo(u);
		if (embryo) {
			*out = &embryo->socket;
			return 0;
		}
		if (READ_ONCE(s->shutdown) & SHUT_RECEIVE)
			return -EINVAL;
		if (nowait)
			return -EAGAIN;
		err = SOCKET_WAIT(&s->waitq, READ_ONCE(u->queued) || (READ_ONCE(s->shutdown) & SHUT_RECEIVE), deadline);
		if (err)
			return err;
	}
}

/* Both locked: 0, an error, or 1: the listener's queue is full. */
static int may_connect(const struct unix_sock *u, const struct unix_sock *to)
{
	if (u->state == UNIX_CONNECTED)
		return -EISCONN;
	if (u->state == UNIX_LISTENING)
		return -EINVAL;
	if (to->dead || to->state != UNIX_LISTENING || (to->socket.shutdown & SHUT_RECEIVE))
		return -ECONNREFUSED;
	return unix_queue_full(to);
}

/* Both locked, and so is nobody else: `end` is new. */
static void link_ends(struct unix_sock *u, struct unix_sock *end, struct unix_sock *listener, struct unix_msg *m)
{
	end->socket.peer = unix_my_cred();
	end->socket.passcred = listener->socket.passcred;
	u->socket.peer = listener->socket.peer;
	end->addr = listener->addr;
	ref_get(&end->addr->refs);
	end->peer = u;
	ref_get(&u->refs);
	u->peer = end;
	ref_get(&end->refs);
	WRITE_ONCE(end->state, UNIX_CONNECTED);
	WRITE_ONCE(u->state, UNIX_CONNECTED);
	m->embryo = end;
	unix_enqueue(listener, m);
}

/* 0 done, 1: full, or an error. */
static int try_connect(struct unix_sock *u, struct unix_sock *listener, struct unix_sock *end, struct unix_msg *m)
{
	int err;

	unix_lock_two(u, listener);
	err = may_connect(u, listener);
	if (!err)
		link_ends(u, end, listener, m);
	unix_unlock_two(u, listener);
	return err;
}

static int connect_stream(struct unix_sock *u, const struct socket_name *name, bool nowait)
{
	struct unix_sock *listener = NULL, *end;
	i64 deadline = socket_deadline(u->socket.sndtimeo);
	struct socket *s;
	struct unix_msg *m;
	int err = unix_create(u->socket.type, 0, &s);

	if (err)
		return err;
	end = unix_of(s);
	m = unix_msg_alloc(end, 0, 1);
	err = m ? unix_find(name, u->socket.type, &listener) : -ENOMEM;
	while (!err) {
		err = try_connect(u, listener, end, m);
		if (err <= 0)
			break;
		err = nowait ? -EAGAIN
			     : SOCKET_WAIT(&listener->socket.waitq,
					   !unix_queue_full(listener) || READ_ONCE(listener->socket.shutdown), deadline);
	}
	if (!err)
		unix_wake(listener, EPOLLIN | EPOLLRDNORM);
	if (listener)
		unix_put(listener);
	if (err) {
		if (m)
			unix_msg_free(m);
		unix_release(s);
	}
	return err;
}

/* A datagram socket's peer is just whom it sends to.  What an earlier peer sent stays in the queue, where Linux drops it. */
static int connect_datagram(struct unix_sock *u, const struct socket_name *name)
{
	struct unix_sock *to = NULL, *old;
	int err = 0;

	if (name->family != AF_UNSPEC) {
		err = unix_name_check(name);
		if (!err)
			err = unix_find(name, SOCK_DGRAM, &to);
		if (err)
			return err;
		mutex_lock(&to->lock);
		if (to->peer && to->peer != u)
			err = -EPERM;
		mutex_unlock(&to->lock);
		if (err) {
			unix_put(to);
			return err;
		}
	}
	mutex_lock(&u->lock);
	old = u->peer;
	u->peer = to;
	WRITE_ONCE(u->state, to ? UNIX_CONNECTED : UNIX_UNCONNECTED);
	mutex_unlock(&u->lock);
	if (old)
		unix_put(old);
	waitq_wake_all(&unix_room, EPOLLOUT);
	return 0;
}

int unix_connect(struct socket *s, const struct socket_name *name, bool nowait)
{
	struct unix_sock *u = unix_of(s);
	int err;

	if (name->len < sizeof(name->family))
		return -EINVAL;
	if (s->passcred && name->family != AF_UNSPEC) {
		err = unix_autobind(u);
		if (err)
			return err;
	}
	if (s->type == SOCK_DGRAM)
		return connect_datagram(u, name);
	err = unix_name_check(name);
	if (!err && s->type == SOCK_STREAM) {
		int number = unix_beyond(name);

		if (number >= 0)
			return unix_beyond_connect(u, number, nowait);
	}
	return err ? err : connect_stream(u, name, nowait);
}

int unix_pair(u32 type, int protocol, struct socket *out[2])
{
	struct unix_sock *a, *b;
	int err = unix_create(type, protocol, &out[0]);

	if (err)
		return err;
	err = unix_create(type, protocol, &out[1]);
	if (err) {
		unix_release(out[0]);
		return err;
	}
	a = unix_of(out[0]);
	b = unix_of(out[1]);
	a->peer = b;
	b->peer = a;
	ref_get(&a->refs);
	ref_get(&b->refs);
	a->state = b->state = UNIX_CONNECTED;
	a->socket.peer = b->socket.peer = unix_my_cred();
	return 0;
}
