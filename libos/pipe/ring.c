/* The slots of a pipe: what goes in and out of them.  Nothing here waits or wakes; pipe->lock is held. */
#include "libos/pipe/internal.h"

static unsigned int order_of(u32 count)
{
	return __builtin_ctz(count);
}

struct pipe *pipe_create(void)
{
	struct pipe *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	p->count = PIPE_DEFAULT_SLOTS;
	p->ring = pages_alloc(order_of(p->count));
	p->slots = kmalloc(p->count * sizeof(*p->slots));
	if (!p->ring || !p->slots) {
		pipe_destroy(p);
		return NULL;
	}
	mutex_init(&p->lock, RANK_OBJECT);
	waitq_init(&p->waitq);
	return p;
}

void pipe_destroy(struct pipe *p)
{
	if (p->ring)
		pages_free(p->ring, order_of(p->count));
	kfree(p->slots);
	kfree(p);
}

static u32 index_of(const struct pipe *p, u32 i)
{
	return (p->head + i) & (p->count - 1);
}

static struct slot *slot_at(const struct pipe *p, u32 i)
{
	return &p->slots[index_of(p, i)];
}

static char *page_at(const struct pipe *p, u32 i)
{
	return p->ring + (u64)index_of(p, i) * PAGE_SIZE;
}

static void drop_slot(struct pipe *p)
{
	p->head = index_of(p, 1);
	/* An empty ring starts over, so that a ping-pong of small writes stays in one page. */
	if (!--p->used)
		p->head = 0;
}

int pipe_resize(struct pipe *p, u32 count)
{
	struct slot *slots;
	char *ring;

	if (count < p->used)
		return -EBUSY;
	ring = pages_alloc(order_of(count));
	slots = kmalloc(count * sizeof(*slots));
	if (!ring || !slots) {
		if (ring)
			pages_free(ring, order_of(count));
		kfree(slots);
		return -ENOMEM;
	}
	for (u32 i = 0; i < p->used; i++) {
		slots[i] = *slot_at(p, i);
		memcpy(ring + (u64)i * PAGE_SIZE + slots[i].offset, page_at(p, i) + slots[i].offset, slots[i].len);
	}
	pages_free(p->ring, order_of(p->count));
	kfree(p->slots);
	p->ring = ring;
	p->slots = slots;
	p->count = count;
	p->head = 0;
	return 0;
}

u32 pipe_bytes(const struct pipe *p)
{
	u32 n = 0;

	for (u32 i = 0; i < p->used; i++)
		n += slot_at(p, i)->len;
	return n;
}

ssize_t pipe_get(struct pipe *p, struct iov_iter *it)
{
	ssize_t done = 0;
	bool packet = false;

	while (p->used && it->left && !packet) {
		struct slot *s = slot_at(p, 0);
		u32 want = min((size_t)s->len, it->left);
		size_t got = iov_copy_to(it, page_at(p, 0) + s->offset, want);

		if (got < want)
			return done ? done : -EFAULT;
		done += got;
		s->offset += got;
		s->len -= got;
		packet = s->packet;
		if (!s->len || packet)
			drop_slot(p);
	}
	return done;
}

/* Go on in the last slot, all or nothing: what is left over pages joins it if it fits there whole (Linux's pipe_write). */
static ssize_t merge(struct pipe *p, struct iov_iter *it)
{
	u32 chars = it->left & (PAGE_SIZE - 1);
	struct slot *s;

	if (!chars || !p->used)
		return 0;
	s = slot_at(p, p->used - 1);
	if (!s->mergeable || s->offset + s->len + chars > PAGE_SIZE)
		return 0;
	if (iov_copy_from(it, page_at(p, p->used - 1) + s->offset + s->len, chars) < chars)
		return -EFAULT;
	s->len += chars;
	return chars;
}

ssize_t pipe_put(struct pipe *p, struct iov_iter *it, bool packets)
{
	ssize_t done = merge(p, it);

	if (done < 0)
		return done;
	while (it->left && p->used < p->count) {
		u32 want = min(it->left, (size_t)PAGE_SIZE);

		if (iov_copy_from(it, page_at(p, p->used), want) < want)
			return done ? done : -EFAULT;
		*slot_at(p, p->used++) = (struct slot){.len = want, .packet = packets, .mergeable = !packets};
		done += want;
	}
	return done;
}

size_t pipe_peek(struct pipe *p, char *buf, size_t n)
{
	size_t done = 0;

	for (u32 i = 0; i < p->used && done < n; i++) {
		struct slot *s = slot_at(p, i);
		u32 len = min((size_t)s->len, n - done);

		memcpy(buf + done, page_at(p, i) + s->offset, len);
		done += len;
	}
	return done;
}

void pipe_drop(struct pipe *p, size_t n)
{
	while (n && p->used) {
		struct slot *s = slot_at(p, 0);
		u32 len = min((size_t)s->len, n);

		s->offset += len;
		s->len -= len;
		n -= len;
		if (!s->len)
			drop_slot(p);
	}
}

size_t pipe_transfer(struct pipe *from, struct pipe *to, size_t n, bool keep)
{
	size_t done = 0;
	u32 i = 0;

	while (done < n && i < from->used && to->used < to->count) {
		struct slot *s = slot_at(from, i);
		u32 len = min((size_t)s->len, n - done);

		memcpy(page_at(to, to->used), page_at(from, i) + s->offset, len);
		*slot_at(to, to->used++) = (struct slot){.len = len, .packet = s->packet};
		done += len;
		if (keep)
			i++;
		else
			pipe_drop(from, len);
	}
	return done;
}
