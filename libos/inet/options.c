/*
 * Options of IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP and IPPROTO_UDP.  Most are numbers that a program sets and
 * asks for: a table says which, with their bounds.  What has an effect here reads them by inet_option;
 * tcp(7), ip(7), ipv6(7).
 */
#include "libos/inet/internal.h"
#include "libos/socket/device.h"
#include <linux/capability.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#define LO_MSS 65483

enum kind {
	NUMBER, /* EINVAL out of bounds */
	FLAG,	/* anything but 0 is 1 */
	RESET,	/* NUMBER, and -1 means the default */
};

static const struct option {
	u16 level, name, kind;
	i32 initial, least, most;
	const char *host; /* of a stream beyond the sandbox: the host's name for it */
} options[] = {
    {IPPROTO_TCP, TCP_NODELAY, FLAG, 0, 0, 1, "tcp.nodelay"},
    {IPPROTO_TCP, TCP_CORK, FLAG, 0, 0, 1, "tcp.cork"},
    {IPPROTO_TCP, TCP_QUICKACK, FLAG, 1, 0, 1, "tcp.quickack"},
    {IPPROTO_TCP, TCP_MAXSEG, NUMBER, 536, 88, 32767, "tcp.maxseg"},
    {IPPROTO_TCP, TCP_KEEPIDLE, NUMBER, 7200, 1, 32767, "tcp.keepidle"},
    {IPPROTO_TCP, TCP_KEEPINTVL, NUMBER, 75, 1, 32767, "tcp.keepintvl"},
    {IPPROTO_TCP, TCP_KEEPCNT, NUMBER, 9, 1, 127, "tcp.keepcnt"},
    {IPPROTO_TCP, TCP_SYNCNT, NUMBER, 6, 1, 127},
    {IPPROTO_TCP, TCP_LINGER2, NUMBER, 60, -0x7fffffff, 0x7fffffff},
    {IPPROTO_TCP, TCP_DEFER_ACCEPT, NUMBER, 0, 0, 0x7fffffff, "tcp.defer_accept"},
    {IPPROTO_TCP, TCP_WINDOW_CLAMP, NUMBER, 0, 0, 0x7fffffff, "tcp.window_clamp"},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, NUMBER, 0, 0, 0x7fffffff, "tcp.user_timeout"},
    {IPPROTO_TCP, TCP_NOTSENT_LOWAT, NUMBER, 0, -0x7fffffff, 0x7fffffff, "tcp.notsent_lowat"},
    {IPPROTO_TCP, TCP_THIN_LINEAR_TIMEOUTS, NUMBER, 0, 0, 1},
    {IPPROTO_TCP, TCP_SAVE_SYN, NUMBER, 0, 0, 2},
    {IPPROTO_IP, IP_TOS, NUMBER, 0, 0, 255, "ip.tos"},
    {IPPROTO_IP, IP_TTL, RESET, 64, 1, 255},
    {IPPROTO_IP, IP_PKTINFO, FLAG, 0, 0, 1},
    {IPPROTO_IP, IP_RECVTTL, FLAG, 0, 0, 1},
    {IPPROTO_IP, IP_RECVTOS, FLAG, 0, 0, 1},
    {IPPROTO_IP, IP_RECVERR, FLAG, 0, 0, 1},
    {IPPROTO_IP, IP_MTU_DISCOVER, NUMBER, IP_PMTUDISC_WANT, 0, 5},
    {IPPROTO_IP, IP_FREEBIND, FLAG, 0, 0, 1},
    {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, FLAG, 0, 0, 1},
    {IPPROTO_IP, IP_MULTICAST_TTL, RESET, 1, 0, 255},
    {IPPROTO_IP, IP_MULTICAST_LOOP, FLAG, 1, 0, 1},
    {IPPROTO_IP, IP_MULTICAST_ALL, FLAG, 1, 0, 1},
    {IPPROTO_IPV6, IPV6_V6ONLY, FLAG, 0, 0, 1},
    {IPPROTO_IPV6, IPV6_UNICAST_HOPS, RESET, 64, 0, 255},
    {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, RESET, 1, 0, 255},
    {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, FLAG, 1, 0, 1},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, NUMBER, 0, 0, LO_INDEX},
    {IPPROTO_IPV6, IPV6_RECVPKTINFO, FLAG, 0, 0, 1},
    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, FLAG, 0, 0, 1},
    {IPPROTO_IPV6, IPV6_RECVTCLASS, FLAG, 0, 0, 1},
    {IPPROTO_IPV6, IPV6_TCLASS, RESET, 0, 0, 255, "ipv6.tclass"},
    {IPPROTO_IPV6, IPV6_RECVERR, FLAG, 0, 0, 1},
    {IPPROTO_IPV6, IPV6_MTU_DISCOVER, NUMBER, IPV6_PMTUDISC_WANT, 0, 5},
    {IPPROTO_IPV6, IPV6_FREEBIND, FLAG, 0, 0, 1},
};
_Static_assert(ARRAY_SIZE(options) <= INET_OPTIONS, "the numbers have room");

