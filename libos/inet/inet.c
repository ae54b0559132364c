/* Sockets of AF_INET and AF_INET6: making them, their names, and what of them /proc/net shows. */
#include "libos/inet/internal.h"
#include "libos/kernel/syscall.h"

#define IP_TEXT 48

struct mutex inet_lock = MUTEX_INIT(RANK_OBJECT);

void inet_init_sock(struct inet_sock *i, const struct socket_ops *ops, u16 family, u32 type, int protocol)
{
	socket_init(&i->socket, ops, family, type);
	i->socket.protocol = protocol;
	mutex_init(&i->lock, RANK_OBJECT);
	i->refs = 1;
	i->state = TCP_CLOSE;
	addr_set_any(&i->local, family);
	addr_set_any(&i->remote, family);
	list_init(&i->bound);
	list_init(&i->listening);
	inet_option_defaults(i);
}

void inet_put(struct inet_sock *i)
{
	if (!ref_put(&i->refs))
		return;
	if (inet_is_tcp(i))
		tcp_queue_free((struct tcp_sock *)i);
	else
		udp_free((struct udp_sock *)i);
	kfree(i);
}

/* inet_lock held.  A listener's is the monitor's too, as are those of UDP ports; a close that lingers is not at once. */
void inet_note_stream(struct inet_sock *i)
{
	const u32 *linger = i->socket.linger;

	if (i->file && inet_is_tcp(i))
		WRITE_ONCE(i->file->owns_stream, ((struct tcp_sock *)i)->stream >= 0 && i->state != TCP_LISTEN && !(linger[0] && linger[1]));
}

void inet_attach(struct socket *s, struct file *f)
{
	mutex_lock(&inet_lock);
	inet_of(s)->file = f;
	inet_note_stream(inet_of(s));
	mutex_unlock(&inet_lock);
}

void inet_lock_two(struct inet_sock *a, struct inet_sock *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		mutex_lock(a < b ? &b->lock : &a->lock);
}

