/* AF_UNIX sockets from making to closing, and what poll(2), ioctl(2) and shutdown(2) say of them.  unix(7). */
#include "libos/unix/internal.h"
#include "libos/kernel/syscall.h"
#include <linux/sockios.h>

#define DATAGRAM_BACKLOG 10	/* net.unix.max_dgram_qlen */

struct ucred unix_my_cred(void)
{
	struct process *p = current->process;

	return (struct ucred){p->pid, p->cred.euid, p->cred.egid};
}

void unix_lock_two(struct unix_sock *a, struct unix_sock *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		mutex_lock(a < b ? &b->lock : &a->lock);
}

void unix_unlock_two(struct unix_sock *a, struct unix_sock *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

void unix_wake(struct unix_sock *u, u32 events)
{
	waitq_wake_all(&u->socket.waitq, events);
}

/* The last reference: what it sent may still be read. */
void unix_put(struct unix_sock *u)
{
	if (!ref_put(&u->refs))
		return;
	if (__atomic_sub_fetch(&u->wmem, 1, __ATOMIC_ACQ_REL))
		return;
	unix_addr_put(u->addr);
	if (u->stream >= 0)
		host->stream_close(u->stream, 0);
	kfree(u);
}

static int unix_shutdown(struct socket *s, u32 how)
{
	struct unix_sock *u = unix_of(s), *peer;
	u32 mirrored = (how & SHUT_RECEIVE ? SHUT_SEND : 0) | (how & SHUT_SEND ? SHUT_RECEIVE : 0);

	mutex_lock(&u->lock);
	s->shutdown |= how;
	peer = u->peer;
	if (peer)
		ref_get(&peer->refs);
	mutex_unlock(&u->lock);
	if (u->stream >= 0)
		host->stream_close(u->stream, how);
	if (peer && s->type != SOCK_DGRAM) {
		mutex_lock(&peer->lock);
		peer->socket.shutdown |= mirrored;
		mutex_unlock(&peer->lock);
		unix_wake(peer, ~0u);
	}
	if (peer)
		unix_put(peer);
	unix_wake(u, ~0u);
	waitq_wake_all(&unix_room, ~0u);
	return 0;
}

/* A connected peer learns that the other end is gone: ECONNRESET if something of what it sent was not read. */
static void tell_peer(struct unix_sock *u, struct unix_sock *peer, bool lost)
{
	bool mine;

	mutex_lock(&peer->lock);
	mine = peer->peer == u;
	if (mine) {
		WRITE_ONCE(peer->socket.shutdown, SHUT_BOTH);
		if (lost)
			WRITE_ONCE(peer->socket.error, ECONNRESET);
	}
	mutex_unlock(&peer->lock);
	if (mine)
		unix_wake(peer, ~0u);
}

static void close_sock(struct unix_sock *u, bool embryo)
{
	struct list messages;
	struct unix_sock *peer;
	bool lost;

	unix_name_drop(u);
	list_init(&messages);
	mutex_lock(&u->lock);
	u->dead = true;
	u->socket.shutdown = SHUT_BOTH;
	peer = u->peer;
	u->peer = NULL;
	lost = embryo || u->queued;
	while (!list_empty(&u->queue)) {
		struct unix_msg *m = list_first(&u->queue, struct unix_msg, node);

		unix_dequeue(u, m);
		list_add_tail(&m->node, &messages);
	}
	mutex_unlock(&u->lock);
	unix_wake(u, ~0u);
	waitq_wake_all(&unix_room, ~0u);
	if (peer && u->socket.type != SOCK_DGRAM)
		tell_peer(u, peer, lost);
	if (peer)
		unix_put(peer);
	unix_purge(&messages);
	unix_put(u);
}

void unix_release(struct socket *s)
{
	bool embryo = !unix_of(s)->file;

	close_sock(unix_of(s), embryo);
	unix_collect();
}

/* --- poll and ioctl --- */

/* A datagram socket that is connected to one whose queue is full, and which does not answer to it alone, cannot write. */
static bool peer_full(struct unix_sock *u)
{
	bool full;

	mutex_lock(&u->lock);
	full = u->peer && READ_ONCE(u->peer->peer) != u && unix_queue_full(u->peer);
	mutex_unlock(&u->lock);
	return full;
}

static u32 unix_poll(struct socket *s, struct file *f, struct poll_table *pt)
{
	struct unix_sock *u = unix_of(s);
	u32 mask = 0, down, state;

	poll_wait(pt, f, &s->waitq);
	if (s->type == SOCK_DGRAM)
		poll_wait(pt, f, &unix_room);
	down = READ_ONCE(s->shutdown);
	state = READ_ONCE(u->state);
	if (u->stream >= 0) {
		mask = poll_stream(pt, f, u->stream, BZ_WAIT_IN | BZ_WAIT_OUT | BZ_WAIT_RDHUP);
		return mask | (mask & EPOLLIN ? EPOLLRDNORM : 0) | (mask & EPOLLOUT ? EPOLLWRNORM : 0);
	}
	if (READ_ONCE(s->error))
		mask |= EPOLLERR;
	if (down == SHUT_BOTH)
		mask |= EPOLLHUP;
	if (down & SHUT_RECEIVE)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (READ_ONCE(u->queued))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (s->type != SOCK_DGRAM && state == UNIX_UNCONNECTED)
		mask |= EPOLLHUP;
	if (unix_writable(u) && !(s->type == SOCK_DGRAM && peer_full(u)))
		mask |= EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	return mask;
}

static long unix_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	struct unix_sock *u = unix_of(s);
	int n;

	switch (cmd) {
	case SIOCOUTQ:
		n = READ_ONCE(u->wmem) - 1;
		return put_user(n, (int *)arg);
	case FIONREAD:
		if (READ_ONCE(u->state) == UNIX_LISTENING)
			return -EINVAL;
		if (u->stream >= 0)
			return put_user(unix_beyond_unread(u), (int *)arg);
		mutex_lock(&u->lock);
		n = u->bytes;
		if (s->type == SOCK_DGRAM)
			n = u->queued ? list_first(&u->queue, struct unix_msg, node)->len : 0;
		mutex_unlock(&u->lock);
		return put_user(n, (int *)arg);
	}
	return -ENOTTY;
}