static int find(int level, int name)
{
	for (u32 i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].level == level && options[i].name == name)
			return i;
	return -1;
}

i32 inet_option(const struct inet_sock *i, int level, int name)
{
	return READ_ONCE(i->number[find(level, name)]);
}

void inet_option_defaults(struct inet_sock *i)
{
	for (u32 n = 0; n < ARRAY_SIZE(options); n++)
		i->number[n] = options[n].initial;
}

/* Which levels a socket has. */
static bool has_level(const struct inet_sock *i, int level)
{
	switch (level) {
	case IPPROTO_TCP:
		return inet_is_tcp(i);
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		return !inet_is_tcp(i);
	case IPPROTO_IPV6:
		return i->socket.family == AF_INET6;
	}
	return level == IPPROTO_IP;
}

/* --- sockets beyond the sandbox have most of them from the host --- */

static void to_host(bz_stream s, const char *key, const void *value, u32 len)
{
	host->stream_xattr(s, NULL, 1, key, (void *)value, len);
}

/* Streams are made without Nagle's delay and with keepalive, by monitor and command, and stay so unless the guest says otherwise. */
static bool differs(const struct inet_sock *i, u32 n)
{
	if (options[n].level == IPPROTO_TCP && options[n].name == TCP_NODELAY)
		return i->nodelay_off;
	return i->number[n] != options[n].initial;
}

static void number_to_host(const struct inet_sock *i, bz_stream s, u32 n)
{
	if (options[n].host && (options[n].level != IPPROTO_TCP || inet_is_tcp(i)))
		to_host(s, options[n].host, &i->number[n], sizeof(i->number[n]));
}

static bz_stream stream_of(const struct inet_sock *i)
{
	return inet_is_tcp(i) ? ((const struct tcp_sock *)i)->stream : -1;
}

/* Closing at once with a reset is what is handed on: for a close that waits see tcp_outside_linger. */
static void linger_to_host(const struct socket *s, bz_stream stream)
{
	u32 linger[2] = {s->linger[0] && !s->linger[1], 0};

	to_host(stream, "socket.linger", linger, sizeof(linger));
}

void inet_option_changed(struct socket *s, int name)
{
	bz_stream stream = stream_of(inet_of(s));
	u32 half;

	if (stream < 0)
		return;
	switch (name) {
	case SO_SNDBUF:
	case SO_SNDBUFFORCE:
		half = s->sndbuf / 2; /* the host doubles it, too */
		to_host(stream, "socket.sndbuf", &half, sizeof(half));
		break;
	case SO_RCVBUF:
	case SO_RCVBUFFORCE:
		half = s->rcvbuf / 2;
		to_host(stream, "socket.rcvbuf", &half, sizeof(half));
		break;
	case SO_KEEPALIVE:
		to_host(stream, "socket.keepalive", &s->keepalive, sizeof(s->keepalive));
		break;
	case SO_OOBINLINE:
		to_host(stream, "socket.oobinline", &s->oobinline, sizeof(s->oobinline));
		break;
	case SO_RCVLOWAT:
		to_host(stream, "socket.rcvlowat", &s->rcvlowat, sizeof(s->rcvlowat));
		break;
	case SO_LINGER:
		linger_to_host(s, stream);
		mutex_lock(&inet_lock);
		inet_note_stream(inet_of(s));
		mutex_unlock(&inet_lock);
		break;
	}
}

/* A socket that has a stream from now on: what was set before.  Accepted ones have it from their listener, as Linux does it. */
void inet_options_to_host(struct inet_sock *i, bz_stream stream)
{
	struct socket *s = &i->socket;

	for (u32 n = 0; n < ARRAY_SIZE(options); n++)
		if (differs(i, n))
			number_to_host(i, stream, n);
	if (s->sndbuf_set)
		inet_option_changed(s, SO_SNDBUF);
	if (s->rcvbuf_set)
		inet_option_changed(s, SO_RCVBUF);
	if (s->oobinline)
		inet_option_changed(s, SO_OOBINLINE);
	if (s->rcvlowat > 1)
		inet_option_changed(s, SO_RCVLOWAT);
	if (s->linger[0])
		linger_to_host(s, stream);
}

