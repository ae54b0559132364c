/*
 * UDP between sockets of one sandbox: a datagram goes straight into the receiver's queue, or is dropped where
 * that is full.  A port where nobody is gives a connected sender ECONNREFUSED by its next call, as the ICMP
 * message would.
 */
#include "libos/inet/internal.h"
#include "libos/vfs/poll.h"
#include <linux/ipv6.h>
#include <linux/sockios.h>

#define MAX_V4 65507u
#define MAX_V6 65527u
#define UDP_HEADER 8u

/* --- control messages --- */

/* What sendmsg(2) may say beside the bytes. */
struct control {
	struct inet_addr from; /* IP_PKTINFO, IPV6_PKTINFO: unspecified where it says nothing */
	int ttl, tos;
};

static int take_v4(struct control *c, const struct cmsghdr *h, u64 n)
{
	const void *data = h + 1;
	struct in_pktinfo info;
	int v;

	if (h->type == IP_PKTINFO) {
		if (n != sizeof(info))
			return -EINVAL;
		memcpy(&info, data, sizeof(info));
		addr_set_v4(&c->from, swap32(info.ipi_spec_dst.s_addr));
		return 0;
	}
	if (h->type != IP_TTL && h->type != IP_TOS)
		return -EINVAL;
	if (h->type == IP_TOS && n == 1) {
		c->tos = *(const u8 *)data;
		return 0;
	}
	if (n != sizeof(v))
		return -EINVAL;
	memcpy(&v, data, sizeof(v));
	if (v < (h->type == IP_TTL) || v > 255)
		return -EINVAL;
	*(h->type == IP_TTL ? &c->ttl : &c->tos) = v;
	return 0;
}

static int take_v6(struct control *c, const struct cmsghdr *h, u64 n)
{
	struct in6_pktinfo info;
	int v;

	if (h->type == IPV6_PKTINFO) {
		if (n < sizeof(info))
			return -EINVAL;
		memcpy(&info, h + 1, sizeof(info));
		memcpy(c->from.ip, &info.ipi6_addr, 16);
		return 0;
	}
	if ((h->type != IPV6_HOPLIMIT && h->type != IPV6_TCLASS) || n != sizeof(v))
		return -EINVAL;
	memcpy(&v, h + 1, sizeof(v));
	if (v < -1 || v > 255)
		return -EINVAL;
	if (v >= 0)
		*(h->type == IPV6_HOPLIMIT ? &c->ttl : &c->tos) = v;
	return 0;
}

static int take_control(void *arg, const struct cmsghdr *h, u64 n)
{
	if (h->level == IPPROTO_IP)
		return take_v4(arg, h, n);
	if (h->level == IPPROTO_IPV6)
		return take_v6(arg, h, n);
	return h->level == SOL_SOCKET ? -EINVAL : 0;
}

