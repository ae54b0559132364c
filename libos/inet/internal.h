/*
 * What the files of inet/ share: sockets of AF_INET and AF_INET6.  Whoever sends to an address of this
 * sandbox (127.0.0.0/8,
 * ::1) finds the receiving socket in the tables of port.c and writes into its queue; nothing passes through
 * the host.
 *
 *   struct inet_sock: addresses, options, its place in the port tables
 *     struct tcp_sock: the other end, and a queue of bytes that wait to be read here
 *     struct udp_sock: a queue of datagrams
 *
 * Order: inet_lock (tables, names, and changes of state by calls), then socket locks (queues, state), two of
 * them by address.
 */
#ifndef LIBOS_INET_INTERNAL_H
#define LIBOS_INET_INTERNAL_H

#include "libos/inet/inet.h"
#include "libos/socket/dgram.h"
#include <linux/in.h>
#include <linux/in6.h>

/* An address and a port, in host order; an IPv4 one is ::ffff:a.b.c.d. */
struct inet_addr {
	union {
		u8 ip[16];
		u32 word[4]; /* network order */
		u64 half[2];
	};
	u16 port;
};

#define INET_OPTIONS 64 /* room for the numbers of options.c */

/* /proc/net/tcp and TCP_INFO tell these. */
enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_FIN_WAIT2 = 5,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT,
	TCP_LISTEN = 10
};

struct inet_sock {
	struct socket socket; /* first */
	ref_t refs;
	struct mutex lock;		  /* RANK_OBJECT */
	u32 state;			  /* enum tcp_state; a UDP socket with a peer is ESTABLISHED */
	struct inet_addr local, remote;	  /* inet_lock; port 0: none yet */
	bool chosen_address, chosen_port; /* by bind(2), not by us */
	struct list bound, listening;	  /* port.c */
	struct file *file;	  /* not referenced; null before accept and after the last close; inet_lock */
	i32 number[INET_OPTIONS]; /* options.c */
	bool nodelay_off;	  /* the guest has set TCP_NODELAY to 0 */
};

extern struct mutex inet_lock;

static inline struct inet_sock *inet_of(struct socket *s)
{
	return (struct inet_sock *)s;
}
static inline bool inet_is_tcp(const struct inet_sock *i)
{
	return i->socket.type == SOCK_STREAM;
}
/* RFC 3828: within the sandbox alone, with ports of its own. */
static inline bool inet_is_lite(const struct inet_sock *i)
{
	return i->socket.protocol == IPPROTO_UDPLITE;
}
static inline u16 swap16(u16 v)
{
	return __builtin_bswap16(v);
}
static inline u32 swap32(u32 v)
{
	return __builtin_bswap32(v);
}

/* --- inet.c --- */
void inet_put(struct inet_sock *i);
void inet_init_sock(struct inet_sock *i, const struct socket_ops *ops, u16 family, u32 type, int protocol);
void inet_note_stream(struct inet_sock *i); /* file->owns_stream; inet_lock held */
void inet_attach(struct socket *s, struct file *f);
int inet_bind(struct socket *s, const struct socket_name *name);
int inet_getname(struct socket *s, struct socket_name *name, bool peer);
void inet_lock_two(struct inet_sock *a, struct inet_sock *b);
void inet_unlock_two(struct inet_sock *a, struct inet_sock *b);
/* This address is outside of the sandbox, of which nothing is granted: the operator is told, once for each. */
void inet_refused(const struct inet_sock *i, const struct inet_addr *to);
void inet_tell_denied(const char *text); /* the same of anything */

/* --- dns.c --- */
bool dns_serves(const struct inet_addr *to);
/* A question that came by a datagram from `from`: the answer goes into i's own queue. */
void dns_take_datagram(struct inet_sock *i, const struct dgram *question, const struct inet_addr *to, const struct inet_addr *from);
struct tcp_sock;
/* Questions that were sent to `end`, the resolver's end of a connection. */
void dns_take_stream(struct tcp_sock *end);

