/*
 * UDP beyond the sandbox: each peer is a stream of the host's that is connected to it.  A socket that has sent to several, or has a
 * published port, waits for all of them by a wait set.
 *
 *   udp_sock --> udp_outside: peers[] --> stream to one address
 *                             port    --> stream of a published port: what comes from those who are no peers yet
 *
 * `guard` protects a udp_outside; for those with a published port it is one for all of them: who sent what the port's stream gives
 * next is asked of the monitor (BZ_PEER), and nobody may read in between.  The monitor has few sockets for such peers, and tells by
 * their numbers which one it took from whom: `turns` counts how often each was given away.  Order: inet_lock, guard.
 */
#include "libos/inet/internal.h"
#include "libos/vfs/poll.h"

#define PEERS 64u
#define PUBLISHED 64u
#define MONITORS_PEERS 32u
#define PIECES 8	/* of a datagram that goes out without being copied */
#define ROOM 65536u
#define PULLED 16	/* datagrams that wait in the socket, before they wait in the host */
#define PORT_KEY (~0ull)

struct udp_peer {
	struct inet_addr addr, from;
	bz_stream stream; /* -1: none */
	u64 used;
	u32 number, turn; /* of the monitor's socket, for a published port's; else number is MONITORS_PEERS */
};

struct udp_outside {
	struct mutex own, *guard;
	bz_stream set;	/* -1: there is one stream, or none */
	bz_stream port; /* -1: none is published */
	u32 published, count;
	u64 clock;
	struct udp_peer peers[PEERS];
};

static struct mutex published_guard = MUTEX_INIT(RANK_OBJECT);
static u32 turns[PUBLISHED][MONITORS_PEERS] LATE;

/* inet_lock held, or nobody else knows the socket. */
static struct udp_outside *make(struct udp_sock *u)
{
	struct udp_outside *o = u->outside ? u->outside : kzalloc(sizeof(*o));

	if (!o || u->outside)
		return o;
	mutex_init(&o->own, RANK_OBJECT);
	o->guard = &o->own;
	o->set = o->port = -1;
	for (u32 i = 0; i < PEERS; i++)
		o->peers[i].stream = -1;
	__atomic_store_n(&u->outside, o, __ATOMIC_RELEASE);
	return o;
}

static struct udp_outside *outside_of(const struct udp_sock *u)
{
	return __atomic_load_n(&u->outside, __ATOMIC_ACQUIRE);
}

static struct udp_peer *only_peer(struct udp_outside *o)
{
	for (u32 i = 0; i < PEERS && o->set < 0; i++)
		if (o->peers[i].stream >= 0)
			return &o->peers[i];
	return NULL;
}

bz_stream udp_outside_stream(const struct udp_sock *u)
{
	struct udp_outside *o = outside_of(u);
	struct udp_peer *p;
	bz_stream s;

	if (!o)
		return -1;
	mutex_lock(o->guard);
	p = only_peer(o);
	s = p ? p->stream : o->set;
	mutex_unlock(o->guard);
	return s;
}

/* --- peers; guard held --- */

static void drop(struct udp_outside *o, struct udp_peer *p)
{
	if (p->stream < 0)
		return;
	host->stream_close(p->stream, 0);
	p->stream = -1;
	o->count--;
}

/* Has the monitor given its socket to another since? */
static bool is_stale(const struct udp_outside *o, const struct udp_peer *p)
{
	return p->number < MONITORS_PEERS && p->turn != turns[o->published][p->number];
}

static struct udp_peer *find(struct udp_outside *o, const struct inet_addr *a)
{
	for (u32 i = 0; i < PEERS; i++) {
		struct udp_peer *p = &o->peers[i];

		if (p->stream < 0 || p->addr.port != a->port || !addr_same_ip(&p->addr, a))
			continue;
		if (!is_stale(o, p))
			return p;
		drop(o, p);
	}
	return NULL;
}

static int watch(struct udp_outside *o, bz_stream s, u64 key)
{
	return host->waitset_change(o->set, BZ_WAITSET_ADD, s, BZ_WAIT_IN, key);
}

/* From now on there are several streams; who sleeps for the one looks again. */
static int use_set(struct udp_sock *u, struct udp_outside *o)
{
	struct udp_peer *p = only_peer(o);
	struct bz_name name = {.scheme = BZ_WAITSET};

	if (o->set >= 0)
		return 0;
	o->set = host->stream_open(&name, 0, 0, NULL, NULL);
	if (o->set < 0)
		return o->set;
	if (p)
		watch(o, p->stream, p - o->peers);
	waitq_wake_all(&u->inet.socket.waitq, ~0u);
	return 0;
}

