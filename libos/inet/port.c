/*
 * Ports: which socket has which, and who is to get what comes for one.  Owns the tables below; inet_lock. The
 * rules for sharing a port are Linux's inet_csk_bind_conflict and udp_lib_lport_inuse.
 */
#include "libos/inet/internal.h"
#include "libos/kernel/sysctl.h"
#include "libos/kernel/syscall.h"
#include <linux/capability.h>

#define BUCKETS 256u

struct table {
	struct list bound[BUCKETS];	/* by port: all that have one; newest first */
	struct list listening[BUCKETS]; /* TCP alone */
	u32 next;			/* where the search for a free one goes on */
	bool ready;
};

static struct table tcp_table LATE, udp_table LATE, udplite_table LATE;

/* ip-sysctl.rst: the first port that anybody may have.  0, as in Docker's containers: what reaches a guest its grants say, and a
 * server that an ordinary user starts keeps his uid. */
static i64 first_unprivileged;
static const struct sysctl settings[] = {
	{"net/ipv4", "ip_unprivileged_port_start", &first_unprivileged, 0, 65535},
};

static void port_init(void)
{
	sysctl_register(settings, ARRAY_SIZE(settings));
}
INITCALL(INIT_CORE, port_init);

static struct table *table_for(int protocol)
{
	struct table *t = protocol == IPPROTO_TCP ? &tcp_table : protocol == IPPROTO_UDP ? &udp_table : &udplite_table;
	u16 random;

	if (unlikely(!t->ready)) {
		for (u32 i = 0; i < BUCKETS; i++) {
			list_init(&t->bound[i]);
			list_init(&t->listening[i]);
		}
		host->random_bytes(&random, sizeof(random));
		t->next = random;
		t->ready = true;
	}
	return t;
}

static struct list *bucket(struct list *lists, u16 port)
{
	return &lists[port % BUCKETS];
}

/* --- sharing --- */

/* Would one datagram or connection come to both addresses? */
static bool overlap(const struct inet_sock *a, const struct inet_addr *at, const struct inet_sock *b)
{
	const struct inet_addr *bt = &b->local;
	bool a4 = addr_is_v4(at), b4 = addr_is_v4(bt);

	if (a4 == b4)
		return addr_same_ip(at, bt) || addr_is_any(at) || addr_is_any(bt);
	if (a4)
		return addr_is_any(bt) && !inet_v6only(b);
	return addr_is_any(at) && !inet_v6only(a);
}

static bool may_share(const struct inet_sock *a, const struct inet_sock *b)
{
	const struct socket *s = &a->socket, *o = &b->socket;

	if (s->reuseaddr && o->reuseaddr && !(inet_is_tcp(b) && b->state == TCP_LISTEN))
		return true;
	return s->reuseport && o->reuseport;
}

static bool conflicts(const struct inet_sock *i, const struct inet_addr *a)
{
	struct inet_sock *other;

	list_for_each(other, bucket(table_for(i->socket.protocol)->bound, a->port),
		      bound) if (other != i && other->local.port == a->port && overlap(i, a, other) &&
				 !may_share(i, other)) return true;
	return false;
}

/* Is the pair of addresses taken, or the port held by somebody who is not connected? */
static bool pair_taken(const struct inet_sock *i, const struct inet_addr *local,
		       const struct inet_addr *remote)
{
	struct inet_sock *other;

	list_for_each(other, bucket(table_for(i->socket.protocol)->bound, local->port), bound)
	{
		if (other == i || other->local.port != local->port || !overlap(i, local, other))
			continue;
		if (other->state == TCP_LISTEN || !other->remote.port ||
		    (other->remote.port == remote->port && addr_same_ip(&other->remote, remote)))
			return true;
	}
	return false;
}

/* --- having one --- */

static void take(struct inet_sock *i, const struct inet_addr *a)
{
	i->local = *a;
	list_del(&i->bound);
	list_add(&i->bound, bucket(table_for(i->socket.protocol)->bound, a->port));
}

static u16 candidate(struct table *t)
{
	return EPHEMERAL_FIRST + t->next++ % (EPHEMERAL_LAST - EPHEMERAL_FIRST + 1);
}

