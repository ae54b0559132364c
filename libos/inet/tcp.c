/*
 * TCP connections between sockets of one sandbox.  connect(2) makes the accepting end itself and puts it into
 * the listener's queue, so that data can flow before accept(2) takes it from there; who finds the queue full
 * is kept in `pending` as SYN_SENT until accept(2) makes room.  States are those that RFC 9293's machine
 * would show over a network without delay.
 */
#include "libos/inet/internal.h"
#include "libos/socket/stream.h"
#include "libos/vfs/poll.h"
#include <linux/sockios.h>
#include <linux/tcp.h>

#define BACKLOG_MAX 4096u		/* net.core.somaxconn */
#define SNDBUF 16384u			/* net.ipv4.tcp_wmem */
#define RCVBUF 131072u			/* net.ipv4.tcp_rmem */
#define SNDBUF_CONNECTED 262144u	/* Linux tunes it by itself, up to 4 MiB */
#define CONNECT_NS (127 * NSEC_PER_SEC) /* what Linux's six attempts take */

static void wake(struct tcp_sock *t, u32 events)
{
	waitq_wake_all(&t->inet.socket.waitq, events);
}

struct tcp_sock *tcp_peer(struct tcp_sock *t)
{
	struct tcp_sock *peer;

	mutex_lock(&t->inet.lock);
	peer = t->peer;
	if (peer)
		ref_get(&peer->inet.refs);
	mutex_unlock(&t->inet.lock);
	return peer;
}

/* --- ends of connections --- */

void tcp_reset_locked(struct tcp_sock *t, bool refused)
{
	if (t->inet.state == TCP_CLOSE)
		return;
	WRITE_ONCE(t->inet.socket.error, refused			   ? ECONNREFUSED
					 : t->inet.state == TCP_CLOSE_WAIT ? EPIPE
									   : ECONNRESET);
	WRITE_ONCE(t->inet.socket.shutdown, SHUT_BOTH);
	WRITE_ONCE(t->inet.state, TCP_CLOSE);
}

void tcp_reset(struct tcp_sock *t, bool refused)
{
	mutex_lock(&t->inet.lock);
	tcp_reset_locked(t, refused);
	mutex_unlock(&t->inet.lock);
	wake(t, ~0u);
}

/* The peer sends no more. */
static void take_fin(struct tcp_sock *t)
{
	mutex_lock(&t->inet.lock);
	if (t->inet.state != TCP_CLOSE) {
		WRITE_ONCE(t->done, true);
		WRITE_ONCE(t->inet.socket.shutdown, t->inet.socket.shutdown | SHUT_RECEIVE);
		WRITE_ONCE(t->inet.state, t->inet.state == TCP_FIN_WAIT2 ? TCP_CLOSE : TCP_CLOSE_WAIT);
		if (t->inet.state == TCP_CLOSE)
			WRITE_ONCE(t->inet.socket.shutdown, SHUT_BOTH);
	}
	mutex_unlock(&t->inet.lock);
	wake(t, EPOLLIN | EPOLLRDNORM | EPOLLRDHUP | EPOLLHUP);
}

/* Ours goes to the peer, if it has not gone yet. */
static void send_fin(struct tcp_sock *t)
{
	struct tcp_sock *peer = tcp_peer(t);
	bool first = false;

	mutex_lock(&t->inet.lock);
	if (t->inet.state == TCP_ESTABLISHED || t->inet.state == TCP_CLOSE_WAIT) {
		first = true;
		WRITE_ONCE(t->inet.state, t->inet.state == TCP_ESTABLISHED ? TCP_FIN_WAIT2 : TCP_CLOSE);
	}
	mutex_unlock(&t->inet.lock);
	if (peer && first)
		take_fin(peer);
	if (peer)
		tcp_put(peer);
}

static void end_resolver(struct tcp_sock *end);

/* --- listening --- */

static bool queue_full(const struct tcp_sock *t)
{
	return READ_ONCE(t->queued) > READ_ONCE(t->backlog);
}

