/*
 * The guest's name server: what /etc/resolv.conf names, 127.0.0.53 port 53, unless a socket of the guest's is bound there.  It is no
 * process: who sends a question there finds the answer in its own queue.  It knows the names that are granted, with the addresses that
 * the host's table of names holds just now, and says of all others that they do not exist; nothing of a question leaves the sandbox.
 * RFC 1035, 6891, 7766.
 */
#include "libos/inet/internal.h"

#define HEADER 12
#define NAME_ROOM 254
#define MESSAGE_MAX 8192 /* an answer by TCP: more than any has */
#define UDP_LEAST 512
#define SERVER 0x7f000035u /* 127.0.0.53 */
#define PORT 53
#define TYPE_A 1
#define TYPE_AAAA 28
#define TYPE_OPT 41
#define TYPE_ANY 255
#define CLASS_IN 1
#define RESPONSE 0x8000u
#define AUTHORITATIVE 0x0400u
#define TRUNCATED 0x0200u
#define ASKED 0x7900u /* opcode, recursion desired: as in the question */
#define RECURSION 0x0080u
#define FORMAT_ERROR 1u
#define NO_SUCH_NAME 3u
#define NOT_IMPLEMENTED 4u
#define TTL_MOST 3600
#define GRACE 10 /* seconds: what is told here ends before the grant does (cli/names.c) */

struct question {
	char name[NAME_ROOM];
	u16 type, class;
	u32 end; /* of the question in the message */
	bool edns;
	u32 room; /* for an answer by UDP */
};

static u16 get16(const u8 *at)
{
	return at[0] << 8 | at[1];
}

static void put16(u8 *at, u16 v)
{
	at[0] = v >> 8;
	at[1] = v;
}

bool dns_serves(const struct inet_addr *to)
{
	struct inet_addr server;

	addr_set_v4(&server, SERVER);
	return to->port == PORT && addr_same_ip(to, &server);
}

/* --- The question --- */

static u8 lower(u8 c)
{
	return c >= 'A' && c <= 'Z' ? c | 32 : c;
}

/* The name, in lower case and with dots; where it ends, or 0: it is none. */
static u32 take_name(const u8 *m, u32 len, char *name)
{
	u32 at = HEADER, n = 0;

	while (at < len && m[at]) {
		u32 label = m[at++];

		if (label > 63 || at + label > len || n + label + 1 >= NAME_ROOM)
			return 0;
		if (n)
			name[n++] = '.';
		for (u32 i = 0; i < label; i++)
			name[n++] = lower(m[at + i]);
		at += label;
	}
	name[n] = 0;
	return at < len ? at + 1 : 0;
}

static bool take_question(const u8 *m, u32 len, struct question *q)
{
	u32 end = take_name(m, len, q->name);

	if (!end || end + 4 > len)
		return false;
	q->type = get16(m + end);
	q->class = get16(m + end + 2);
	q->end = end + 4;
	q->room = UDP_LEAST;
	/* An OPT record right behind it: the root's name, its type, and as class how much may come. */
	q->edns = get16(m + 10) && q->end + 11 <= len && !m[q->end] && get16(m + q->end + 1) == TYPE_OPT;
	if (q->edns)
		q->room = max(q->room, (u32)get16(m + q->end + 3));
	return true;
}

/* --- The table of names --- */

static bz_stream table(void)
{
	static bz_stream names = -1; /* inet_lock */
	struct bz_name name = {.scheme = BZ_NAMES};

	mutex_lock(&inet_lock);
	if (names < 0)
		names = host->stream_open(&name, 0, 0, NULL, NULL);
	mutex_unlock(&inet_lock);
	return names;
}

static bool read_host(bz_stream s, u32 number, struct bz_host *h)
{
	struct bz_iov iov = {h, sizeof(*h)};

	return host->stream_read(s, &iov, 1, (i64)number * sizeof(*h), 0) == sizeof(*h);
}