static void give_v4(struct inet_sock *i, struct socket_msg *m, const struct dgram *d)
{
	struct in_pktinfo info = {.ipi_ifindex = 1};
	int ttl = d->ttl;

	memcpy(&info.ipi_spec_dst, d->to + 12, 4);
	info.ipi_addr = info.ipi_spec_dst;
	if (inet_option(i, IPPROTO_IP, IP_PKTINFO))
		socket_put_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	if (inet_option(i, IPPROTO_IP, IP_RECVTTL))
		socket_put_control(m, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	if (inet_option(i, IPPROTO_IP, IP_RECVTOS))
		socket_put_control(m, IPPROTO_IP, IP_TOS, &d->tos, sizeof(d->tos));
}

static void give_v6(struct inet_sock *i, struct socket_msg *m, const struct dgram *d)
{
	struct in6_pktinfo info = {.ipi6_ifindex = 1};
	int hops = d->ttl, class = d->tos;

	memcpy(&info.ipi6_addr, d->to, 16);
	if (inet_option(i, IPPROTO_IPV6, IPV6_RECVPKTINFO))
		socket_put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	if (inet_option(i, IPPROTO_IPV6, IPV6_RECVHOPLIMIT))
		socket_put_control(m, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
	if (inet_option(i, IPPROTO_IPV6, IPV6_RECVTCLASS))
		socket_put_control(m, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class));
}

static void give_control(struct socket *s, struct socket_msg *m, const struct dgram *d)
{
	struct inet_sock *i = inet_of(s);
	struct inet_addr to;

	if (!m->control)
		return;
	memcpy(to.ip, d->to, sizeof(to.ip));
	socket_put_timestamp(s, m, d->time);
	if (addr_is_v4(&to))
		give_v4(i, m, d);
	if (s->family == AF_INET6)
		give_v6(i, m, d);
}

/* --- sending --- */

/* inet_lock held: whom to send to, and from where. */
static int address(struct inet_sock *i, const struct inet_addr *name, const struct control *c,
		   struct inet_addr *to, struct inet_addr *from)
{
	if (!name && i->state != TCP_ESTABLISHED)
		return -EDESTADDRREQ;
	*to = name ? *name : i->remote;
	addr_route(to, from);
	if (!i->local.port) {
		struct inet_addr any = i->local;
		int err = inet_port_bind(i, &any);

		if (err)
			return err == -EADDRINUSE ? -EAGAIN : err;
	}
	if (!addr_is_any(&c->from))
		memcpy(from->ip, c->from.ip, sizeof(from->ip));
	else if (!addr_is_any(&i->local))
		memcpy(from->ip, i->local.ip, sizeof(from->ip));
	from->port = i->local.port;
	return addr_is_v4(from) == addr_is_v4(to) && addr_is_local(from) ? 0 : -EINVAL;
}

/* A published port answers whoever has come by it. */
static bool is_outside(const struct inet_sock *i, const struct inet_addr *to)
{
	if (!to || addr_is_any(to) || addr_is_local(to) || inet_is_lite(i))
		return false;
	return outside_may(to) || ((const struct udp_sock *)i)->outside;
}

static int check_name(struct inet_sock *i, const struct inet_addr *a)
{
	if (!a->port)
		return -EINVAL;
	if (addr_is_v4(a) && inet_v6only(i))
		return -ENETUNREACH;
	if (addr_is_broadcast(a) && !i->socket.broadcast)
		return -EACCES;
	if (addr_is_multicast(a))
		return -ENETUNREACH;
	if (!addr_is_any(a) && !addr_is_local(a) && !is_outside(i, a)) {
		inet_refused(i, a);
		return -EPERM;
	}
	return 0;
}

/* An AF_INET address does for an AF_INET6 socket, too; AF_UNSPEC is taken for AF_INET by one of AF_INET. */
static int name_in(u16 family, const struct socket_name *name, struct inet_addr *a)
{
	struct socket_name fixed;

	if (name->len < sizeof(name->family))
		return -EINVAL;
	if (family == AF_INET6 && name->family == AF_INET)
		return addr_in(AF_INET, name, a);
	if (family == AF_INET && name->family == AF_UNSPEC) {
		fixed = *name;
		fixed.family = AF_INET;
		return addr_in(family, &fixed, a);
	}
	return addr_in(family, name, a);
}

static struct dgram *make(struct socket_msg *m, const struct control *c)
{
	struct dgram *d = dgram_alloc(m->it.left);

	if (!d)
		return ERR_PTR(-ENOBUFS);
	if (iov_copy_from(&m->it, d->data, d->len) < d->len) {
		kfree(d);
		return ERR_PTR(-EFAULT);
	}
	d->ttl = c->ttl;
	d->tos = c->tos;
	d->time = now_real();
	return d;
}

/* UDP-Lite: who wants more of a datagram checked than its sender did, or all of it, does not get it (Linux's udp_queue_rcv_one_skb). */
static bool covered(const struct inet_sock *i, const struct dgram *d, const struct inet_sock *receiver)
{
	const struct coverage *sends = &((const struct udp_sock *)i)->sends, *takes = &((const struct udp_sock *)receiver)->takes;
	u32 n = sends->bytes && sends->bytes < d->len + UDP_HEADER ? sends->bytes : 0;

	return !n || !takes->set || (takes->bytes && n >= takes->bytes);
}

static int deliver(struct inet_sock *i, struct dgram *d, const struct inet_addr *to,
		   const struct inet_addr *from, struct inet_sock *receiver)
{
	if (!receiver && dns_serves(to) && !inet_is_lite(i)) {
		dns_take_datagram(i, d, to, from);
		kfree(d);
		return 0;
	}
	if (!receiver) {
		kfree(d);
		if (READ_ONCE(i->state) == TCP_ESTABLISHED) {
			WRITE_ONCE(i->socket.error, ECONNREFUSED);
			waitq_wake_all(&i->socket.waitq, EPOLLERR);
		}
		return 0;
	}
	addr_out(receiver->socket.family, from, &d->from);
	memcpy(d->to, to->ip, sizeof(to->ip));
	if (inet_is_lite(i) && !covered(i, d, receiver))
		kfree(d);
	else
		dgram_put(&receiver->socket, &((struct udp_sock *)receiver)->queue, d);
	inet_put(receiver);
	return 0;
}

/* A datagram by itself. */
static ssize_t send_now(struct udp_sock *u, struct socket_msg *m, const struct inet_addr *name, const struct control *c)
{
	struct inet_sock *i = &u->inet, *receiver = NULL;
	struct inet_addr to, from;
	size_t n = m->it.left;
	struct dgram *d;
	int err;

	if (is_outside(i, name ? name : READ_ONCE(i->state) == TCP_ESTABLISHED ? &i->remote : NULL))
		return udp_outside_send(u, name ? name : &i->remote, m);
	d = make(m, c);
	if (IS_ERR(d))
		return PTR_ERR(d);
	mutex_lock(&inet_lock);
	err = address(i, name, c, &to, &from);
	if (!err)
		receiver = inet_find_udp(i->socket.protocol, &to, &from);
	mutex_unlock(&inet_lock);
	if (err) {
		kfree(d);
		return err;
	}
	err = deliver(i, d, &to, &from, receiver);
	return err ? err : (ssize_t)n;
}

/* MSG_MORE: pieces of one datagram, which goes with the first call that does not say so, to whom the first one named. */
struct cork {
	struct inet_addr name;
	bool named;
	u32 len;
	char data[];
};

/* Adds m to what is kept; *whole: it is to go, and the caller's.  Bytes that were taken, or -errno. */
static ssize_t cork_add(struct udp_sock *u, struct socket_msg *m, const struct inet_addr *name, u32 most, struct cork **whole)
{
	struct cork *old, *c = NULL;
	ssize_t ret = m->it.left;
	u32 len;

	*whole = NULL;
	mutex_lock(&u->queue.lock);
	old = u->cork;
	len = old ? old->len : 0;
	if (len + m->it.left > most)
		ret = -EMSGSIZE;
	else if (!(c = kmalloc(sizeof(*c) + len + m->it.left)))
		ret = -ENOBUFS;
	if (c && old) {
		memcpy(c, old, sizeof(*old) + len);
	} else if (c) {
		*c = (struct cork){.named = name};
		if (name)
			c->name = *name;
	}
	if (c && iov_copy_from(&m->it, c->data + len, ret) < (size_t)ret) {
		kfree(c);
		c = NULL;
		ret = -EFAULT;
	}
	if (c)
		c->len = len + ret;
	u->cork = m->flags & MSG_MORE ? c : NULL;
	*whole = m->flags & MSG_MORE ? NULL : c;
	mutex_unlock(&u->queue.lock);
	kfree(old);
	return ret;
}

static ssize_t send_corked(struct udp_sock *u, struct socket_msg *m, const struct inet_addr *name, const struct control *c, u32 most)
{
	struct cork *whole;
	ssize_t n = cork_add(u, m, name, most, &whole), sent;
	struct socket_msg all = *m;
	struct bz_iov iov;

	if (!whole)
		return n;
	iov = (struct bz_iov){whole->data, whole->len};
	iov_iter_init(&all.it, &iov, 1, true);
	sent = send_now(u, &all, whole->named ? &whole->name : NULL, c);
	kfree(whole);
	return sent < 0 ? sent : n;
}

static ssize_t udp_send(struct socket *s, struct socket_msg *m)
{
	struct inet_sock *i = inet_of(s);
	struct inet_addr name;
	struct control c = {.ttl = 64, .tos = inet_option(i, IPPROTO_IP, IP_TOS)};
	u32 most = s->family == AF_INET ? MAX_V4 : MAX_V6;
	int err = socket_error(s);

	if (inet_option(i, IPPROTO_IP, IP_TTL) > 0)
		c.ttl = inet_option(i, IPPROTO_IP, IP_TTL);
	addr_set_any(&c.from, s->family);
	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->it.left > most)
		return -EMSGSIZE;
	if (!err && m->name.len)
		err = name_in(s->family, &m->name, &name);
	if (!err && m->name.len)
		err = check_name(i, &name);
	if (!err && !m->name.len && READ_ONCE(i->state) != TCP_ESTABLISHED && !READ_ONCE(udp_of(s)->cork))
		err = -EDESTADDRREQ;
	if (!err && m->control_len)
		err = socket_each_control(m, take_control, &c);
	if (!err && (READ_ONCE(s->shutdown) & SHUT_SEND))
		err = -EPIPE;
	if (err)
		return err;
	if (unlikely((m->flags & MSG_MORE) || READ_ONCE(udp_of(s)->cork)))
		return send_corked(udp_of(s), m, m->name.len ? &name : NULL, &c, most);
	return send_now(udp_of(s), m, m->name.len ? &name : NULL, &c);
}

