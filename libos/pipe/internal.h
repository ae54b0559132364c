/*
 * What the parts of pipe/ share.  A pipe is a ring of slots, each a page and what part of it holds data:
 *
 *   head              head + used
 *   [ ..data.. ][ data....... ][ packet ][ free ][ free ]
 *
 * Linux counts a pipe's capacity in such pages, and so do we: a small write joins the last slot if it fits there whole, a
 * packet (O_DIRECT) has a slot of its own.  pipe->lock protects everything; two pipes are locked in order of address.
 */
#ifndef LIBOS_PIPE_INTERNAL_H
#define LIBOS_PIPE_INTERNAL_H

#include "libos/pipe/pipe.h"
#include <linux/limits.h>

#define PIPE_DEFAULT_SLOTS 16u

struct slot {
	u16 offset, len;	/* in the slot's page */
	bool packet;		/* one read takes it, the rest of it is lost */
	bool mergeable;		/* later writes may go on behind it */
};

struct pipe {
	struct mutex lock;
	struct waitq waitq;
	char *ring;			/* a page a slot */
	struct slot *slots;
	u32 count, head, used;		/* slots: all (a power of two); the first with data; how many have data */
	u32 readers, writers;
	u32 reader_opens, writer_opens; /* ever: fifo.c waits for them to change */
	u32 refs;			/* open files */
	bool polled;			/* somebody waits for edges: each write is one, not only the first */
	bool held;			/* a splice writes what is in front and takes it afterwards: readers wait */
};

extern const struct file_ops pipe_fops;
extern struct super pipe_super;

/* --- ring.c: all with pipe->lock held --- */
struct pipe *pipe_create(void);			/* null: no memory; nobody has it open */
void pipe_destroy(struct pipe *p);
int pipe_resize(struct pipe *p, u32 count);	/* -EBUSY: more is in it */
static inline bool pipe_full(const struct pipe *p)
{
	return READ_ONCE(p->used) >= READ_ONCE(p->count);
}
static inline bool pipe_readable(const struct pipe *p)	/* for who waits, without the lock */
{
	return (READ_ONCE(p->used) && !READ_ONCE(p->held)) || !READ_ONCE(p->writers);
}
u32 pipe_bytes(const struct pipe *p);
/* Take up to a packet or what the iterator has room for; bytes or -EFAULT. */
ssize_t pipe_get(struct pipe *p, struct iov_iter *it);
/* Put what fits, whole packets if so asked; bytes (0: full) or -EFAULT. */
ssize_t pipe_put(struct pipe *p, struct iov_iter *it, bool packets);
size_t pipe_peek(struct pipe *p, char *buf, size_t n);	/* copy what is in front, packets' limits or not */
void pipe_drop(struct pipe *p, size_t n);
/* Move (or copy: tee) up to n bytes from one pipe to another, as many as there are and fit. */
size_t pipe_transfer(struct pipe *from, struct pipe *to, size_t n, bool keep);

/* --- pipe.c --- */
/* 1 with the pipe locked and something in it, 0 at the end of file, -EAGAIN, -ERESTARTSYS. */
int pipe_await_data(struct pipe *p, bool nowait);
/* 1 with the pipe locked and a free slot in it, -EPIPE with SIGPIPE sent, -EAGAIN, -ERESTARTSYS. */
int pipe_await_room(struct pipe *p, bool nowait);
void pipe_wake_writers(struct pipe *p);
void pipe_wake_readers(struct pipe *p);
void pipe_opened(struct pipe *p, struct file *f);	/* locked: count the file's ends */
void pipe_release(struct file *f);

#endif