static int tcp_listen(struct socket *s, int backlog)
{
	struct tcp_sock *t = tcp_of(s);
	struct inet_addr any = t->inet.local;
	int err = 0;

	mutex_lock(&inet_lock);
	if (t->inet.state != TCP_CLOSE && t->inet.state != TCP_LISTEN)
		err = -EINVAL;
	if (!err && !t->inet.local.port)
		err = inet_port_bind(&t->inet, &any);
	if (!err && t->inet.state != TCP_LISTEN) {
		err = inet_port_listen(&t->inet);
		if (!err) {
			WRITE_ONCE(t->inet.state, TCP_LISTEN);
			s->listening = true;
			s->shutdown = 0;
			s->error = 0;
		}
	}
	if (!err)
		WRITE_ONCE(t->backlog, min((u32)backlog, BACKLOG_MAX));
	if (!err)
		tcp_outside_listen(t);
	mutex_unlock(&inet_lock);
	if (!err)
		wake(t, ~0u);
	return err;
}

/* What accept(2) will give has the listener's options. */
struct tcp_sock *tcp_make_accepted(const struct tcp_sock *listener)
{
	const struct socket *from = &listener->inet.socket;
	struct socket *s;
	struct tcp_sock *t;

	if (tcp_create(from->family, IPPROTO_TCP, &s))
		return NULL;
	t = tcp_of(s);
	memcpy(t->inet.number, listener->inet.number, sizeof(t->inet.number));
	t->inet.nodelay_off = listener->inet.nodelay_off;
	s->sndbuf = from->sndbuf_set ? from->sndbuf : SNDBUF_CONNECTED;
	s->sndbuf_set = from->sndbuf_set;
	s->rcvbuf = from->rcvbuf;
	s->rcvbuf_set = from->rcvbuf_set;
	s->rcvtimeo = from->rcvtimeo;
	s->sndtimeo = from->sndtimeo;
	s->reuseaddr = from->reuseaddr;
	s->reuseport = from->reuseport;
	s->keepalive = from->keepalive;
	s->oobinline = from->oobinline;
	s->priority = from->priority;
	s->rcvlowat = from->rcvlowat;
	memcpy(s->linger, from->linger, sizeof(s->linger));
	return t;
}

/* inet_lock held: both ends are connected from here on; `end` is nobody else's yet. */
static void link_ends(struct tcp_sock *t, struct tcp_sock *end)
{
	end->inet.local = t->inet.remote;
	end->inet.remote = t->inet.local;
	end->peer = t;
	ref_get(&t->inet.refs);
	ref_get(&end->inet.refs);
	end->inet.state = TCP_ESTABLISHED;
	mutex_lock(&t->inet.lock);
	t->peer = end;
	if (!t->inet.socket.sndbuf_set)
		t->inet.socket.sndbuf = SNDBUF_CONNECTED;
	WRITE_ONCE(t->inet.state, TCP_ESTABLISHED);
	mutex_unlock(&t->inet.lock);
}

static void link_with_listener(struct tcp_sock *t, struct tcp_sock *end, struct tcp_sock *listener)
{
	link_ends(t, end);
	inet_port_inherit(&end->inet);
	mutex_lock(&listener->inet.lock);
	list_add_tail(&end->node, &listener->queue);
	WRITE_ONCE(listener->queued, listener->queued + 1);
	mutex_unlock(&listener->inet.lock);
}

/* accept(2) made room: who has waited longest is connected. */
static void connect_pending(struct tcp_sock *listener)
{
	struct tcp_sock *t = NULL;

	mutex_lock(&inet_lock);
	if (!list_empty(&listener->pending) && !queue_full(listener)) {
		t = list_first(&listener->pending, struct tcp_sock, node);
		list_del(&t->node);
		link_with_listener(t, t->embryo, listener);
		t->embryo = NULL;
		t->listener = NULL;
	}
	mutex_unlock(&inet_lock);
	if (!t)
		return;
	wake(t, EPOLLOUT | EPOLLWRNORM | EPOLLIN);
	wake(listener, EPOLLIN | EPOLLRDNORM);
	tcp_put(t);
}

static struct tcp_sock *take_embryo(struct tcp_sock *t)
{
	struct tcp_sock *embryo = NULL;