static bool find(const char *name, struct bz_host *h)
{
	bz_stream s = table();

	for (u32 i = 0; s >= 0 && i < BZ_NAMES_MAX && read_host(s, i, h) && h->name[0]; i++) {
		h->name[sizeof(h->name) - 1] = 0;
		if (!strcmp(h->name, name))
			return true;
	}
	return false;
}

/* An address counts only if its time is the same before and after: what changed meanwhile is left out. */
static void drop_torn(const char *name, struct bz_host *h, struct bz_host *again)
{
	bool there = find(name, again);

	for (u32 i = 0; i < BZ_HOST_ADDRESSES; i++)
		if (!there || again->addresses[i].until != h->addresses[i].until)
			h->addresses[i].until = 0;
}

/* As far as it can be a name. */
static void tell_refused(const char *name)
{
	char text[600];

	for (const char *c = name; *c; c++)
		if (!(*c >= 'a' && *c <= 'z') && !(*c >= '0' && *c <= '9') && *c != '.' && *c != '-' && *c != '_')
			return;
	snprintf(text, sizeof(text), "resolve %.200s: no grant covers it (--allow %.200s:PORT)", name, name);
	if (*name)
		inet_tell_denied(text);
}

/* --- The answer --- */

struct answer {
	u8 *out;
	u32 len, room, count;
	bool cut;
};

static void add_record(struct answer *a, const struct bz_host_address *from, i64 now, bool v4)
{
	u32 size = v4 ? 4 : 16;
	i64 left = (from->until - now) / NSEC_PER_SEC - GRACE;
	u8 *at = a->out + a->len;

	if (a->len + 12 + size > a->room) {
		a->cut = true;
		return;
	}
	put16(at, 0xc000 | HEADER); /* the name of the question */
	put16(at + 2, v4 ? TYPE_A : TYPE_AAAA);
	put16(at + 4, CLASS_IN);
	left = from->until == INT64_MAX || left > TTL_MOST ? TTL_MOST : max(left, 0ll);
	put16(at + 6, left >> 16);
	put16(at + 8, left);
	put16(at + 10, size);
	memcpy(at + 12, from->ip + 16 - size, size);
	a->len += 12 + size;
	a->count++;
}

/* Those that the name has now: whose time is the latest. */
static void add_addresses(struct answer *a, const struct bz_host *h, u16 type)
{
	i64 latest = 0, now = now_mono();

	for (u32 i = 0; i < BZ_HOST_ADDRESSES; i++)
		latest = max(latest, h->addresses[i].until);
	for (u32 i = 0; i < BZ_HOST_ADDRESSES && latest > now; i++) {
		struct inet_addr ip;
		bool v4;

		memcpy(ip.ip, h->addresses[i].ip, sizeof(ip.ip));
		v4 = addr_is_v4(&ip);
		if (h->addresses[i].until == latest && (type == TYPE_ANY || type == (v4 ? TYPE_A : TYPE_AAAA)))
			add_record(a, &h->addresses[i], now, v4);
	}
}

static u32 look_up(const struct question *q, struct answer *a)
{
	struct bz_host *h = kmalloc(2 * sizeof(*h));
	u32 code = NO_SUCH_NAME;

	if (!h || q->class != CLASS_IN) {
		kfree(h);
		return NOT_IMPLEMENTED;
	}
	if (find(q->name, h)) {
		code = 0;
		drop_torn(q->name, h, h + 1);
		add_addresses(a, h, q->type);
	} else if (q->type == TYPE_A || q->type == TYPE_AAAA || q->type == TYPE_ANY) {
		tell_refused(q->name);
	}
	kfree(h);
	return code;
}