/* --- the rest --- */

/* With a stream, the queue is filled from there, and who waits waits for both. */
static ssize_t receive_outside(struct udp_sock *u, struct socket_msg *m)
{
	i64 deadline = socket_deadline(u->inet.socket.rcvtimeo);
	bool nowait = m->nowait;
	ssize_t ret;
	int err;

	for (;;) {
		udp_outside_pull(u);
		m->nowait = true;
		ret = dgram_receive(&u->inet.socket, &u->queue, m, give_control);
		m->nowait = nowait;
		if (ret != -EAGAIN || nowait)
			return ret;
		if (READ_ONCE(u->inet.socket.shutdown) & SHUT_RECEIVE)
			return 0;
		err = poll_file_wait(u->inet.file, EPOLLIN | EPOLLERR, deadline);
		if (err)
			return socket_interrupted(err, deadline);
	}
}

static ssize_t udp_receive(struct socket *s, struct socket_msg *m)
{
	if (m->flags & (MSG_OOB | MSG_ERRQUEUE))
		return m->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	if (READ_ONCE(udp_of(s)->outside))
		return receive_outside(udp_of(s), m);
	return dgram_receive(s, &udp_of(s)->queue, m, give_control);
}

static int udp_disconnect(struct inet_sock *i)
{
	mutex_lock(&inet_lock);
	udp_outside_close((struct udp_sock *)i);
	i->state = TCP_CLOSE;
	i->remote.port = 0;
	if (!i->chosen_address)
		addr_set_any(&i->local, i->socket.family);
	if (!i->chosen_port)
		inet_port_release(i);
	mutex_unlock(&inet_lock);
	return 0;
}