int inet_port_bind(struct inet_sock *i, const struct inet_addr *a)
{
	struct table *t = table_for(i->socket.protocol);
	struct inet_addr want = *a;

	if (a->port) {
		if (a->port < first_unprivileged && !capable(CAP_NET_BIND_SERVICE))
			return -EACCES;
		if (conflicts(i, a))
			return -EADDRINUSE;
		take(i, a);
		return 0;
	}
	for (u32 n = EPHEMERAL_FIRST; n <= EPHEMERAL_LAST; n++) {
		want.port = candidate(t);
		if (!conflicts(i, &want)) {
			take(i, &want);
			return 0;
		}
	}
	return -EADDRINUSE;
}

int inet_port_for(struct inet_sock *i, const struct inet_addr *local, const struct inet_addr *remote)
{
	struct table *t = table_for(i->socket.protocol);
	struct inet_addr want = *local;

	if (want.port)
		return pair_taken(i, local, remote) && !i->socket.reuseaddr && !i->socket.reuseport
			   ? -EADDRNOTAVAIL
			   : 0;
	for (u32 n = EPHEMERAL_FIRST; n <= EPHEMERAL_LAST; n++) {
		want.port = candidate(t);
		if (!pair_taken(i, &want, remote)) {
			take(i, &want);
			return 0;
		}
	}
	return -EADDRNOTAVAIL;
}

void inet_port_inherit(struct inet_sock *child)
{
	take(child, &child->local);
}

int inet_port_listen(struct inet_sock *i)
{
	if (conflicts(i, &i->local))
		return -EADDRINUSE;
	list_add(&i->listening, bucket(table_for(IPPROTO_TCP)->listening, i->local.port));
	return 0;
}

void inet_port_unlisten(struct inet_sock *i)
{
	list_del(&i->listening);
}

void inet_port_release(struct inet_sock *i)
{
	list_del(&i->bound);
	list_del(&i->listening);
	i->local.port = 0;
}

/* --- finding --- */

/* How well a socket fits: 0 not at all; more where it names the address, and its peer. */
static u32 score(const struct inet_sock *i, const struct inet_addr *to, const struct inet_addr *from)
{
	bool v4 = addr_is_v4(to);
	u32 n = 1;

	if (i->local.port != to->port)
		return 0;
	if (addr_is_any(&i->local)) {
		if (v4 ? i->socket.family == AF_INET6 && inet_v6only(i) : addr_is_v4(&i->local))
			return 0;
	} else if (addr_same_ip(&i->local, to)) {
		n += 4;
	} else {
		return 0;
	}
	if (i->socket.family == (v4 ? AF_INET : AF_INET6))
		n += 1;
	if (i->state == TCP_ESTABLISHED) {
		if (i->remote.port != from->port || !addr_same_ip(&i->remote, from))
			return 0;
		n += 8;
	}
	return n;
}

static u32 mix(const struct inet_addr *a)
{
	u64 h = (a->half[0] ^ a->half[1] ^ a->port) * 0x9e3779b97f4a7c15ull;

	return h >> 32;
}

/* The best; among equals that share a port by SO_REUSEPORT the sender decides, else the newest. */
static struct inet_sock *best(struct list *list, bool listening, const struct inet_addr *to,
			      const struct inet_addr *from)
{
	struct list *at;
	struct inet_sock *found = NULL;
	u32 top = 0, equals = 0, pick = mix(from);

	for (at = list->next; at != list; at = at->next) {
		struct inet_sock *i = listening ? list_entry(at, struct inet_sock, listening)
						: list_entry(at, struct inet_sock, bound);
		u32 n = score(i, to, from);

		if (!n || n < top)
			continue;
		if (n > top) {
			top = n;
			equals = 1;
			found = i;
		} else if (i->socket.reuseport && found->socket.reuseport && !(pick % ++equals)) {
			found = i;
			pick = pick * 2654435761u + 1;
		}
	}
	return found && ref_get_unless_zero(&found->refs) ? found : NULL;
}

struct inet_sock *inet_find_listener(const struct inet_addr *to, const struct inet_addr *from)
{
	return best(bucket(table_for(IPPROTO_TCP)->listening, to->port), true, to, from);
}

struct inet_sock *inet_find_udp(int protocol, const struct inet_addr *to, const struct inet_addr *from)
{
	return best(bucket(table_for(protocol)->bound, to->port), false, to, from);
}

struct inet_sock *inet_nth(int protocol, u64 n)
{
	struct table *t = table_for(protocol);
	struct inet_sock *i;

	for (u32 b = 0; b < BUCKETS; b++)
		list_for_each(i, &t->bound[b], bound) if (!n--) return i;
	return NULL;
}
