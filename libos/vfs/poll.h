/*
 * Waiting for many files at once, for poll(2), select(2) and epoll(7): arena objects wake through their wait queues, host
 * streams through a wait set of the host.
 */
#ifndef LIBOS_POLL_H
#define LIBOS_POLL_H

#include "libos/vfs/vfs.h"

struct poll_wait {
	struct poll_table pt;		/* first: the callbacks get this */
	struct poll_entry {
		struct waiter waiter;
		struct file *file;
	} *entries;
	u32 count, room;
	bz_stream set;			/* the thread's wait set */
	struct poll_member {		/* what waits in it */
		bz_stream stream;
		u32 events;		/* that are waited for */
		u32 told;		/* by the host */
	} *streams;
	u32 stream_count, stream_room;
	u32 stamp;			/* of this wait: what an earlier one left in the set tells nobody */
	bool settled;			/* all files have been asked once: no more are registered */
	bool failed;
};

void poll_wait_init(struct poll_wait *w);
void poll_wait_free(struct poll_wait *w);	/* off all queues */
/* Sleep until something happened, the deadline, or a signal: 0, -ETIMEDOUT, -EINTR. */
int poll_wait_sleep(struct poll_wait *w, u32 seq, i64 deadline);
/* The same in a wait set of the host: how many of `ready` were filled (0: woken from the arena), or an error. */
int poll_set_sleep(bz_stream set, struct bz_ready *ready, u32 room, u32 seq, i64 deadline);

/* Sleep until one of `events` holds of a file, by its own poll: 0, -ETIMEDOUT, -EINTR. */
int poll_file_wait(struct file *f, u32 events, i64 deadline);

#endif
