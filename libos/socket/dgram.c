/* Queues of datagrams: dgram.h. */
#include "libos/socket/dgram.h"

void dgram_queue_init(struct dgram_queue *q)
{
	mutex_init(&q->lock, RANK_OBJECT);
	list_init(&q->list);
	q->count = 0;
	q->truesize = q->drops = 0;
}

void dgram_queue_free(struct dgram_queue *q)
{
	while (!list_empty(&q->list)) {
		struct dgram *d = list_first(&q->list, struct dgram, node);

		list_del(&d->node);
		kfree(d);
	}
	q->count = 0;
}

struct dgram *dgram_alloc(u32 len)
{
	struct dgram *d = kmalloc(sizeof(*d) + len);

	if (!d)
		return NULL;
	memset(d, 0, sizeof(*d));
	d->len = len;
	d->truesize = socket_truesize(len);
	return d;
}

bool dgram_put(struct socket *s, struct dgram_queue *q, struct dgram *d)
{
	bool room;

	mutex_lock(&q->lock);
	room = !(s->shutdown & SHUT_RECEIVE) &&
	       q->truesize + d->truesize <= s->rcvbuf + (q->count ? 0 : d->truesize);
	if (room) {
		list_add_tail(&d->node, &q->list);
		q->truesize += d->truesize;
		WRITE_ONCE(q->count, q->count + 1);
	} else {
		q->drops++;
	}
	mutex_unlock(&q->lock);
	if (!room) {
		kfree(d);
		return false;
	}
	waitq_wake_behind(&s->waitq, EPOLLIN | EPOLLRDNORM);
	return true;
}

static ssize_t take_out(struct socket *s, struct socket_msg *m, const struct dgram *d,
			void (*control)(struct socket *s, struct socket_msg *m, const struct dgram *d))
{
	u32 n = min((size_t)d->len, m->it.left);

	m->name = d->from;
	if (iov_copy_to(&m->it, d->data, n) < n)
		return -EFAULT;
	if (n < d->len)
		m->out_flags |= MSG_TRUNC;
	if (control)
		control(s, m, d);
	return m->flags & MSG_TRUNC ? d->len : n;
}

static bool readable(const struct socket *s, const struct dgram_queue *q)
{
	return READ_ONCE(q->count) || READ_ONCE(s->error) || (READ_ONCE(s->shutdown) & SHUT_RECEIVE);
}

ssize_t dgram_receive(struct socket *s, struct dgram_queue *q, struct socket_msg *m,
		      void (*control)(struct socket *s, struct socket_msg *m, const struct dgram *d))
{
	i64 deadline = socket_deadline(s->rcvtimeo);
	bool peek = m->flags & MSG_PEEK;
	struct dgram *d;
	ssize_t ret;

	for (;;) {
		ret = socket_error(s);
		if (ret)
			return ret;
		mutex_lock(&q->lock);
		d = q->count ? list_first(&q->list, struct dgram, node) : NULL;
		if (d && !peek) {
			list_del(&d->node);
			q->truesize -= d->truesize;
			WRITE_ONCE(q->count, q->count - 1);
		} else if (d) {
			ret = take_out(s, m, d, control);
		}
		mutex_unlock(&q->lock);
		if (d)
			break;
		if (m->nowait)
			return -EAGAIN;
		if (READ_ONCE(s->shutdown) & SHUT_RECEIVE)
			return 0;
		ret = SOCKET_WAIT(&s->waitq, readable(s, q), deadline);
		if (ret)
			return ret;
	}
	if (!peek) {
		ret = take_out(s, m, d, control);
		kfree(d);
	}
	return ret;
}

u32 dgram_first_size(struct dgram_queue *q)
{
	u32 n;

	mutex_lock(&q->lock);
	n = q->count ? list_first(&q->list, struct dgram, node)->len : 0;
	mutex_unlock(&q->lock);
	return n;
}

u32 dgram_poll(struct socket *s, struct dgram_queue *q)
{
	u32 down = READ_ONCE(s->shutdown), mask = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

	if (READ_ONCE(s->error))
		mask |= EPOLLERR;
	if (down & SHUT_RECEIVE)
		mask |= EPOLLRDHUP | EPOLLIN | EPOLLRDNORM;
	if (down == SHUT_BOTH)
		mask |= EPOLLHUP;
	if (READ_ONCE(q->count))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}