/* --- setting --- */

static int set_congestion(const void *uval, int len)
{
	char name[16] = "";

	if (len < 1)
		return -EINVAL;
	if (copy_from_user(name, uval, min(len, 15)))
		return -EFAULT;
	return strcmp(name, "cubic") && strcmp(name, "reno") ? -ENOENT : 0;
}

/* Options that are no number of the table. */
/* A connection to an AF_INET address by an AF_INET6 socket becomes one of AF_INET (ipv6(7)). */
static int set_form(struct inet_sock *i, const void *uval, int len)
{
	int err = 0;
	i32 val;

	if (len < (int)sizeof(val))
		return -EINVAL;
	if (get_user(val, (const i32 *)uval))
		return -EFAULT;
	if (val != AF_INET)
		return -EINVAL;
	mutex_lock(&inet_lock);
	if (i->state != TCP_ESTABLISHED)
		err = -ENOTCONN;
	else if (inet_v6only(i) || !addr_is_v4(&i->remote))
		err = -EADDRNOTAVAIL;
	else
		i->socket.family = AF_INET;
	mutex_unlock(&inet_lock);
	return err;
}

/* UDPLITE_SEND_CSCOV, UDPLITE_RECV_CSCOV, which <linux/udp.h> does not have; null: another option, or a socket of UDP. */
static struct coverage *coverage_of(struct inet_sock *i, int level, int name)
{
	struct udp_sock *u = (struct udp_sock *)i;

	if ((level != IPPROTO_UDP && level != IPPROTO_UDPLITE) || !inet_is_lite(i))
		return NULL;
	return name == 10 ? &u->sends : name == 11 ? &u->takes : NULL;
}

/* A header of eight bytes is always covered (RFC 3828, 3.1). */
static int set_coverage(struct coverage *c, const void *uval, int len)
{
	i32 val;

	if (len < (int)sizeof(val))
		return -EINVAL;
	if (get_user(val, (const i32 *)uval))
		return -EFAULT;
	c->bytes = val && val < 8 ? 8 : min(val, 65535);
	c->set = true;
	return 0;
}

static int set_other(struct inet_sock *i, int level, int name, const void *uval, int len)
{
	struct coverage *cover = coverage_of(i, level, name);

	if (cover)
		return set_coverage(cover, uval, len);
	if (level == IPPROTO_TCP) {
		switch (name) {
		case TCP_CONGESTION:
			return set_congestion(uval, len);
		case TCP_ULP:
			return -ENOENT;
		case TCP_REPAIR:
			return -EPERM;
		}
	} else if (level == IPPROTO_IP) {
		switch (name) {
		case IP_ADD_MEMBERSHIP:
		case IP_ADD_SOURCE_MEMBERSHIP:
		case MCAST_JOIN_GROUP:
			return -ENODEV;
		case IP_DROP_MEMBERSHIP:
			return -EADDRNOTAVAIL;
		case IP_TRANSPARENT:
		case IP_IPSEC_POLICY:
			return -EPERM;
		}
	} else if (level == IPPROTO_IPV6) {
		switch (name) {
		case IPV6_ADDRFORM:
			return set_form(i, uval, len);
		case IPV6_ADD_MEMBERSHIP:
			return -ENODEV;
		case IPV6_DROP_MEMBERSHIP:
			return -EADDRNOTAVAIL;
		}
	}
	return -ENOPROTOOPT;
}

static int get_number(int level, const void *uval, int len, i32 *val)
{
	u8 byte;

	if (len >= (int)sizeof(*val))
		return copy_from_user(val, uval, sizeof(*val));
	if (level != IPPROTO_IP || len < 1)
		return -EINVAL;
	if (copy_from_user(&byte, uval, 1))
		return -EFAULT;
	*val = byte;
	return 0;
}

int inet_setsockopt(struct socket *s, int level, int name, const void *uval, int len)
{
	struct inet_sock *i = inet_of(s);
	int n = find(level, name), err;
	const struct option *o;
	i32 val;

	if (!has_level(i, level))
		return -ENOPROTOOPT;
	if (n < 0)
		return set_other(i, level, name, uval, len);
	o = &options[n];
	err = get_number(level, uval, len, &val);
	if (err)
		return err;
	if (level == IPPROTO_IPV6 && name == IPV6_V6ONLY &&
	    (READ_ONCE(i->local.port) || i->state != TCP_CLOSE))
		return -EINVAL;
	if (o->kind == FLAG)
		val = val != 0;
	else if (o->kind == RESET && val == -1)
		val = o->initial;
	else if (level == IPPROTO_IP && name == IP_TOS)
		val &= 0xff;
	else if (val < o->least || val > o->most)
		return -EINVAL;
	if (level == IPPROTO_TCP && name == TCP_NODELAY) {
		/* On from the start: saying so is nothing new. */
		bool off = !val;

		if (i->nodelay_off != off && stream_of(i) >= 0)
			to_host(stream_of(i), o->host, &val, sizeof(val));
		i->nodelay_off = off;
	} else if (stream_of(i) >= 0) {
		WRITE_ONCE(i->number[n], val);
		number_to_host(i, stream_of(i), n);
	}
	WRITE_ONCE(i->number[n], val);
	return 0;
}

