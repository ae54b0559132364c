/*
 * Waiting until somebody else has done one's work: a receiver that is handed a message, a semaphore operation that is
 * made for who waits for it.  A turn stands in a list of its object, in order of arrival; who changes the object
 * finishes those whose turn it is, under the object's lock.  It lives on the heap, so nothing points to a stack.
 */
#ifndef LIBOS_TURN_H
#define LIBOS_TURN_H

#include "libos/kernel/kernel.h"
#include "libos/kernel/lock.h"

struct thread;

struct turn {
	struct list node;
	struct thread *thread;
	int status;		/* TURN_WAITING, or what the call returns */
};
#define TURN_WAITING 1

/* Threads to wake once the object's lock is free; on the waker's stack. */
struct turn_wakes {
	u32 count;
	struct thread *thread[16];	/* referenced */
};

/* The object's lock is held in the first two.  A turn that is finished is on no list and its owner's to free. */
void turn_begin(struct turn *t, struct list *queue);
void turn_finish(struct turn *t, int status, struct turn_wakes *wakes);
void turn_wake(struct turn_wakes *wakes);
/* Sleep until it is finished: its status.  -ETIMEDOUT or -EINTR: it was not, and is on the list no longer. */
int turn_wait(struct turn *t, struct mutex *lock, i64 deadline);

#endif