	mutex_lock(&t->inet.lock);
	if (t->queued) {
		embryo = list_first(&t->queue, struct tcp_sock, node);
		list_del(&embryo->node);
		WRITE_ONCE(t->queued, t->queued - 1);
	}
	mutex_unlock(&t->inet.lock);
	return embryo;
}

static int tcp_accept(struct socket *s, struct socket **out, bool nowait)
{
	struct tcp_sock *t = tcp_of(s), *embryo;
	i64 deadline = socket_deadline(s->rcvtimeo);
	int err;

	for (;;) {
		if (READ_ONCE(t->inet.state) != TCP_LISTEN)
			return -EINVAL;
		embryo = take_embryo(t);
		if (embryo) {
			if (unlikely(!list_empty(&t->pending)))
				connect_pending(t);
			*out = &embryo->inet.socket;
			return 0;
		}
		embryo = t->stream >= 0 ? tcp_outside_accept(t) : NULL;
		if (IS_ERR(embryo))
			return PTR_ERR(embryo);
		if (embryo) {
			*out = &embryo->inet.socket;
			return 0;
		}
		if (nowait)
			return -EAGAIN;
		if (t->stream >= 0) {
			err = poll_file_wait(t->inet.file, EPOLLIN | EPOLLHUP, deadline);
			if (err)
				return socket_interrupted(err, deadline);
			continue;
		}
		err = SOCKET_WAIT(&s->waitq, READ_ONCE(t->queued) || READ_ONCE(t->inet.state) != TCP_LISTEN,
				  deadline);
		if (err)
			return err;
	}
}

/* --- connecting --- */

static void refuse(struct tcp_sock *t)
{
	mutex_lock(&t->inet.lock);
	t->inet.state = TCP_SYN_SENT;
	tcp_reset_locked(t, true);
	mutex_unlock(&t->inet.lock);
}

/* inet_lock held: a port, and a remote end.  What is unspecified becomes loopback's. */
static int name_ends(struct tcp_sock *t, struct inet_addr to)
{
	struct inet_addr from;
	int err;

	addr_route(&to, &from);
	if (t->inet.chosen_address) {
		from = t->inet.local;
		if (addr_is_v4(&from) != addr_is_v4(&to))
			return -ENETUNREACH;
	}
	from.port = t->inet.local.port;
	err = inet_port_for(&t->inet, &from, &to);
	if (err)
		return err;
	from.port = t->inet.local.port;
	t->inet.local = from;
	t->inet.remote = to;
	return 0;
}

/* inet_lock held.  The guest's name server has no socket but the other end. */
static int connect_resolver(struct tcp_sock *t)
{
	struct socket *s;
	int err = tcp_create(t->inet.socket.family, IPPROTO_TCP, &s);

	if (err)
		return err;
	s->sndbuf = SNDBUF_CONNECTED;
	tcp_of(s)->resolver = true;
	link_ends(t, tcp_of(s));
	return 0;
}

/* Nothing is locked: who asked has no more to say. */
static void end_resolver(struct tcp_sock *end)
{
	if (likely(!end->resolver) || !__atomic_exchange_n(&end->resolver, false, __ATOMIC_SEQ_CST))
		return;
	mutex_lock(&end->read_lock); /* another thread's question may be read still */
	end->inet.socket.ops->release(&end->inet.socket);
	mutex_unlock(&end->read_lock);
}

/* inet_lock held.  Afterwards t is ESTABLISHED, SYN_SENT (pending) or CLOSE with an error to be told. */
static int begin_connect(struct tcp_sock *t, const struct inet_addr *to, struct tcp_sock **woken)
{
	struct tcp_sock *listener, *end;
	int err = name_ends(t, *to);

	if (err)
		return err;
	t->connecting = true;
	listener = (struct tcp_sock *)inet_find_listener(&t->inet.remote, &t->inet.local);
	if (!listener && dns_serves(&t->inet.remote))
		return connect_resolver(t);
	if (!listener) {
		refuse(t);
		return 0;
	}
	end = tcp_make_accepted(listener);
	if (!end) {
		tcp_put(listener);
		return -ENOBUFS;
	}
	if (queue_full(listener)) {
		WRITE_ONCE(t->inet.state, TCP_SYN_SENT);
		t->listener = listener;
		t->embryo = end;
		ref_get(&t->inet.refs);
		list_add_tail(&t->node, &listener->pending);
	} else {
		link_with_listener(t, end, listener);
	}
	*woken = listener;
	return 0;
}