/* --- address.c --- */
bool addr_is_v4(const struct inet_addr *a);
bool addr_is_any(const struct inet_addr *a);
bool addr_is_local(const struct inet_addr *a);	   /* 127.0.0.0/8 or ::1 */
bool addr_is_broadcast(const struct inet_addr *a); /* 255.255.255.255, 127.255.255.255 */
bool addr_is_multicast(const struct inet_addr *a);
static inline bool addr_same_ip(const struct inet_addr *a, const struct inet_addr *b)
{
	return a->half[0] == b->half[0] && a->half[1] == b->half[1];
}
void addr_set_any(struct inet_addr *a, u16 family);
void addr_set_v4(struct inet_addr *a, u32 ip); /* host order; the port stays */
/* From the guest's bytes, for a socket of family `family`: 0, -EINVAL, -EAFNOSUPPORT. */
int addr_in(u16 family, const struct socket_name *name, struct inet_addr *a);
void addr_out(u16 family, const struct inet_addr *a, struct socket_name *name);
/* What reaches `to` leaves from here; an unspecified `to` becomes loopback's. */
void addr_route(struct inet_addr *to, struct inet_addr *from);

/* --- port.c: inet_lock held, but by inet_port_drop --- */
#define EPHEMERAL_FIRST 32768 /* net.ipv4.ip_local_port_range */
#define EPHEMERAL_LAST 60999
int inet_port_bind(struct inet_sock *i, const struct inet_addr *a); /* port 0: one is chosen */
int inet_port_for(struct inet_sock *i, const struct inet_addr *local,
		  const struct inet_addr *remote); /* connect: a free one */
void inet_port_inherit(struct inet_sock *child);   /* local is set: into the table */
int inet_port_listen(struct inet_sock *i);	   /* -EADDRINUSE */
void inet_port_unlisten(struct inet_sock *i);
void inet_port_release(struct inet_sock *i);
struct inet_sock *inet_find_listener(const struct inet_addr *to,
				     const struct inet_addr *from); /* referenced, or null */
struct inet_sock *inet_find_udp(int protocol, const struct inet_addr *to,
				const struct inet_addr *from); /* referenced, or null */
/* The nth socket of a protocol's table, or null. */
struct inet_sock *inet_nth(int protocol, u64 n);

/* --- outside.c: what lies beyond the sandbox, by streams of the host --- */
bool outside_may(const struct inet_addr *to); /* is it worth asking the monitor? */
bz_stream outside_connect(u32 scheme, const struct inet_addr *to, struct inet_addr *from);
#define OUTSIDE_HOST 0xc0000008u /* 192.0.0.8: host.bartizan.internal */
int outside_port(const struct inet_sock *i, u32 scheme); /* which of bz_start's ports leads to it, or -1 */

/* --- options.c --- */
int inet_setsockopt(struct socket *s, int level, int name, const void *uval, int len);
long inet_getsockopt(struct socket *s, int level, int name, void *uval, int *ulen);
void inet_option_changed(struct socket *s, int name);		 /* of SOL_SOCKET */
void inet_options_to_host(struct inet_sock *i, bz_stream stream); /* which the socket has from now on */
void inet_option_defaults(struct inet_sock *i);
i32 inet_option(const struct inet_sock *i, int level, int name); /* of those in the table */
static inline bool inet_v6only(const struct inet_sock *i)
{
	return i->socket.family == AF_INET6 && inet_option(i, IPPROTO_IPV6, IPV6_V6ONLY);
}

/* --- tcp.c, stream.c --- */
struct tcp_chunk { /* bytes on their way: [offset, len) of data */
	struct list node;
	u32 offset, len, room;
	char data[] __attribute__((aligned(CACHE_LINE)));
};

struct tcp_sock {
	struct inet_sock inet; /* first */
	struct tcp_sock *peer; /* referenced; set while connected; lock */
	bool dead;	       /* its file is closed */
	bool done;	       /* the peer's end of the stream has come (Linux's SOCK_DONE) */
	bool connecting;       /* connect(2) has begun, and has not yet told how it ended; inet_lock */

	/* A listener's: connections that wait for accept(2), and who waits for room among them.  A client's:
	 * its place there. */
	struct list queue, pending, node;
	u32 queued, backlog;
	struct tcp_sock *listener,
	    *embryo; /* a client that is pending: for whom, and what accept(2) is to get; inet_lock */

	/* What the peer sent: lock; who reads holds read_lock as well, and alone takes chunks away. */
	struct mutex read_lock;
	struct list chunks;
	u64 bytes, read_at, written;	   /* bytes == written - read_at */
	bz_stream stream; /* of the host: the connection's, or a published port's; -1: none; inet_lock */
	int port;	  /* which of bz_start's ports */
	struct list told; /* told.c */
	bool urgent_told; /* SIGURG was sent for what has come */
	bool resolver;	  /* nobody's: dns.c answers what is sent to it */
	struct tcp_chunk *held;		   /* what MSG_MORE keeps back, and until when at the latest; lock */
	struct ktimer held_timer;
	bool held_once;			   /* the timer was set once, and may be running */
	bool starved;			   /* the peer found no room */
	bool urgent_pending, urgent_taken; /* there is an urgent byte at urgent_at; recv(MSG_OOB) had it */
	u64 urgent_at;
	u8 urgent_byte;
};