/* The length of the answer in `out`, or 0: there is none. */
static u32 answer(const u8 *m, u32 len, u8 *out, u32 room)
{
	struct answer a = {.out = out, .room = room};
	struct question q;
	u32 code, flags;

	if (len < HEADER || (get16(m + 2) & RESPONSE))
		return 0;
	memset(out, 0, HEADER);
	put16(out, get16(m));
	flags = RESPONSE | AUTHORITATIVE | RECURSION | (get16(m + 2) & ASKED);
	if ((get16(m + 2) & 0x7800) || get16(m + 4) != 1 || !take_question(m, len, &q)) {
		put16(out + 2, flags | (get16(m + 2) & 0x7800 ? NOT_IMPLEMENTED : FORMAT_ERROR));
		return HEADER;
	}
	memcpy(out + HEADER, m + HEADER, q.end - HEADER);
	a.len = q.end;
	if (room != MESSAGE_MAX)
		a.room = min(q.room, room) - (q.edns ? 11 : 0);
	code = look_up(&q, &a);
	if (q.edns) {
		memset(out + a.len, 0, 11);
		put16(out + a.len + 1, TYPE_OPT);
		put16(out + a.len + 3, 1232);
		put16(out + 10, 1);
		a.len += 11;
	}
	put16(out + 2, flags | (a.cut ? TRUNCATED : 0) | code);
	put16(out + 4, 1);
	put16(out + 6, a.count);
	return a.len;
}

/* --- By datagrams --- */

void dns_take_datagram(struct inet_sock *i, const struct dgram *question, const struct inet_addr *to, const struct inet_addr *from)
{
	u8 *out = kmalloc(MESSAGE_MAX);
	u32 len = out ? answer((const u8 *)question->data, question->len, out, MESSAGE_MAX - 1) : 0;
	struct dgram *d = len ? dgram_alloc(len) : NULL;

	if (d) {
		memcpy(d->data, out, len);
		addr_out(i->socket.family, to, &d->from);
		memcpy(d->to, from->ip, sizeof(d->to));
		d->ttl = 64;
		d->tos = 0;
		d->time = now_real();
		dgram_put(&i->socket, &((struct udp_sock *)i)->queue, d);
	}
	kfree(out);
}

/* --- By connections: the other end is a socket that nobody has, and who sends to it answers itself --- */

static u32 peek(struct tcp_sock *end, u8 *buf, u32 n, u32 flags)
{
	struct bz_iov iov = {buf, n};
	struct socket_msg m = {.flags = flags};
	ssize_t got;

	iov_iter_init(&m.it, &iov, 1, true);
	got = tcp_read_queue(end, &m);
	return got > 0 ? got : 0;
}

static bool hang_up(struct tcp_sock *end)
{
	struct tcp_sock *t = tcp_peer(end);

	if (t) {
		tcp_reset(t, false);
		tcp_put(t);
	}
	return false;
}

/* One question with its length in front: false, if it is not all there. */
static bool serve_one(struct tcp_sock *end, u8 *in, u8 *out)
{
	struct bz_iov iov = {out, 0};
	struct socket_msg m = {.nowait = true, .flags = MSG_NOSIGNAL};
	u32 len, n;

	if (peek(end, in, 2, MSG_PEEK) < 2)
		return false;
	len = get16(in) + 2;
	if (len > MESSAGE_MAX)
		return hang_up(end);
	if (peek(end, in, len, MSG_PEEK) < len)
		return false;
	peek(end, in, len, 0);
	n = answer(in + 2, len - 2, out + 2, MESSAGE_MAX);
	if (!n)
		return true;
	put16(out, n);
	iov.len = n + 2;
	iov_iter_init(&m.it, &iov, 1, true);
	/* Who asks without reading the answers has no more to hear. */
	return tcp_send(&end->inet.socket, &m) == (ssize_t)n + 2 || hang_up(end);
}

void dns_take_stream(struct tcp_sock *end)
{
	u8 *buf = kmalloc(2 * (MESSAGE_MAX + 2));

	while (buf && serve_one(end, buf, buf + MESSAGE_MAX + 2))
		;
	kfree(buf);
}
