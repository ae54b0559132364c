/*
 * fifo(7): the ends of one FIFO meet in inode->fifo.  inode->lock protects that pointer; it is taken before pipe->lock, by
 * an open and by each close, so that no open finds a pipe whose last end is just going.
 */
#include "libos/pipe/internal.h"

static struct pipe *fifo_pipe(struct inode *inode)
{
	if (!inode->fifo)
		inode->fifo = pipe_create();
	return inode->fifo;
}

static void fifo_undo(struct file *f)
{
	pipe_release(f);
	f->priv = NULL;
}

static int wait_for_partner(struct pipe *p, struct file *f, u32 seen)
{
	if (!FMODE_CAN_WRITE(f))
		return WAIT_EVENT(&p->waitq, READ_ONCE(p->writers) || READ_ONCE(p->writer_opens) != seen, BZ_NO_DEADLINE);
	return WAIT_EVENT(&p->waitq, READ_ONCE(p->readers) || READ_ONCE(p->reader_opens) != seen, BZ_NO_DEADLINE);
}

int fifo_open(struct inode *inode, struct file *f)
{
	bool rd = FMODE_CAN_READ(f), wr = FMODE_CAN_WRITE(f), partner;
	bool anonymous = inode->sb == &pipe_super; /* a pipe(2) that is opened again by /proc/PID/fd waits for nobody */
	struct pipe *p;
	u32 seen;

	mutex_lock(&inode->lock);
	p = fifo_pipe(inode);
	if (!p) {
		mutex_unlock(&inode->lock);
		return -ENOMEM;
	}
	mutex_lock(&p->lock);
	if (wr && !rd && (f->flags & O_NONBLOCK) && !p->readers && !anonymous) {
		bool unused = p->refs == 0;

		mutex_unlock(&p->lock);
		if (unused) {
			inode->fifo = NULL;
			pipe_destroy(p);
		}
		mutex_unlock(&inode->lock);
		return -ENXIO;
	}
	f->ops = &pipe_fops;
	f->priv = p;
	/* A reader that waits for no writer sees no hang-up before its first one. */
	f->version = p->writers || anonymous ? 0 : p->writer_opens + 1;
	pipe_opened(p, f);
	seen = rd ? p->writer_opens : p->reader_opens;
	partner = rd ? p->writers : p->readers;
	mutex_unlock(&p->lock);
	mutex_unlock(&inode->lock);
	waitq_wake_all(&p->waitq, ~0u);
	if (partner || anonymous || (rd && (f->flags & O_NONBLOCK)))
		return 0;
	if (wait_for_partner(p, f, seen)) {
		fifo_undo(f);
		return -ERESTARTSYS;
	}
	return 0;
}