static inline struct tcp_sock *tcp_of(struct socket *s)
{
	return (struct tcp_sock *)s;
}
int tcp_create(u16 family, int protocol, struct socket **out);
void tcp_reset(struct tcp_sock *t, bool refused); /* nothing locked: a RST came */
void tcp_reset_locked(struct tcp_sock *t, bool refused);
struct tcp_sock *tcp_peer(struct tcp_sock *t); /* referenced, or null */
static inline void tcp_put(struct tcp_sock *t)
{
	inet_put(&t->inet);
}
static inline u64 tcp_capacity(const struct tcp_sock *from, const struct tcp_sock *to)
{
	return (u64)from->inet.socket.sndbuf + to->inet.socket.rcvbuf;
}
struct tcp_sock *tcp_make_accepted(const struct tcp_sock *listener); /* with the listener's options */
void tcp_append(struct tcp_sock *t, const void *data, u32 n);	     /* locked: as if it had arrived */
int tcp_broken(struct tcp_sock *t, const struct socket_msg *m);	     /* what a send gives that nobody can read */
ssize_t tcp_read_queue(struct tcp_sock *t, struct socket_msg *m);    /* what is there: bytes, 0, -EFAULT */
/* outside.c.  Has a connection that is under way come about, and what has become of it? */
void tcp_outside_check(struct tcp_sock *t);
void tcp_outside_listen(struct tcp_sock *t);   /* inet_lock held, as for the next */
void tcp_outside_unlisten(struct tcp_sock *t);
struct tcp_sock *tcp_outside_accept(struct tcp_sock *t); /* null: nobody is there; or an error */
ssize_t tcp_outside_send(struct tcp_sock *t, struct socket_msg *m);
ssize_t tcp_outside_receive(struct tcp_sock *t, struct socket_msg *m);
/* told.c, inet_lock held: who owns it hears of what its stream gives; no longer */
void tcp_told_begin(struct tcp_sock *t);
void tcp_told_end(struct tcp_sock *t);
void tcp_tell_owner(struct tcp_sock *t);	/* SIGURG; nothing locked */
/* close(2) with SO_LINGER, of a stream that the socket does not have any more: nothing is locked. */
void tcp_outside_linger(struct tcp_sock *t, bz_stream s);
u32 tcp_outside_poll(struct tcp_sock *t, struct file *f, struct poll_table *pt);
ssize_t tcp_send(struct socket *s, struct socket_msg *m);
ssize_t tcp_receive(struct socket *s, struct socket_msg *m);
void tcp_let_go(struct tcp_sock *t);	/* nothing locked: what MSG_MORE kept back goes */
bool tcp_readable(const struct tcp_sock *t);
bool tcp_writable(struct tcp_sock *t); /* false: it will be woken */
void tcp_queue_free(struct tcp_sock *t);
u64 tcp_unread(const struct tcp_sock *t); /* locked: as FIONREAD counts */

/* --- udp.c --- */
struct udp_sock {
	struct inet_sock inet; /* first */
	struct udp_outside *outside; /* peers.c; null: nothing of it is beyond the sandbox; set once */
	struct dgram_queue queue;
	struct cork *cork;     /* what MSG_MORE keeps back; queue.lock */
	struct coverage {      /* UDP-Lite's: what the checksum is over, 0: all; and whether the guest said so */
		u16 bytes;
		bool set;
	} sends, takes;
};
static inline struct udp_sock *udp_of(struct socket *s)
{
	return (struct udp_sock *)s;
}

/* --- peers.c --- */
bz_stream udp_outside_stream(const struct udp_sock *u); /* to be waited for; -1: none */
int udp_outside_open(struct udp_sock *u, const struct inet_addr *to, struct inet_addr *from); /* inet_lock held */
void udp_outside_publish(struct udp_sock *u);		/* it has a port; inet_lock held */
ssize_t udp_outside_send(struct udp_sock *u, const struct inet_addr *to, struct socket_msg *m);
void udp_outside_pull(struct udp_sock *u);		/* what has come goes into the queue */
void udp_outside_close(struct udp_sock *u);		/* its peers */
void udp_outside_free(struct udp_sock *u);
void udp_free(struct udp_sock *u); /* what it holds; nobody has it any more */
int udp_create(u16 family, int protocol, struct socket **out);

#endif