static int udp_connect(struct socket *s, const struct socket_name *name, bool nowait)
{
	struct inet_sock *i = inet_of(s);
	struct inet_addr to, from;
	int err;

	if (name->len < sizeof(name->family))
		return -EINVAL;
	if (name->family == AF_UNSPEC)
		return udp_disconnect(i);
	err = s->family == AF_INET && name->family != AF_INET && name->len >= sizeof(struct sockaddr_in)
		  ? -EAFNOSUPPORT
		  : name_in(s->family, name, &to);
	if (!err && to.port)
		err = check_name(i, &to);
	if (err)
		return err;
	mutex_lock(&inet_lock);
	addr_route(&to, &from);
	if (is_outside(i, &to))
		err = to.port ? udp_outside_open(udp_of(s), &to, &from) : -ECONNREFUSED;
	if (!addr_is_any(&i->local)) {
		if (addr_is_v4(&i->local) != addr_is_v4(&to))
			err = -EINVAL;
	} else if (!err && !i->local.port) {
		struct inet_addr any = i->local;

		err = inet_port_bind(i, &any);
		if (err == -EADDRINUSE)
			err = -EAGAIN;
	}
	if (!err) {
		if (!i->chosen_address)
			memcpy(i->local.ip, from.ip, sizeof(from.ip));
		i->remote = to;
		i->state = TCP_ESTABLISHED;
	}
	mutex_unlock(&inet_lock);
	return err;
}