/* A stream for this peer; whom nobody has talked to for longest makes room. */
static struct udp_peer *add(struct udp_sock *u, struct udp_outside *o, const struct inet_addr *a, bz_stream s)
{
	struct udp_peer *p = NULL;

	if (o->count && use_set(u, o)) {
		host->stream_close(s, 0);
		return NULL;
	}
	for (u32 i = 0; i < PEERS && !(p && p->stream < 0); i++)
		if (!p || o->peers[i].stream < 0 || (o->count == PEERS && o->peers[i].used < p->used))
			p = &o->peers[i];
	drop(o, p);
	*p = (struct udp_peer){.addr = *a, .stream = s, .used = ++o->clock, .number = MONITORS_PEERS};
	o->count++;
	if (o->set >= 0)
		watch(o, s, p - o->peers);
	return p;
}

static struct udp_peer *meet(struct udp_sock *u, struct udp_outside *o, const struct inet_addr *to, int *err)
{
	struct inet_addr from;
	struct udp_peer *p = find(o, to);
	bz_stream s;

	if (p)
		return p;
	s = outside_connect(BZ_UDP, to, &from);
	*err = s == -EACCES ? -EPERM : min(s, 0);
	if (s < 0)
		return NULL;
	p = add(u, o, to, s);
	if (p) {
		p->from = from;
		/* Who sleeps does not know the stream yet. */
		waitq_wake_all(&u->inet.socket.waitq, ~0u);
	} else {
		*err = -ENOBUFS;
	}
	return p;
}

int udp_outside_open(struct udp_sock *u, const struct inet_addr *to, struct inet_addr *from)
{
	struct udp_outside *o = make(u);
	struct udp_peer *p;
	int err = 0;

	if (!o)
		return -ENOBUFS;
	mutex_lock(o->guard);
	p = meet(u, o, to, &err);
	if (p)
		*from = p->from;
	mutex_unlock(o->guard);
	return err;
}

/* --- published ports --- */

void udp_outside_publish(struct udp_sock *u)
{
	struct bz_name name = {.scheme = BZ_UDP};
	int port = outside_port(&u->inet, BZ_UDP);
	struct udp_outside *o = port >= 0 ? make(u) : NULL;

	if (!o || o->port >= 0)
		return;
	mutex_lock(&published_guard);
	name.root = port;
	o->guard = &published_guard;
	o->published = port;
	if (!use_set(u, o))
		o->port = host->stream_open(&name, 0, 0, NULL, NULL);
	if (o->port >= 0)
		watch(o, o->port, PORT_KEY);
	mutex_unlock(&published_guard);
}

/* --- data; guard held --- */

/* One datagram from a stream into the queue: whether there was one. */
static bool take(struct udp_sock *u, bz_stream s, const struct inet_addr *addr, const struct inet_addr *from)
{
	struct dgram *d = dgram_alloc(ROOM), *fitting;
	struct bz_iov iov;
	i64 n;

	if (!d)
		return false;
	iov = (struct bz_iov){d->data, ROOM};
	n = host->stream_read(s, &iov, 1, BZ_OFFSET_NONE, BZ_IO_NOWAIT);
	fitting = n >= 0 ? dgram_alloc(n) : NULL;
	if (fitting) {
		memcpy(fitting->data, d->data, n);
		addr_out(u->inet.socket.family, addr, &fitting->from);
		memcpy(fitting->to, from->ip, sizeof(fitting->to));
		fitting->ttl = 64;
		fitting->time = now_real();
		dgram_put(&u->inet.socket, &u->queue, fitting);
	} else if (n < 0 && n != -EAGAIN && n != -EINTR && READ_ONCE(u->inet.state) == TCP_ESTABLISHED) {
		WRITE_ONCE(u->inet.socket.error, -n);
	}
	kfree(d);
	return n >= 0 || (n != -EAGAIN && n != -EINTR);
}