void inet_unlock_two(struct inet_sock *a, struct inet_sock *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

/* --- names --- */

/* May a socket have this address?  Nothing but loopback is here. */
static int check_bind(const struct inet_sock *i, const struct inet_addr *a)
{
	if (i->socket.family == AF_INET6 && addr_is_v4(a) && inet_v6only(i))
		return -EINVAL;
	if (addr_is_any(a) || addr_is_local(a) || inet_option(i, IPPROTO_IP, IP_FREEBIND))
		return 0;
	if (!inet_is_tcp(i) && (addr_is_multicast(a) || addr_is_broadcast(a)))
		return 0;
	return -EADDRNOTAVAIL;
}

int inet_bind(struct socket *s, const struct socket_name *name)
{
	struct inet_sock *i = inet_of(s);
	struct inet_addr a;
	int err = addr_in(s->family, name, &a);

	/* What old programs leave of the family, as Linux lets them. */
	if (err == -EAFNOSUPPORT && s->family == AF_INET && name->family == AF_UNSPEC) {
		struct socket_name fixed = *name;

		fixed.family = AF_INET;
		err = addr_in(s->family, &fixed, &a);
		if (!err && !addr_is_any(&a))
			err = -EAFNOSUPPORT;
	}
	if (!err)
		err = check_bind(i, &a);
	if (err)
		return err;
	mutex_lock(&inet_lock);
	if (i->local.port || i->state != TCP_CLOSE)
		err = -EINVAL;
	else
		err = inet_port_bind(i, &a);
	if (!err) {
		i->chosen_address = !addr_is_any(&a);
		i->chosen_port = a.port != 0;
	}
	mutex_unlock(&inet_lock);
	return err;
}

int inet_getname(struct socket *s, struct socket_name *name, bool peer)
{
	struct inet_sock *i = inet_of(s);
	int err = 0;

	mutex_lock(&inet_lock);
	if (peer && (!i->remote.port || i->state == TCP_CLOSE || i->state == TCP_SYN_SENT))
		err = -ENOTCONN;
	else
		addr_out(s->family, peer ? &i->remote : &i->local, name);
	mutex_unlock(&inet_lock);
	return err;
}

/* --- refusals --- */

static void addr_text(const struct inet_addr *a, char *buf, size_t size)
{
	u32 n = 0;

	if (addr_is_v4(a)) {
		snprintf(buf, size, "%u.%u.%u.%u:%u", a->ip[12], a->ip[13], a->ip[14], a->ip[15], a->port);
		return;
	}
	for (u32 i = 0; i < 16; i += 2)
		n += snprintf(buf + n, size - n, "%s%x", i ? ":" : "[",
			      (unsigned)(a->ip[i] << 8 | a->ip[i + 1]));
	snprintf(buf + n, size - n, "]:%u", a->port);
}

#define DENIED_MAX 64

/* Each text once; at most so many of them. */
void inet_tell_denied(const char *text)
{
	static u64 told[DENIED_MAX]; /* FNV-1a; inet_lock */
	static u32 count;
	u64 hash = 0xcbf29ce484222325ull;
	bool new;

	for (const char *c = text; *c; c++)
		hash = (hash ^ (u8)*c) * 0x100000001b3ull;
	mutex_lock(&inet_lock);
	new = count < DENIED_MAX;
	for (u32 i = 0; i < count; i++)
		new &= told[i] != hash;
	if (new)
		told[count++] = hash;
	mutex_unlock(&inet_lock);
	if (new)
		printk(BZ_LOG_DENIED, "denied: %s", text);
}

void inet_refused(const struct inet_sock *i, const struct inet_addr *to)
{
	char ip[IP_TEXT], text[3 * IP_TEXT];
	const char *udp = inet_is_tcp(i) ? "" : "/udp";

	addr_text(to, ip, sizeof(ip));
	snprintf(text, sizeof(text), "connect to %s%s: no grant covers it (--allow %s%s)", ip, udp, ip, udp);
	inet_tell_denied(text);
}

/* --- /proc/net --- */

static u32 put_addr(const struct inet_addr *a, bool v6, char *buf, size_t size)
{
	if (!v6)
		return snprintf(buf, size, "%08X:%04X", a->word[3], a->port);
	return snprintf(buf, size, "%08X%08X%08X%08X:%04X", a->word[0], a->word[1], a->word[2], a->word[3],
			a->port);
}

static void describe(const struct inet_sock *i, u64 slot, bool v6, char *buf, size_t size)
{
	bool tcp = inet_is_tcp(i);
	u64 unread = tcp ? ((const struct tcp_sock *)i)->bytes : ((const struct udp_sock *)i)->queue.truesize;
	u32 n = snprintf(buf, size, tcp ? "%4lu: " : "%5lu: ", slot);

	if (i->state == TCP_LISTEN)
		unread = ((const struct tcp_sock *)i)->queued;
	n += put_addr(&i->local, v6, buf + n, size - n);
	buf[n++] = ' ';
	n += put_addr(&i->remote, v6, buf + n, size - n);
	n += snprintf(buf + n, size - n, " %02X %08X:%08X %02X:%08lX %08X %5u %8d %lu %u %016lx", i->state, 0,
		      (u32)unread, 0, 0ul, 0, i->file ? i->file->inode->uid : 0, 0,
		      i->file ? (unsigned long)i->file->inode->ino : 0ul, i->refs, 0ul);
	if (tcp)
		snprintf(buf + n, size - n, " 100 0 0 10 0");
	else
		snprintf(buf + n, size - n, " %lu", (unsigned long)((const struct udp_sock *)i)->queue.drops);
}

bool inet_next_line(enum inet_table table, u64 *cursor, char *buf, size_t size)
{
	static const int protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE};
	bool v6 = table & 1;
	struct inet_sock *i;

	mutex_lock(&inet_lock);
	do {
		i = inet_nth(protocols[table / 2], (*cursor)++);
	} while (i && (i->socket.family == AF_INET6) != v6);
	if (i)
		describe(i, *cursor - 1, v6, buf, size);
	mutex_unlock(&inet_lock);
	return i;
}

/* --- making --- */

static int create(u16 family, u32 type, int protocol, struct socket **out)
{
	switch (type) {
	case SOCK_STREAM:
		return protocol && protocol != IPPROTO_TCP ? -EPROTONOSUPPORT
							   : tcp_create(family, IPPROTO_TCP, out);
	case SOCK_DGRAM:
		if (protocol && protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE)
			return -EPROTONOSUPPORT;
		return udp_create(family, protocol ? protocol : IPPROTO_UDP, out);
	case SOCK_RAW:
		return protocol ? -EPERM : -EPROTONOSUPPORT;
	}
	return -ESOCKTNOSUPPORT;
}

static int create_v4(u32 type, int protocol, struct socket **out)
{
	return create(AF_INET, type, protocol, out);
}

static int create_v6(u32 type, int protocol, struct socket **out)
{
	return create(AF_INET6, type, protocol, out);
}

static const struct socket_family inet_family = {.family = AF_INET, .create = create_v4};
static const struct socket_family inet6_family = {.family = AF_INET6, .create = create_v6};

static void inet_init(void)
{
	socket_register(&inet_family);
	socket_register(&inet6_family);
}
INITCALL(INIT_FS, inet_init);