/* --- making --- */

static void unix_attach(struct socket *s, struct file *f)
{
	mutex_lock(&unix_lock);
	unix_of(s)->file = f;
	mutex_unlock(&unix_lock);
}


static const struct socket_ops unix_ops = {
	.bind = unix_bind, .listen = unix_listen, .accept = unix_accept, .connect = unix_connect, .getname = unix_getname,
	.send = unix_send, .receive = unix_receive, .shutdown = unix_shutdown, .poll = unix_poll, .ioctl = unix_ioctl,
	.attach = unix_attach, .release = unix_release};

int unix_create(u32 type, int protocol, struct socket **out)
{
	struct unix_sock *u;

	if (protocol && protocol != AF_UNIX)
		return -EPROTONOSUPPORT;
	if (type == SOCK_RAW)
		type = SOCK_DGRAM;
	if (type != SOCK_STREAM && type != SOCK_DGRAM && type != SOCK_SEQPACKET)
		return -ESOCKTNOSUPPORT;
	u = kzalloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	socket_init(&u->socket, &unix_ops, AF_UNIX, type);
	mutex_init(&u->lock, RANK_OBJECT);
	list_init(&u->queue);
	list_init(&u->in_flight);
	u->refs = u->wmem = 1;
	u->stream = -1;
	u->backlog = DATAGRAM_BACKLOG;
	unix_name_init(u);
	*out = &u->socket;
	return 0;
}

static const struct socket_family unix_family = {.family = AF_UNIX, .create = unix_create, .pair = unix_pair};

static void unix_init(void)
{
	waitq_init(&unix_room);
	socket_register(&unix_family);
}
INITCALL(INIT_FS, unix_init);
