/*
 * TCP beyond the sandbox.  The monitor connects and listens, as the operator's grants say; bytes go straight through the host's
 * streams, and nothing of them is kept here.
 */
#include "libos/inet/internal.h"
#include "libos/socket/stream.h"
#include "libos/vfs/poll.h"
#include <linux/tcp.h>


/* --- streams --- */

bool outside_may(const struct inet_addr *to)
{
	return (boot->flags & BZ_START_OUTBOUND) && !addr_is_any(to) && !addr_is_local(to);
}

static void to_host(const struct inet_addr *a, struct bz_address *out)
{
	memcpy(out->ip, a->ip, sizeof(out->ip));
	out->port = a->port;
}

static void from_host(const struct bz_address *a, struct inet_addr *out)
{
	memcpy(out->ip, a->ip, sizeof(out->ip));
	out->port = a->port;
}

bz_stream outside_connect(u32 scheme, const struct inet_addr *to, struct inet_addr *from)
{
	struct bz_address peer, local = {0};
	bz_stream s;

	to_host(to, &peer);
	s = host->stream_connect(scheme, &peer, &local);
	if (s >= 0)
		from_host(&local, from);
	return s;
}

/* --- connecting --- */

/* Why it failed; 0: it has not. */
static int host_error(bz_stream s)
{
	int error = 0;

	return host->stream_xattr(s, NULL, 0, "socket.error", &error, sizeof(error)) < 0 ? 0 : error;
}

static u32 host_state(bz_stream s)
{
	struct tcp_info info = {0};

	return host->stream_xattr(s, NULL, 0, "tcp.info", &info, sizeof(info)) < 0 ? TCP_SYN_SENT : info.tcpi_state;
}

void tcp_outside_check(struct tcp_sock *t)
{
	int error;

	if (t->stream < 0 || t->inet.state == TCP_LISTEN)
		return;
	error = host_error(t->stream);
	if (!error && (READ_ONCE(t->inet.state) != TCP_SYN_SENT || host_state(t->stream) == TCP_SYN_SENT))
		return;
	mutex_lock(&t->inet.lock);
	if (error && !t->inet.socket.error)
		WRITE_ONCE(t->inet.socket.error, error);
	if (t->inet.state == TCP_SYN_SENT) {
		WRITE_ONCE(t->inet.state, error ? TCP_CLOSE : TCP_ESTABLISHED);
		if (error)
			WRITE_ONCE(t->inet.socket.shutdown, SHUT_BOTH);
	}
	mutex_unlock(&t->inet.lock);
}

/* --- published ports --- */

#define PORTS_MAX 64
static u32 listeners[PORTS_MAX]; /* of each published port; inet_lock */

static const struct bz_port *ports(void)
{
	return (const struct bz_port *)((const char *)boot + boot->ports);
}

/* As with a container's port: who listens at a loopback address alone does not want others. */
int outside_port(const struct inet_sock *i, u32 scheme)
{
	if (!addr_is_any(&i->local))
		return -1;
	for (u32 n = 0; n < min(boot->port_count, (u32)PORTS_MAX); n++)
		if (ports()[n].guest == i->local.port && ports()[n].scheme == scheme)
			return n;
	return -1;
}

void tcp_outside_listen(struct tcp_sock *t)
{
	struct bz_name name = {.scheme = BZ_TCP};
	int port = outside_port(&t->inet, BZ_TCP);

	if (port < 0)
		return;
	if (t->stream >= 0)	/* listen(2) again: a new backlog */
		tcp_outside_unlisten(t);
	name.root = port;
	t->stream = host->stream_open(&name, 0, t->backlog, NULL, NULL);
	if (t->stream < 0) {
		printk(BZ_LOG_WARN, "network: the port that is published for the guest's %u cannot listen: error %d",
		       t->inet.local.port, -t->stream);
		t->stream = -1;
		return;
	}
	t->port = port;
	listeners[port]++;
	inet_options_to_host(&t->inet, t->stream);
}

void tcp_outside_unlisten(struct tcp_sock *t)
{
	if (t->stream < 0)
		return;
	if (!--listeners[t->port])
		host->stream_close(t->stream, SHUT_RECEIVE);
	host->stream_close(t->stream, 0);
	t->stream = -1;
}

struct tcp_sock *tcp_outside_accept(struct tcp_sock *t)
{
	struct bz_address peer;
	struct tcp_sock *end;
	bz_stream s = host->stream_accept(t->stream, &peer);
	struct inet_addr to;

