/*
 * A queue of datagrams, for the families whose senders do not wait: a queue that is full drops what comes
 * (UDP, netlink).  Who fills the queue and who empties it hold its lock; a reader sleeps on the socket's wait
 * queue.
 */
#ifndef LIBOS_DGRAM_H
#define LIBOS_DGRAM_H

#include "libos/socket/socket.h"

struct dgram {
	struct list node;
	u32 len, truesize;
	struct socket_name from;
	u8 to[16]; /* the family's: where it was sent to, and its marks */
	u8 ttl, tos;
	i64 time;
	char data[];
};

struct dgram_queue {
	struct mutex lock; /* RANK_OBJECT */
	struct list list;
	u32 count;
	u64 truesize;
	u64 drops;
};

void dgram_queue_init(struct dgram_queue *q);
void dgram_queue_free(struct dgram_queue *q);
/* With room for len bytes; null: no memory. */
struct dgram *dgram_alloc(u32 len);
/* Takes d, and wakes who waits; false: no room, and d is gone. */
bool dgram_put(struct socket *s, struct dgram_queue *q, struct dgram *d);
/* What receive calls do; `control` adds the family's control messages (may be null). */
ssize_t dgram_receive(struct socket *s, struct dgram_queue *q, struct socket_msg *m,
		      void (*control)(struct socket *s, struct socket_msg *m, const struct dgram *d));
u32 dgram_first_size(struct dgram_queue *q); /* FIONREAD */
u32 dgram_poll(struct socket *s, struct dgram_queue *q);

#endif