/* inet_lock held: t waits in a listener's list no longer. */
static struct tcp_sock *leave_pending(struct tcp_sock *t)
{
	struct tcp_sock *embryo = t->embryo;

	if (!t->listener)
		return NULL;
	list_del(&t->node);
	t->listener = NULL;
	t->embryo = NULL;
	return embryo;
}

/* inet_lock held. */
static void close_stream(struct tcp_sock *t, bool listening)
{
	if (t->stream >= 0)
		tcp_told_end(t);
	if (listening) {
		tcp_outside_unlisten(t);
	} else if (t->stream >= 0) {
		host->stream_close(t->stream, 0);
		t->stream = -1;
		inet_note_stream(&t->inet);
	}
}

/* As new, but for what bind(2) chose.  inet_lock held; the peer, if there is one, is told by the caller. */
static struct tcp_sock *disconnect_locked(struct tcp_sock *t)
{
	struct tcp_sock *peer;
	struct inet_addr local = t->inet.local;
	bool listening = t->inet.state == TCP_LISTEN;

	mutex_lock(&t->inet.lock);
	peer = t->peer;
	t->peer = NULL;
	t->inet.socket.error = t->inet.state == TCP_CLOSE || t->inet.state == TCP_LISTEN ? 0 : ECONNRESET;
	WRITE_ONCE(t->inet.state, TCP_CLOSE);
	t->inet.socket.shutdown = 0;
	t->inet.socket.listening = false;
	t->done = t->connecting = false;
	tcp_queue_free(t);
	t->bytes = t->read_at = t->written = 0;
	t->urgent_pending = t->starved = false;
	mutex_unlock(&t->inet.lock);
	inet_port_unlisten(&t->inet);
	close_stream(t, listening);
	if (!t->inet.chosen_port)
		inet_port_release(&t->inet);
	if (!t->inet.chosen_address) {
		addr_set_any(&local, t->inet.socket.family);
		memcpy(t->inet.local.ip, local.ip, sizeof(local.ip));
	}
	t->inet.remote.port = 0;
	return peer;
}

/* Whoever waits to be accepted, or for room, learns that nobody will; nothing is locked. */
static void refuse_all(struct list *queue, struct list *pending)
{
	while (!list_empty(queue)) {
		struct tcp_sock *end = list_first(queue, struct tcp_sock, node);

		list_del(&end->node);
		end->inet.socket.linger[0] = 1;
		end->inet.socket.linger[1] = 0;
		end->inet.socket.ops->release(&end->inet.socket);
	}
	while (!list_empty(pending)) {
		struct tcp_sock *t = list_first(pending, struct tcp_sock, node);

		list_del(&t->node);
		tcp_reset(t, true);
		tcp_put(t);
	}
}

/* inet_lock held: a listener's waiting ones, into the caller's lists. */
static void take_waiting(struct tcp_sock *t, struct list *queue, struct list *pending)
{
	struct tcp_sock *end;

	while ((end = take_embryo(t)))
		list_add_tail(&end->node, queue);
	while (!list_empty(&t->pending)) {
		struct tcp_sock *c = list_first(&t->pending, struct tcp_sock, node);

		end = leave_pending(c);
		list_add_tail(&c->node, pending);
		tcp_put(end);
	}
}

static void disconnect(struct tcp_sock *t)
{
	struct tcp_sock *peer, *embryo;
	struct list queue, pending;

	list_init(&queue);
	list_init(&pending);
	mutex_lock(&t->read_lock);
	mutex_lock(&inet_lock);
	take_waiting(t, &queue, &pending);
	embryo = leave_pending(t);
	peer = disconnect_locked(t);
	mutex_unlock(&inet_lock);
	mutex_unlock(&t->read_lock);
	refuse_all(&queue, &pending);
	if (peer) {
		tcp_reset(peer, false);
		end_resolver(peer);
		tcp_put(peer);
	}
	if (embryo) {
		tcp_put(embryo);
		tcp_put(t);
	}
	tcp_let_go(t);	/* nobody is there to have it */
	wake(t, ~0u);
}

