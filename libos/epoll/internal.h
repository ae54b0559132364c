/* What the files of epoll share: the structures and who touches them. */
#ifndef LIBOS_EPOLL_INTERNAL_H
#define LIBOS_EPOLL_INTERNAL_H

#include "libos/epoll/epoll.h"
#include "libos/vfs/poll.h"
#include <linux/eventpoll.h>

#define WAITERS_PER_ITEM 2
#define BATCH 64

struct epoll {
	struct mutex lock;	 /* RANK_EPOLL */
	struct mutex ready_lock; /* RANK_WAITQ, leaf: ready list and item->queued */
	struct list items, ready;
	struct waitq waitq; /* who waits for this epoll */
	struct file *file;  /* its own description: not referenced */
	u32 item_count;
	u32 harvest; /* number of the latest look at what is ready */
	bz_stream set; /* host members; -1: none */
	u32 host_members;
	/* Host members by the number that the host's set tells: an item, or odd: the next free slot << 1 | 1.
	 */
	struct item **slots;
	u32 slot_count, free_slot;
	u32 next_stamp; /* tells an item from an earlier one in its slot */
};
#define NO_SLOT (~0u)

struct item {
	struct list node;    /* epoll->items */
	struct list ready;   /* epoll->ready; ready_lock */
	struct list of_file; /* file->epoll_items; epoll_mutex */
	struct epoll *ep;
	struct file *file; /* not referenced: epoll_file_released removes the item first */
	int fd;
	struct epoll_event event;
	u32 harvest;	  /* the last one that told of it: none tells twice */
	bool queued;	  /* on the ready list */
	bool disabled;	  /* EPOLLONESHOT fired */
	bz_stream stream; /* of the host, or -1 */
	u32 told;	  /* by the host, of its stream, and not by us yet */
	bool in_set;	  /* in epoll->set now: not while disabled, the host tells hang-ups unasked */
	bool failed;	  /* could not be made a member */
	u32 slot, stamp;
	u32 waiter_count;
	struct waiter waiters[WAITERS_PER_ITEM];
};

extern const struct file_ops epoll_fops;

void epoll_mark_ready(struct item *it);
struct item *epoll_take_ready(struct epoll *ep); /* the first of the ready list, off it; or null */
u32 epoll_item_poll(struct item *it, u32 told);

/* members.c; all with epoll->lock held */
int epoll_host_join(struct item *it);
void epoll_host_leave(struct item *it, bool gone); /* gone: the stream may have been closed */
int epoll_host_update(struct item *it); /* the host's set is to say what the item's event and state want */
/* What the host told goes to the ready list. */
void epoll_note_host(struct epoll *ep, const struct bz_ready *r, int n);
/* What is left of an earlier answer may hold no longer: of edges alone it is kept, for the host tells the rest again. */
void epoll_forget_host(struct epoll *ep);
/* Ask it, without waiting, for at least `room` items. */
void epoll_collect_host(struct epoll *ep, u32 room);

#endif