	if (s < 0) /* descriptors may have run out; or whoever it was has gone again */
		return s == -EMFILE || s == -ENOMEM ? ERR_PTR(s) : NULL;
	end = tcp_make_accepted(t);
	if (!end) {
		host->stream_close(s, 0);
		return ERR_PTR(-ENOBUFS);
	}
	end->stream = s;
	from_host(&peer, &end->inet.remote);
	/* Somebody on the host, by its loopback: not the guest's, which programs trust. */
	if (addr_is_local(&end->inet.remote))
		addr_set_v4(&end->inet.remote, OUTSIDE_HOST);
	to = end->inet.remote;
	mutex_lock(&inet_lock);
	addr_route(&to, &end->inet.local);
	end->inet.local.port = t->inet.local.port;
	end->inet.state = TCP_ESTABLISHED;
	inet_port_inherit(&end->inet);
	mutex_unlock(&inet_lock);
	return end;
}

/* --- data --- */

static int await_connection(struct tcp_sock *t, bool nowait, i64 deadline)
{
	while (READ_ONCE(t->inet.state) == TCP_SYN_SENT) {
		int err;

		tcp_outside_check(t);
		if (READ_ONCE(t->inet.state) != TCP_SYN_SENT)
			break;
		if (nowait)
			return -EAGAIN;
		err = stream_socket_sleep(t->stream, BZ_WAIT_OUT, deadline);
		if (err)
			return socket_interrupted(err, deadline);
	}
	return 0;
}

ssize_t tcp_outside_send(struct tcp_sock *t, struct socket_msg *m)
{
	i64 deadline = socket_deadline(t->inet.socket.sndtimeo);
	ssize_t n = await_connection(t, m->nowait, deadline);

	if (n)
		return n;
	if (READ_ONCE(t->inet.socket.error) || (READ_ONCE(t->inet.socket.shutdown) & SHUT_SEND))
		return tcp_broken(t, m);
	n = stream_socket_send(&t->inet.socket, t->stream, m, deadline);
	return n == -EPIPE ? tcp_broken(t, m) : n;
}

ssize_t tcp_outside_receive(struct tcp_sock *t, struct socket_msg *m)
{
	i64 deadline = socket_deadline(t->inet.socket.rcvtimeo);
	ssize_t n = await_connection(t, m->nowait, deadline);

	if (n)
		return n;
	n = socket_error(&t->inet.socket);
	if (n)
		return n;
	if (READ_ONCE(t->inet.socket.shutdown) & SHUT_RECEIVE)
		return 0;
	n = stream_socket_receive(t->stream, m, deadline);
	if (unlikely(t->urgent_told) && n > 0 && ((m->flags & MSG_OOB) || t->inet.socket.oobinline))
		WRITE_ONCE(t->urgent_told, false);
	return n;
}

#define LINGER_FIRST_NS (NSEC_PER_SEC / 1000)
#define LINGER_STEP_NS (NSEC_PER_SEC / 50)

/* The FIN is not acknowledged: states of the host's, which has more of them. */
static bool on_its_way(bz_stream s)
{
	enum { FIN_WAIT1 = 4, LAST_ACK = 9, CLOSING = 11 };
	u32 state = host_state(s);

	return state == FIN_WAIT1 || state == LAST_ACK || state == CLOSING;
}

/* The host's own close would wait where no signal ends it for sure, so the state is looked at now and then. A process that ends does not wait. */
void tcp_outside_linger(struct tcp_sock *t, bz_stream s)
{
	struct socket *k = &t->inet.socket;
	i64 end = now_mono() + (i64)min(k->linger[1], 1u << 30) * NSEC_PER_SEC, step = LINGER_FIRST_NS;

	host->stream_close(s, SHUT_SEND);
	while (!current->exiting && on_its_way(s) && now_mono() < end) {
		if (WAIT_EVENT(&k->waitq, false, min(end, now_mono() + step)) == -EINTR)
			break;
		step = min(2 * step, LINGER_STEP_NS);
	}
	host->stream_close(s, 0);
}

u32 tcp_outside_poll(struct tcp_sock *t, struct file *f, struct poll_table *pt)
{
	u32 mask = poll_stream(pt, f, t->stream, BZ_WAIT_IN | BZ_WAIT_OUT | BZ_WAIT_PRI | BZ_WAIT_RDHUP);

	if (mask && READ_ONCE(t->inet.state) == TCP_SYN_SENT)
		tcp_outside_check(t);
	if (READ_ONCE(t->inet.socket.shutdown) & SHUT_RECEIVE)
		mask |= EPOLLIN;
	if (READ_ONCE(t->inet.socket.error))
		mask |= EPOLLERR;
	return mask | (mask & EPOLLIN ? EPOLLRDNORM : 0) | (mask & EPOLLOUT ? EPOLLWRNORM : 0);
}