/* How a connect that has begun stands: 0 done, -EALREADY, or why it failed; then the socket is as new. */
static int connect_result(struct tcp_sock *t, bool again)
{
	u32 state = READ_ONCE(t->inet.state);
	int err;

	if (state == TCP_SYN_SENT)
		return again ? -EALREADY : -EINPROGRESS;
	if (state == TCP_CLOSE && !READ_ONCE(t->done)) {
		err = socket_error(&t->inet.socket);
		disconnect(t);
		return err ? err : -ECONNABORTED;
	}
	t->connecting = false;
	return 0;
}

static int await_outcome(struct tcp_sock *t, i64 deadline)
{
	int err = 0;

	if (t->stream < 0)
		return WAIT_EVENT(&t->inet.socket.waitq, READ_ONCE(t->inet.state) != TCP_SYN_SENT, deadline);
	for (;;) {
		tcp_outside_check(t);
		if (READ_ONCE(t->inet.state) != TCP_SYN_SENT)
			return 0;
		if (err)
			return err;
		err = stream_socket_sleep(t->stream, BZ_WAIT_OUT, deadline);
	}
}

static int await_connect(struct tcp_sock *t, bool nowait, bool again)
{
	i64 deadline = socket_deadline(t->inet.socket.sndtimeo), limit = now_mono() + CONNECT_NS;
	int err;

	if (nowait && again && t->stream >= 0)
		tcp_outside_check(t);
	if (nowait)
		return again ? connect_result(t, true) : -EINPROGRESS;
	if (READ_ONCE(t->inet.state) == TCP_SYN_SENT) {
		err = await_outcome(t, min(deadline, limit));
		if (err == -ETIMEDOUT) {
			if (deadline < limit)
				return again ? -EALREADY : -EINPROGRESS;
			disconnect(t);
			return -ETIMEDOUT;
		}
		if (err)
			return socket_interrupted(err, deadline);
	}
	return connect_result(t, again);
}

static int check_target(struct tcp_sock *t, const struct inet_addr *to)
{
	if (t->inet.socket.family == AF_INET6 && addr_is_v4(to) && inet_v6only(&t->inet))
		return -ENETUNREACH;
	if (addr_is_multicast(to) || addr_is_broadcast(to))
		return -ENETUNREACH;
	if (!addr_is_any(to) && !addr_is_local(to) && !outside_may(to)) {
		inet_refused(&t->inet, to);
		return -ECONNREFUSED;
	}
	return 0;
}

/* inet_lock held.  A refusal is told as a connection is that the other end refuses. */
static int begin_outside(struct tcp_sock *t, const struct inet_addr *to)
{
	struct inet_addr from;
	bz_stream stream;

	if (t->inet.chosen_address || t->inet.chosen_port)
		return -EADDRNOTAVAIL; /* addresses and ports of the host are not the guest's to choose */
	stream = outside_connect(BZ_TCP, to, &from);
	if (stream < 0 && stream != -EACCES && stream != -ECONNREFUSED)
		return stream;
	t->connecting = true;
	if (stream < 0) {
		refuse(t);
		return 0;
	}
	inet_port_release(&t->inet);
	t->inet.local = from;
	t->inet.remote = *to;
	inet_port_inherit(&t->inet);
	t->stream = stream;
	inet_options_to_host(&t->inet, stream);
	WRITE_ONCE(t->inet.state, TCP_SYN_SENT);
	inet_note_stream(&t->inet);
	tcp_told_begin(t);
	return 0;
}