static int udp_shutdown(struct socket *s, u32 how)
{
	struct inet_sock *i = inet_of(s);

	WRITE_ONCE(s->shutdown, s->shutdown | how);
	waitq_wake_all(&s->waitq, ~0u);
	return READ_ONCE(i->state) == TCP_ESTABLISHED ? 0 : -ENOTCONN;
}

static u32 udp_poll(struct socket *s, struct file *f, struct poll_table *pt)
{
	struct udp_sock *u = udp_of(s);
	bz_stream stream;

	poll_wait(pt, f, &s->waitq);
	stream = udp_outside_stream(u);
	if (stream >= 0 && poll_stream(pt, f, stream, BZ_WAIT_IN))
		udp_outside_pull(u);
	return dgram_poll(s, &u->queue);
}

static long udp_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	switch (cmd) {
	case SIOCOUTQ:
		return put_user(0, (int *)arg);
	case FIONREAD:
		return put_user((int)dgram_first_size(&udp_of(s)->queue), (int *)arg);
	}
	return -ENOTTY;
}

static int udp_listen(struct socket *s, int backlog)
{
	return -EOPNOTSUPP;
}

static int udp_accept(struct socket *s, struct socket **out, bool nowait)
{
	return -EOPNOTSUPP;
}

void udp_free(struct udp_sock *u)
{
	udp_outside_free(u);
	dgram_queue_free(&u->queue);
}

static void udp_release(struct socket *s)
{
	struct inet_sock *i = inet_of(s);

	mutex_lock(&inet_lock);
	i->file = NULL;
	inet_port_release(i);
	mutex_unlock(&inet_lock);
	mutex_lock(&udp_of(s)->queue.lock);
	kfree(udp_of(s)->cork);
	udp_of(s)->cork = NULL;
	s->shutdown = SHUT_BOTH;
	mutex_unlock(&udp_of(s)->queue.lock);
	inet_put(i);
}

static int udp_bind(struct socket *s, const struct socket_name *name)
{
	int err = inet_bind(s, name);

	if (!err && !inet_is_lite(inet_of(s))) {
		mutex_lock(&inet_lock);
		udp_outside_publish(udp_of(s));
		mutex_unlock(&inet_lock);
	}
	return err;
}

static const struct socket_ops udp_ops = {.bind = udp_bind,
					  .listen = udp_listen,
					  .accept = udp_accept,
					  .connect = udp_connect,
					  .getname = inet_getname,
					  .send = udp_send,
					  .receive = udp_receive,
					  .shutdown = udp_shutdown,
					  .poll = udp_poll,
					  .ioctl = udp_ioctl,
					  .setsockopt = inet_setsockopt,
					  .getsockopt = inet_getsockopt,
					  .attach = inet_attach,
					  .release = udp_release};

int udp_create(u16 family, int protocol, struct socket **out)
{
	struct udp_sock *u = kzalloc(sizeof(*u));

	if (!u)
		return -ENOMEM;
	inet_init_sock(&u->inet, &udp_ops, family, SOCK_DGRAM, protocol);
	dgram_queue_init(&u->queue);
	*out = &u->inet.socket;
	return 0;
}
