/*
 * What the files of unix/ share: AF_UNIX, unix(7).  A socket has a queue of the messages sent to it:
 *
 *   sender --wmem--> [message] [message] ... --queue--> receiver
 *
 * Each message is charged to its sender until it has been read, by the size that Linux's buffers would have, so that a socket
 * takes as much as there.  The charge keeps the sender's structure, for its address and for waking it, also when its file is
 * closed: the holders of `refs` together count 1 in `wmem`, and the structure goes when that is 0.
 *
 * Order: unix_lock (names, rights in flight), then socket locks, two of them by address; none is held while a file is put.
 */
#ifndef LIBOS_UNIX_INTERNAL_H
#define LIBOS_UNIX_INTERNAL_H

#include "libos/socket/socket.h"
#include "libos/unix/unix.h"
#include <linux/un.h>

enum unix_state { UNIX_UNCONNECTED, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_addr {
	ref_t refs;
	struct socket_name name;
};

/* Files on their way. */
struct unix_rights {
	u32 count;
	struct file *file[];	/* referenced */
};

struct unix_msg {
	struct list node;	/* in the receiver's queue */
	struct unix_sock *from;	/* who is charged */
	struct unix_sock *embryo; /* in a listener's queue: what accept(2) gets */
	u32 truesize, offset, len;
	struct ucred cred;
	struct unix_rights *rights;
	bool flying;		/* and counted, since it is in a queue; unix_lock */
	char data[];
};

struct unix_sock {
	struct socket socket;	/* first */
	ref_t refs;
	u32 wmem;		/* atomic: bytes of messages not yet read, and 1 */
	struct mutex lock;	/* RANK_OBJECT: all from here to `bytes` */
	u32 state;		/* enum unix_state */
	bool dead;		/* its file is closed */
	struct unix_sock *peer;	/* referenced until u is closed; of streams and packets set once */
	struct list queue;
	u32 queued, backlog;
	u32 with_rights;	/* of those queued: they are put there and taken with unix_lock held, too */
	u64 bytes;
	bz_stream stream;	/* of the host, beyond.c; -1: none; set once */
	struct unix_addr *addr;	/* set once, under unix_lock */
	struct path path;	/* of a name in a file system; unix_lock */
	struct list node;	/* in a bucket of names, or among the nameless; unix_lock */
	struct file *file;	/* not referenced; null before accept and after the last close; unix_lock */
	struct list in_flight;	/* rights.c, unix_lock: sockets that are being passed */
	u32 flights;		/* how many times */
	u32 unexplained;	/* the collector's: flights that are not in a queue of another candidate */
	bool candidate, reached;
};

extern struct mutex unix_lock;
extern struct waitq unix_room;	/* a queue of datagrams that was full is so no longer */

static inline struct unix_sock *unix_of(struct socket *s)
{
	return (struct unix_sock *)s;
}
static inline bool unix_queue_full(const struct unix_sock *u)
{
	return READ_ONCE(u->queued) > READ_ONCE(u->backlog);
}
static inline bool unix_writable(const struct unix_sock *u)
{
	return READ_ONCE(u->state) != UNIX_LISTENING && (READ_ONCE(u->wmem) - 1) * 4ull <= READ_ONCE(u->socket.sndbuf);
}

/* --- unix.c --- */
int unix_create(u32 type, int protocol, struct socket **out);
void unix_put(struct unix_sock *u);
void unix_release(struct socket *s);
struct ucred unix_my_cred(void);	/* SO_PEERCRED: effective ids */
void unix_lock_two(struct unix_sock *a, struct unix_sock *b);	/* the same one twice, too */
void unix_unlock_two(struct unix_sock *a, struct unix_sock *b);
void unix_wake(struct unix_sock *u, u32 events);

/* --- name.c --- */
void unix_name_init(struct unix_sock *u);	/* among the nameless */
void unix_name_drop(struct unix_sock *u);	/* nobody finds it any more */
void unix_addr_put(struct unix_addr *a);
int unix_bind(struct socket *s, const struct socket_name *name);
int unix_autobind(struct unix_sock *u);
int unix_getname(struct socket *s, struct socket_name *name, bool peer);
int unix_name_check(const struct socket_name *name);
/* Who has this name, referenced: 0, -ECONNREFUSED, -EPROTOTYPE, or what looking it up gave. */
int unix_find(const struct socket_name *name, u32 type, struct unix_sock **out);

/* --- connect.c --- */
int unix_listen(struct socket *s, int backlog);
int unix_accept(struct socket *s, struct socket **out, bool nowait);
int unix_connect(struct socket *s, const struct socket_name *name, bool nowait);
int unix_pair(u32 type, int protocol, struct socket *out[2]);

/* --- beyond.c: a socket of the host's is the peer --- */
int unix_beyond(const struct socket_name *name);	/* its number, or -1 */
int unix_beyond_connect(struct unix_sock *u, int number, bool nowait);
ssize_t unix_beyond_send(struct unix_sock *u, struct socket_msg *m);
ssize_t unix_beyond_receive(struct unix_sock *u, struct socket_msg *m);
int unix_beyond_unread(struct unix_sock *u);

/* --- queue.c --- */
ssize_t unix_send(struct socket *s, struct socket_msg *m);
ssize_t unix_receive(struct socket *s, struct socket_msg *m);
struct unix_msg *unix_msg_alloc(struct unix_sock *from, u32 len, u32 truesize);	/* charged */
void unix_msg_free(struct unix_msg *msg);
/* Locked: with unix_lock, too, where a message has rights or they are taken from one. */
void unix_enqueue(struct unix_sock *to, struct unix_msg *msg);
void unix_dequeue(struct unix_sock *u, struct unix_msg *msg);

/* --- rights.c --- */
struct unix_control {
	struct ucred cred;
	bool has_cred;
	struct unix_rights *rights;
};
int unix_control_in(struct socket_msg *m, struct unix_control *c);	/* what sendmsg carries, checked */
void unix_rights_out(struct socket_msg *m, const struct unix_rights *r);
int unix_rights_limit(const struct unix_rights *r);	/* 0 or -ETOOMANYREFS */
void unix_rights_fly(struct unix_rights *r);	/* unix_lock held: counted from here ... */
void unix_rights_land(struct unix_rights *r);	/* ... to here */
void unix_rights_free(struct unix_rights *r);
struct unix_rights *unix_rights_copy(const struct unix_rights *r);

/* --- collect.c --- */
void unix_purge(struct list *messages);		/* nothing locked: free them, and what only they held */
void unix_collect(void);			/* free what only cycles in flight hold */
extern struct list unix_in_flight;		/* unix_sock->in_flight; unix_lock */

#endif