static int tcp_connect(struct socket *s, const struct socket_name *name, bool nowait)
{
	struct tcp_sock *t = tcp_of(s), *listener = NULL;
	struct inet_addr to;
	bool again = false;
	int err;

	if (name->len < sizeof(name->family))
		return -EINVAL;
	if (name->family == AF_UNSPEC) {
		disconnect(t);
		return 0;
	}
	err = addr_in(s->family, name, &to);
	if (err)
		return err;
	mutex_lock(&inet_lock);
	if (t->inet.state == TCP_LISTEN)
		err = -EISCONN;
	else if (t->connecting)
		again = true;
	else if (t->inet.state != TCP_CLOSE || t->done || t->peer)
		err = -EISCONN;
	mutex_unlock(&inet_lock);
	if (err)
		return err;
	if (!again) {
		err = check_target(t, &to);
		if (err)
			return err;
		mutex_lock(&inet_lock);
		err = outside_may(&to) ? begin_outside(t, &to) : begin_connect(t, &to, &listener);
		mutex_unlock(&inet_lock);
		if (listener) {
			wake(listener, EPOLLIN | EPOLLRDNORM);
			tcp_put(listener);
		}
		if (err)
			return err;
		wake(t, ~0u);
	}
	return await_connect(t, nowait, again);
}

/* --- closing --- */

static int tcp_shutdown(struct socket *s, u32 how)
{
	struct tcp_sock *t = tcp_of(s), *peer;
	u32 state = READ_ONCE(t->inet.state);
	int err = 0;

	if (state == TCP_LISTEN) {
		if (how & SHUT_RECEIVE)
			disconnect(t);
		return 0;
	}
	if (state == TCP_SYN_SENT) {
		disconnect(t);
		return 0;
	}
	if (state == TCP_CLOSE)
		err = -ENOTCONN;
	if (how & SHUT_SEND)
		tcp_let_go(t);
	mutex_lock(&t->inet.lock);
	WRITE_ONCE(s->shutdown, s->shutdown | how);
	mutex_unlock(&t->inet.lock);
	if (t->stream >= 0)
		host->stream_close(t->stream, how);
	else if (!err && (how & SHUT_SEND))
		send_fin(t);
	peer = how & SHUT_SEND ? tcp_peer(t) : NULL;
	if (peer) {
		end_resolver(peer);
		tcp_put(peer);
	}
	wake(t, ~0u);
	return err;
}

/* Its stream, if it is one that close(2) waits for.  inet_lock held. */
static bz_stream take_lingering(struct tcp_sock *t)
{
	const u32 *linger = t->inet.socket.linger;
	bz_stream s = t->inet.state == TCP_LISTEN || !linger[0] || !linger[1] ? -1 : t->stream;

	if (s >= 0) {
		tcp_told_end(t);
		t->stream = -1;
	}
	return s;
}

static void tcp_release(struct socket *s)
{
	struct tcp_sock *t = tcp_of(s), *peer, *embryo;
	struct list queue, pending;
	bz_stream lingering;
	bool lost;

	list_init(&queue);
	list_init(&pending);
	tcp_let_go(t);
	mutex_lock(&inet_lock);
	t->inet.file = NULL;
	take_waiting(t, &queue, &pending);
	embryo = leave_pending(t);
	lingering = take_lingering(t);
	close_stream(t, t->inet.state == TCP_LISTEN);
	inet_port_release(&t->inet);
	mutex_unlock(&inet_lock);
	if (lingering >= 0)
		tcp_outside_linger(t, lingering);
	refuse_all(&queue, &pending);
	mutex_lock(&t->inet.lock);
	lost = t->bytes || (s->linger[0] && !s->linger[1]);
	mutex_unlock(&t->inet.lock);
	if (!lost)
		send_fin(t);
	mutex_lock(&t->inet.lock);
	t->dead = true;
	peer = t->peer;
	t->peer = NULL;
	lost |= t->bytes != 0;
	t->inet.state = TCP_CLOSE;
	tcp_queue_free(t);
	mutex_unlock(&t->inet.lock);
	if (peer) {
		if (lost)
			tcp_reset(peer, false);
		else
			wake(peer, EPOLLOUT | EPOLLWRNORM);
		end_resolver(peer);
		tcp_put(peer);
	}
	if (embryo) {
		tcp_put(embryo);
		tcp_put(t);
	}
	tcp_put(t);
}

/* --- poll and ioctl --- */