/* The next datagram of a published port, and with it a peer. */
static bool take_new(struct udp_sock *u, struct udp_outside *o)
{
	struct bz_address to = {.port = o->published}, who = {0};
	bz_stream s = host->stream_connect(BZ_PEER, &to, &who);
	u32 number = who.port >> 16;
	struct inet_addr addr, from;
	struct udp_peer *p;

	if (s == -EAGAIN)
		return false;
	if (s < 0 || number >= MONITORS_PEERS) {
		/* Whose socket it was is not known: none is trusted any more.  The datagram is lost. */
		for (u32 i = 0; i < MONITORS_PEERS; i++)
			turns[o->published][i]++;
		addr_set_v4(&addr, 0);
		addr.port = 0;
		if (s >= 0)
			host->stream_close(s, 0);
		s = -1;
	} else {
		memcpy(addr.ip, who.ip, sizeof(addr.ip));
		addr.port = who.port;
		/* Somebody on the host, by its loopback: not the guest's, which programs trust. */
		if (addr_is_local(&addr))
			addr_set_v4(&addr, OUTSIDE_HOST);
		turns[o->published][number]++;
	}
	from = u->inet.local;
	if (addr_is_any(&from)) {
		struct inet_addr route = addr;

		addr_route(&route, &from);
	}
	if (s < 0) {
		char byte;
		struct bz_iov iov = {&byte, 1};

		return host->stream_read(o->port, &iov, 1, BZ_OFFSET_NONE, BZ_IO_NOWAIT) >= 0;
	}
	p = find(o, &addr);
	if (p)
		drop(o, p);
	p = add(u, o, &addr, s);
	if (p) {
		p->from = from;
		p->number = number;
		p->turn = turns[o->published][number];
	}
	return take(u, o->port, &addr, &from);
}

static bool take_told(struct udp_sock *u, struct udp_outside *o, u64 key)
{
	struct udp_peer *p = &o->peers[key % PEERS];

	if (key == PORT_KEY)
		return take_new(u, o);
	if (p->stream < 0)
		return false;
	if (is_stale(o, p)) {
		drop(o, p);
		return false;
	}
	return take(u, p->stream, &p->addr, &p->from);
}

void udp_outside_pull(struct udp_sock *u)
{
	struct udp_outside *o = outside_of(u);
	bool more = o != NULL;

	if (!o)
		return;
	mutex_lock(o->guard);
	while (more && READ_ONCE(u->queue.count) < PULLED) {
		struct udp_peer *p = only_peer(o);
		struct bz_ready ready[PULLED];
		int n = 0;

		more = p && take(u, p->stream, &p->addr, &p->from);
		if (o->set >= 0)
			n = host->waitset_wait(o->set, ready, PULLED, 0);
		for (int i = 0; i < n; i++)
			more |= take_told(u, o, ready[i].data);
	}
	mutex_unlock(o->guard);
}

static ssize_t write_datagram(bz_stream s, struct socket_msg *m)
{
	struct bz_iov iov[PIECES];
	size_t n = m->it.left;
	struct dgram *d;
	ssize_t ret;

	if (n && m->it.count <= PIECES)
		return host->stream_write(s, iov, iov_host(&m->it, iov, PIECES, n), BZ_OFFSET_NONE, BZ_IO_NOWAIT);
	d = dgram_alloc(n ? n : 1);
	if (!d)
		return -ENOBUFS;
	iov[0] = (struct bz_iov){d->data, n};
	if (iov_copy_from(&m->it, d->data, n) < n)
		ret = -EFAULT;
	else
		ret = host->stream_write(s, iov, 1, BZ_OFFSET_NONE, n ? BZ_IO_NOWAIT : BZ_IO_MESSAGE);
	kfree(d);
	return ret;
}

ssize_t udp_outside_send(struct udp_sock *u, const struct inet_addr *to, struct socket_msg *m)
{
	struct udp_outside *o = outside_of(u);
	struct udp_peer *p;
	ssize_t ret = 0;
	int err = 0;

	if (!o) {
		mutex_lock(&inet_lock);
		o = make(u);
		mutex_unlock(&inet_lock);
	}
	if (!o)
		return -ENOBUFS;
	mutex_lock(o->guard);
	p = find(o, to);
	if (!p && !outside_may(to))
		err = -EPERM;
	else if (!p)
		p = meet(u, o, to, &err);
	if (p) {
		p->used = ++o->clock;
		ret = write_datagram(p->stream, m);
	}
	mutex_unlock(o->guard);
	return err ? err : ret;
}

void udp_outside_close(struct udp_sock *u)
{
	struct udp_outside *o = outside_of(u);

	if (!o)
		return;
	mutex_lock(o->guard);
	for (u32 i = 0; i < PEERS; i++)
		drop(o, &o->peers[i]);
	mutex_unlock(o->guard);
}

/* Nobody has the socket any more. */
void udp_outside_free(struct udp_sock *u)
{
	struct udp_outside *o = outside_of(u);

	if (!o)
		return;
	udp_outside_close(u);
	if (o->port >= 0)
		host->stream_close(o->port, 0);
	if (o->set >= 0)
		host->stream_close(o->set, 0);
	u->outside = NULL;
	kfree(o);
}