/* --- asking --- */

static void fill_info(struct inet_sock *i, struct tcp_info *info)
{
	struct tcp_sock *t = (struct tcp_sock *)i;

	memset(info, 0, sizeof(*info));
	mutex_lock(&i->lock);
	info->tcpi_state = i->state;
	if (i->state == TCP_LISTEN) {
		info->tcpi_unacked = t->queued;
		info->tcpi_sacked = t->backlog;
	} else {
		info->tcpi_options = TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE;
		info->tcpi_rto = 200000;
		info->tcpi_snd_mss = info->tcpi_rcv_mss = info->tcpi_advmss = LO_MSS;
		info->tcpi_pmtu = LO_MTU;
		info->tcpi_rtt = info->tcpi_min_rtt = 1;
		info->tcpi_snd_cwnd = 10;
		info->tcpi_snd_ssthresh = 0x7fffffff;
		info->tcpi_rcv_space = i->socket.rcvbuf / 2;
		info->tcpi_bytes_received = t->written;
	}
	mutex_unlock(&i->lock);
}

union value {
	i32 number;
	struct in_addr addr;
	char name[16];
	struct tcp_info info;
};

/* The value's size, or an error. */
static int get_other(struct inet_sock *i, int level, int name, union value *v)
{
	struct coverage *cover = coverage_of(i, level, name);

	if (cover) {
		v->number = cover->bytes;
		return sizeof(v->number);
	}
	if (level == IPPROTO_TCP && name == TCP_INFO) {
		int n = stream_of(i) >= 0 && i->state != TCP_LISTEN
			    ? host->stream_xattr(stream_of(i), NULL, 0, "tcp.info", &v->info, sizeof(v->info)) : -1;

		if (n < 0)
			fill_info(i, &v->info);
		return n < 0 ? (int)sizeof(v->info) : n;
	}
	if (level == IPPROTO_TCP && name == TCP_CONGESTION) {
		memset(v->name, 0, sizeof(v->name));
		memcpy(v->name, "cubic", 5);
		return sizeof(v->name);
	}
	if (level == IPPROTO_IP && name == IP_MULTICAST_IF) {
		v->addr.s_addr = 0;
		return sizeof(v->addr);
	}
	if ((level == IPPROTO_IP && name == IP_MTU) || (level == IPPROTO_IPV6 && name == IPV6_MTU)) {
		if (level == IPPROTO_IP && i->state != TCP_ESTABLISHED)
			return -ENOTCONN;
		v->number = LO_MTU;
		return sizeof(v->number);
	}
	return -ENOPROTOOPT;
}

static int value_of(struct inet_sock *i, int level, int name, union value *v)
{
	int n = find(level, name);

	if (n < 0)
		return get_other(i, level, name, v);
	v->number = READ_ONCE(i->number[n]);
	if (level == IPPROTO_TCP && name == TCP_MAXSEG && i->state == TCP_ESTABLISHED &&
	    (stream_of(i) < 0 || host->stream_xattr(stream_of(i), NULL, 0, "tcp.maxseg", &v->number, sizeof(v->number)) < 0))
		v->number = LO_MSS;
	return sizeof(v->number);
}

long inet_getsockopt(struct socket *s, int level, int name, void *uval, int *ulen)
{
	struct inet_sock *i = inet_of(s);
	union value v;
	int len, have;

	if (get_user(len, ulen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	if (!has_level(i, level))
		return -EOPNOTSUPP;
	have = value_of(i, level, name, &v);
	if (have < 0)
		return have;
	/* A byte does for small numbers (Linux's do_ip_getsockopt). */
	if (level == IPPROTO_IP && len > 0 && len < (int)sizeof(int) && have == sizeof(int) &&
	    v.number >= 0 && v.number <= 255)
		have = 1;
	len = min(len, have);
	if (copy_to_user(uval, &v, len))
		return -EFAULT;
	return put_user(len, ulen);
}