static u32 listener_poll(struct tcp_sock *t, struct file *f, struct poll_table *pt)
{
	bool ready = t->stream >= 0 && poll_stream(pt, f, t->stream, BZ_WAIT_IN);

	return ready || READ_ONCE(t->queued) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void tcp_owned(struct socket *s)
{
	mutex_lock(&inet_lock);
	tcp_told_begin(tcp_of(s));
	mutex_unlock(&inet_lock);
}

static void tcp_refresh(struct socket *s)
{
	tcp_outside_check(tcp_of(s));
}

static u32 tcp_poll(struct socket *s, struct file *f, struct poll_table *pt)
{
	struct tcp_sock *t = tcp_of(s);
	u32 mask = 0, down, state;
	bool hidden;

	poll_wait(pt, f, &s->waitq);
	state = READ_ONCE(t->inet.state);
	if (state == TCP_LISTEN)
		return listener_poll(t, f, pt);
	if (t->stream >= 0)
		return tcp_outside_poll(t, f, pt);
	down = READ_ONCE(s->shutdown);
	if (down == SHUT_BOTH || state == TCP_CLOSE)
		mask |= EPOLLHUP;
	if (down & SHUT_RECEIVE)
		mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
	if (state != TCP_SYN_SENT) {
		hidden = READ_ONCE(t->urgent_pending) && !s->oobinline && t->urgent_at == t->read_at;
		if (tcp_readable(t) && !(hidden && READ_ONCE(t->bytes) == 1))
			mask |= EPOLLIN | EPOLLRDNORM;
		if ((down & SHUT_SEND) || tcp_writable(t))
			mask |= EPOLLOUT | EPOLLWRNORM;
		if (READ_ONCE(t->urgent_pending) && !t->urgent_taken)
			mask |= EPOLLPRI;
	}
	if (READ_ONCE(s->error))
		mask |= EPOLLERR;
	return mask;
}

static long tcp_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct tcp_sock *t = tcp_of(s);
	int n = 0; /* SIOCOUTQ: what was sent is with the other end at once */

	switch (cmd) {
	case SIOCOUTQ:
	case SIOCOUTQNSD:
		if (READ_ONCE(t->inet.state) == TCP_LISTEN)
			return -EINVAL;
		return put_user(n, (int *)arg);
	case FIONREAD:
		if (READ_ONCE(t->inet.state) == TCP_LISTEN)
			return -EINVAL;
		if (t->stream >= 0)
			return put_user((int)stream_socket_unread(t->stream), (int *)arg);
		mutex_lock(&t->inet.lock);
		n = tcp_unread(t);
		mutex_unlock(&t->inet.lock);
		return put_user(n, (int *)arg);
	case SIOCATMARK:
		mutex_lock(&t->inet.lock);
		n = t->urgent_pending && t->urgent_at == t->read_at;
		mutex_unlock(&t->inet.lock);
		return put_user(n, (int *)arg);
	}
	return -ENOTTY;
}

/* --- making --- */

static const struct socket_ops tcp_ops = {.bind = inet_bind,
					  .listen = tcp_listen,
					  .accept = tcp_accept,
					  .connect = tcp_connect,
					  .getname = inet_getname,
					  .send = tcp_send,
					  .receive = tcp_receive,
					  .shutdown = tcp_shutdown,
					  .poll = tcp_poll,
					  .ioctl = tcp_ioctl,
					  .setsockopt = inet_setsockopt,
					  .getsockopt = inet_getsockopt,
					  .changed = inet_option_changed,
					  .refresh = tcp_refresh,
					  .attach = inet_attach,
					  .owned = tcp_owned,
					  .release = tcp_release};

int tcp_create(u16 family, int protocol, struct socket **out)
{
	struct tcp_sock *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	inet_init_sock(&t->inet, &tcp_ops, family, SOCK_STREAM, protocol);
	t->inet.socket.sndbuf = SNDBUF;
	t->inet.socket.rcvbuf = RCVBUF;
	mutex_init(&t->read_lock, RANK_OBJECT);
	list_init(&t->queue);
	list_init(&t->pending);
	list_init(&t->node);
	list_init(&t->chunks);
	list_init(&t->told);
	t->stream = -1;
	*out = &t->inet.socket;
	return 0;
}
