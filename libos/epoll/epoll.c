/*
 * epoll(7).  Each watched (file, descriptor) is an item; items whose queue said something are on the ready list, so a wait
 * costs what is ready, not what is watched.  Host streams are members of a host wait set of the epoll's own.
 *
 *   epoll --- items ---> item(file, fd) --- waiters ---> wait queues of the file
 *     '------ ready ---> item -> item
 *
 * epoll->lock protects items, the ready list and flags.  A wake callback runs under a wait queue's lock and takes only
 * ready_lock.  epoll_mutex serialises what relates several epolls (add, close of files).
 */
#include "libos/epoll/epoll.h"
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/time/time.h"
#include "libos/vfs/poll.h"
#include <linux/eventpoll.h>

#define WAITERS_PER_ITEM 2
#define DEPTH_MAX 5
#define PRIVATE_BITS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define BATCH 64

struct epoll {
	struct mutex lock;		/* RANK_OBJECT */
	struct mutex ready_lock;	/* RANK_WAITQ, leaf: ready list and item->queued */
	struct list items, ready;
	struct waitq waitq;		/* who waits for this epoll */
	u32 item_count;
	bz_stream set;			/* host members; -1: none */
	u32 host_members;
	/* Host members by the number that the host's set tells: an item, or odd: the next free slot << 1 | 1. */
	struct item **slots;
	u32 slot_count, free_slot;
	u32 next_stamp;			/* tells an item from an earlier one in its slot */
};
#define NO_SLOT (~0u)

struct item {
	struct list node;		/* epoll->items */
	struct list ready;		/* epoll->ready; ready_lock */
	struct list of_file;		/* file->epoll_items; epoll_mutex */
	struct epoll *ep;
	struct file *file;		/* not referenced: epoll_file_released removes the item first */
	int fd;
	struct epoll_event event;
	bool queued;			/* on the ready list */
	bool disabled;			/* EPOLLONESHOT fired */
	bz_stream stream;		/* of the host, or -1 */
	bool in_set;			/* in epoll->set now: not while disabled, the host tells hang-ups unasked */
	bool failed;			/* could not be made a member */
	u32 slot, stamp;
	u32 waiter_count;
	struct waiter waiters[WAITERS_PER_ITEM];
};

struct register_table {
	struct poll_table pt;
	struct item *item;
};

static struct mutex epoll_mutex = MUTEX_INIT(RANK_FILE);
static const struct file_ops epoll_fops;

static void mark_ready(struct item *it)
{
	struct epoll *ep = it->ep;

	mutex_lock(&ep->ready_lock);
	if (!it->queued) {
		it->queued = true;
		list_add_tail(&it->ready, &ep->ready);
	}
	mutex_unlock(&ep->ready_lock);
}

static void item_woken(struct waiter *w, u32 events)
{
	struct item *it = w->data;

	/* ~0: something happened, nobody says what. */
	if (it->disabled || (events != ~0u && !(events & (it->event.events | EPOLLERR | EPOLLHUP))))
		return;
	mark_ready(it);
	waitq_wake(&it->ep->waitq, 1, EPOLLIN | EPOLLRDNORM);
}

static void register_queue(struct poll_table *pt, struct file *f, struct waitq *q)
{
	struct item *it = container_of(pt, struct register_table, pt)->item;
	struct waiter *w;

	if (it->waiter_count == WAITERS_PER_ITEM)
		return;
	w = &it->waiters[it->waiter_count++];
	*w = (struct waiter){.func = item_woken, .data = it};
	list_init(&w->node);
	w->exclusive = it->event.events & EPOLLEXCLUSIVE;
	waitq_add(q, w);
}

static int slot_take(struct epoll *ep, struct item *it)
{
	u32 count = ep->slot_count ? ep->slot_count * 2 : 8, slot;

	if (ep->free_slot == NO_SLOT) {
		struct item **slots = krealloc(ep->slots, ep->slot_count * sizeof(*slots), count * sizeof(*slots));

		if (!slots)
			return -ENOMEM;
		for (u32 i = ep->slot_count; i < count; i++)
			slots[i] = (void *)((u64)(i + 1 < count ? i + 1 : NO_SLOT) << 1 | 1);
		ep->slots = slots;
		ep->free_slot = ep->slot_count;
		ep->slot_count = count;
	}
	slot = ep->free_slot;
	ep->free_slot = (u64)ep->slots[slot] >> 1;
	ep->slots[slot] = it;
	it->slot = slot;
	it->stamp = ep->next_stamp++;
	return 0;
}

static void slot_release(struct epoll *ep, struct item *it)
{
	ep->slots[it->slot] = (void *)((u64)ep->free_slot << 1 | 1);
	ep->free_slot = it->slot;
}

static struct item *slot_item(struct epoll *ep, u64 data)
{
	u32 slot = data;
	struct item *it;

	if (slot >= ep->slot_count || ((u64)ep->slots[slot] & 1))
		return NULL;
	it = ep->slots[slot];
	return it->stamp == data >> 32 ? it : NULL;
}

/* Make the host's set say what the item's event and state want. */
static int host_update(struct item *it)
{
	struct epoll *ep = it->ep;
	u32 events = it->event.events & (BZ_WAIT_IN | BZ_WAIT_OUT | BZ_WAIT_RDHUP | BZ_WAIT_EDGE);
	int err;

	if (it->disabled) {
		if (it->in_set)
			host->waitset_change(ep->set, BZ_WAITSET_REMOVE, it->stream, 0, 0);
		it->in_set = false;
		return 0;
	}
	err = host->waitset_change(ep->set, it->in_set ? BZ_WAITSET_CHANGE : BZ_WAITSET_ADD, it->stream, events,
				   (u64)it->stamp << 32 | it->slot);
	if (!err)
		it->in_set = true;
	return err;
}

static int host_join(struct item *it)
{
	struct epoll *ep = it->ep;
	int err;

	if (ep->set < 0) {
		ep->set = host->waitset_create();
		if (ep->set < 0)
			return ep->set;
	}
	err = slot_take(ep, it);
	if (err)
		return err;
	err = host_update(it);
	if (err)
		slot_release(ep, it);
	else
		ep->host_members++;
	return err;
}

static void host_leave(struct item *it)
{
	if (it->in_set)
		host->waitset_change(it->ep->set, BZ_WAITSET_REMOVE, it->stream, 0, 0);
	slot_release(it->ep, it);
	it->ep->host_members--;
}

static void register_stream(struct poll_table *pt, struct file *f, bz_stream s)
{
	struct item *it = container_of(pt, struct register_table, pt)->item;

	if (it->stream >= 0)
		return;
	it->stream = s;
	if (host_join(it)) {
		it->stream = -1;
		it->failed = true;
	}
}

static u32 item_poll(struct item *it, struct poll_table *pt)
{
	u32 want = it->event.events | EPOLLERR | EPOLLHUP;

	if (pt)
		pt->events = want;
	return it->file->ops->poll(it->file, pt) & want;
}

static void item_free(struct item *it)
{
	for (u32 i = 0; i < it->waiter_count; i++)
		waitq_remove(&it->waiters[i]);
	mutex_lock(&it->ep->ready_lock);
	if (it->queued)
		list_del(&it->ready);
	mutex_unlock(&it->ep->ready_lock);
	if (it->stream >= 0)
		host_leave(it);
	it->ep->item_count--;
	list_del(&it->node);
	list_del(&it->of_file);
	kfree(it);
}

void epoll_file_released(struct file *f)
{
	if (list_empty(&f->epoll_items))
		return;
	mutex_lock(&epoll_mutex);
	while (!list_empty(&f->epoll_items)) {
		struct item *it = list_first(&f->epoll_items, struct item, of_file);
		struct epoll *ep = it->ep;

		mutex_lock(&ep->lock);
		item_free(it);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&epoll_mutex);
}

static struct item *find(struct epoll *ep, struct file *f, int fd)
{
	struct item *it;

	list_for_each(it, &f->epoll_items, of_file)
		if (it->ep == ep && it->fd == fd)
			return it;
	return NULL;
}

/* Would watching `f` make a circle, or too deep a chain?  epoll_mutex held.  Depth is small, so the walk is a plain loop
 * over levels kept in an array. */
static int check_nesting(struct epoll *ep, struct file *f)
{
	struct epoll *level[DEPTH_MAX + 1];
	struct item *at[DEPTH_MAX + 1];
	int depth = 0;

	if (f->ops != &epoll_fops)
		return 0;
	level[0] = f->priv;
	at[0] = NULL;
	while (depth >= 0) {
		struct epoll *e = level[depth];
		struct list *next;

		if (e == ep)
			return -ELOOP;
		next = at[depth] ? at[depth]->node.next : e->items.next;
		if (next == &e->items) {
			depth--;
			continue;
		}
		at[depth] = list_entry(next, struct item, node);
		if (at[depth]->file->ops != &epoll_fops)
			continue;
		if (depth == DEPTH_MAX - 1)
			return -EINVAL;
		level[depth + 1] = at[depth]->file->priv;
		at[++depth] = NULL;
	}
	return 0;
}

static int item_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct register_table rt = {.pt = {.queue = register_queue, .stream = register_stream}};
	struct item *it = kzalloc(sizeof(*it));
	u32 mask;

	if (!it)
		return -ENOMEM;
	it->ep = ep;
	it->file = f;
	it->fd = fd;
	it->event = *ev;
	it->stream = -1;
	list_init(&it->ready);
	list_add_tail(&it->node, &ep->items);
	list_add_tail(&it->of_file, &f->epoll_items);
	ep->item_count++;
	rt.item = it;
	mask = item_poll(it, &rt.pt);
	if (it->failed) {
		item_free(it);
		return -ENOMEM;
	}
	if (mask) {
		mark_ready(it);
		waitq_wake(&ep->waitq, 1, EPOLLIN);
	} else if (it->stream >= 0) {
		/* A sleeper in the host's wait set sees the new member by itself; one on our futex must go there. */
		waitq_wake_all(&ep->waitq, EPOLLIN);
	}
	return 0;
}

static int item_modify(struct item *it, const struct epoll_event *ev)
{
	if ((it->event.events & EPOLLEXCLUSIVE) || (ev->events & EPOLLEXCLUSIVE))
		return -EINVAL;
	it->event = *ev;
	it->disabled = false;
	if (it->stream >= 0)
		host_update(it);
	if (item_poll(it, NULL)) {
		mark_ready(it);
		waitq_wake(&it->ep->waitq, 1, EPOLLIN);
	}
	return 0;
}

static int control(struct epoll *ep, struct file *f, int fd, int op, const struct epoll_event *ev)
{
	struct item *it = find(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		return it ? -EEXIST : item_add(ep, f, fd, ev);
	case EPOLL_CTL_MOD:
		return it ? item_modify(it, ev) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (!it)
			return -ENOENT;
		item_free(it);
		return 0;
	}
	return -EINVAL;
}

SYSCALL(epoll_ctl, int epfd, int op, int fd, const struct epoll_event *uev)
{
	struct epoll_event ev = {0};
	struct file *ef, *f;
	long err = 0;

	if (op != EPOLL_CTL_DEL && copy_from_user(&ev, uev, sizeof(ev)))
		return -EFAULT;
	ef = fd_get(epfd);
	f = fd_get(fd);
	if (!ef || !f)
		err = -EBADF;
	else if (!f->ops->poll || (f->inode && (S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode))))
		err = -EPERM;
	else if (ef == f || ef->ops != &epoll_fops)
		err = -EINVAL;
	else if ((ev.events & EPOLLEXCLUSIVE) && op == EPOLL_CTL_ADD &&
		 (f->ops == &epoll_fops ||
		  (ev.events & ~(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE))))
		err = -EINVAL;
	if (!err) {
		struct epoll *ep = ef->priv;

		mutex_lock(&epoll_mutex);
		err = op == EPOLL_CTL_ADD ? check_nesting(ep, f) : 0;
		if (!err) {
			mutex_lock(&ep->lock);
			err = control(ep, f, fd, op, &ev);
			mutex_unlock(&ep->lock);
		}
		mutex_unlock(&epoll_mutex);
	}
	file_put(f);
	file_put(ef);
	return err;
}

/* --- waiting --- */

/* Ask the host what of its members is ready, and queue those. */
static void note_host(struct epoll *ep, const struct bz_ready *r, int n)
{
	for (int i = 0; i < n; i++) {
		/* The number may be of an item that has just gone. */
		struct item *it = slot_item(ep, r[i].data);

		if (it)
			mark_ready(it);
	}
}

static void collect_host(struct epoll *ep, u32 room)
{
	struct bz_ready r[BATCH];
	int n;

	if (!ep->host_members)
		return;
	/* The host goes round its ready members, so as many turns as fill the caller's room tell all of them. */
	for (u32 turns = room / BATCH + 1; turns; turns--) {
		n = host->waitset_wait(ep->set, r, BATCH, 0);
		note_host(ep, r, n);
		if (n < BATCH)
			break;
	}
}

static struct item *take_ready(struct epoll *ep)
{
	struct item *it = NULL;

	mutex_lock(&ep->ready_lock);
	if (!list_empty(&ep->ready)) {
		it = list_first(&ep->ready, struct item, ready);
		list_del(&it->ready);
		it->queued = false;
	}
	mutex_unlock(&ep->ready_lock);
	return it;
}

/* Fill at most n events.  Level-triggered items go back to the end of the ready list. */
static int harvest(struct epoll *ep, struct epoll_event *out, int n)
{
	struct list again;
	struct item *it, *tmp;
	int count = 0;

	list_init(&again);
	mutex_lock(&ep->lock);
	collect_host(ep, n);
	while (count < n && (it = take_ready(ep))) {
		u32 mask = it->disabled ? 0 : item_poll(it, NULL);

		if (!mask)
			continue;
		out[count].events = mask;
		out[count++].data = it->event.data;
		if (it->event.events & EPOLLONESHOT) {
			it->disabled = true;
			if (it->stream >= 0)
				host_update(it);
		} else if (!(it->event.events & EPOLLET)) {
			mutex_lock(&ep->ready_lock);
			if (!it->queued) {
				it->queued = true;
				list_add_tail(&it->ready, &again);
			}
			mutex_unlock(&ep->ready_lock);
		}
	}
	mutex_lock(&ep->ready_lock);
	list_for_each_safe(it, tmp, &again, ready) {
		list_del(&it->ready);
		list_add_tail(&it->ready, &ep->ready);
	}
	mutex_unlock(&ep->ready_lock);
	mutex_unlock(&ep->lock);
	return count;
}

/* What the host tells a sleeper it may tell only once (EPOLLET): it goes to the ready list for whoever comes. */
static int sleep_on(struct epoll *ep, u32 seq, i64 deadline)
{
	struct bz_ready r[BATCH];
	int n;

	if (!READ_ONCE(ep->host_members))
		return thread_sleep(seq, deadline);
	n = poll_set_sleep(ep->set, r, BATCH, seq, deadline);
	if (n > 0) {
		mutex_lock(&ep->lock);
		note_host(ep, r, n);
		mutex_unlock(&ep->lock);
	}
	return min(n, 0);
}

static long wait_events(struct file *f, struct epoll_event *uev, int max, i64 deadline)
{
	struct epoll *ep = f->priv;
	struct epoll_event fast[BATCH], *buf = fast;
	struct waiter *w;
	int room = min(max, (int)READ_ONCE(ep->item_count)), n, err = 0;

	room = room < BATCH ? min(max, BATCH) : room;
	if (room > BATCH) {
		buf = kmalloc(room * sizeof(*buf));
		if (!buf)
			return -ENOMEM;
	}
	n = harvest(ep, buf, room);
	if (!n && deadline) {
		w = thread_waiter();
		w->exclusive = true;
		waitq_add(&ep->waitq, w);
		for (;;) {
			u32 seq = thread_wake_seq();

			n = harvest(ep, buf, room);
			if (n || err)
				break;
			err = sleep_on(ep, seq, deadline);
		}
		waitq_remove(w);
		w->exclusive = false;
	}
	/* One wake may have stood for several events: what is left is the next waiter's. */
	if (n && !list_empty(&ep->ready))
		waitq_wake(&ep->waitq, 1, EPOLLIN | EPOLLRDNORM);
	if (n && copy_to_user(uev, buf, n * sizeof(*buf)))
		n = -EFAULT;
	if (buf != fast)
		kfree(buf);
	return n ? n : err == -EINTR ? -EINTR : 0;
}

static long do_wait(int fd, struct epoll_event *uev, int max, i64 deadline)
{
	struct file *f;
	long ret;

	if (max <= 0 || max > (int)(0x7fffffff / sizeof(struct epoll_event)))
		return -EINVAL;
	if (!access_ok(uev, max * sizeof(*uev)))
		return -EFAULT;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	ret = f->ops == &epoll_fops ? wait_events(f, uev, max, deadline) : -EINVAL;
	file_put(f);
	return ret;
}

static i64 from_ms(int timeout)
{
	return timeout < 0 ? BZ_NO_DEADLINE : timeout ? deadline_after(timeout * 1000000ll) : 0;
}

SYSCALL(epoll_wait, int fd, struct epoll_event *ev, int max, int timeout)
{
	return do_wait(fd, ev, max, from_ms(timeout));
}

static long masked_wait(int fd, struct epoll_event *ev, int max, i64 deadline, const sigset_kernel *umask, size_t size)
{
	long ret = signal_temp_mask(umask, size);

	if (ret)
		return ret;
	ret = do_wait(fd, ev, max, deadline);
	/* EINTR: the handler runs under the temporary mask, and delivery restores the old one. */
	signal_temp_mask_done(ret == -EINTR);
	return ret;
}

SYSCALL(epoll_pwait, int fd, struct epoll_event *ev, int max, int timeout, const sigset_kernel *umask, size_t size)
{
	return masked_wait(fd, ev, max, from_ms(timeout), umask, size);
}

SYSCALL(epoll_pwait2, int fd, struct epoll_event *ev, int max, const struct __kernel_timespec *uts,
	const sigset_kernel *umask, size_t size)
{
	i64 ns, deadline = BZ_NO_DEADLINE;
	int err;

	if (uts) {
		err = timespec_load(uts, &ns);
		if (err)
			return err;
		deadline = ns ? deadline_after(ns) : 0;
	}
	return masked_wait(fd, ev, max, deadline, umask, size);
}

/* --- the file --- */

static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->priv;
	struct item *it;
	u32 mask = 0;

	poll_wait(pt, f, &ep->waitq);
	if (ep->host_members)
		poll_stream(pt, f, ep->set);
	mutex_lock(&ep->lock);
	collect_host(ep, 1);
	/* Entries that are no longer ready are dropped on the way. */
	while (!mask && (it = take_ready(ep))) {
		if (!it->disabled && item_poll(it, NULL)) {
			mask = EPOLLIN | EPOLLRDNORM;
			mark_ready(it);
		}
	}
	mutex_unlock(&ep->lock);
	return mask;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->priv;

	mutex_lock(&epoll_mutex);
	mutex_lock(&ep->lock);
	while (!list_empty(&ep->items))
		item_free(list_first(&ep->items, struct item, node));
	mutex_unlock(&ep->lock);
	mutex_unlock(&epoll_mutex);
	if (ep->set >= 0)
		host->stream_close(ep->set);
	kfree(ep->slots);
	kfree(ep);
}

static void epoll_fdinfo(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->priv;
	struct item *it;
	size_t n = 0;

	mutex_lock(&ep->lock);
	list_for_each(it, &ep->items, node)
		if (n + 100 < size)
			n += snprintf(buf + n, size - n, "tfd: %8d events: %8x data: %16lx\n", it->fd, it->event.events,
				      (unsigned long)it->event.data);
	mutex_unlock(&ep->lock);
}

static const struct file_ops epoll_fops = {
	.poll = epoll_poll, .release = epoll_release, .show_fdinfo = epoll_fdinfo};

static long create(int flags)
{
	struct epoll *ep;
	struct file *f;
	int fd;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep));
	f = ep ? file_alloc_anon(&epoll_fops, "anon_inode:[eventpoll]", O_RDWR, ep) : NULL;
	if (!f) {
		kfree(ep);
		return -ENOMEM;
	}
	mutex_init(&ep->lock, RANK_OBJECT);
	mutex_init(&ep->ready_lock, RANK_WAITQ);
	list_init(&ep->items);
	list_init(&ep->ready);
	waitq_init(&ep->waitq);
	ep->set = -1;
	ep->free_slot = NO_SLOT;
	fd = fd_alloc(f, 0, flags & EPOLL_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL(epoll_create, int size)
{
	return size <= 0 ? -EINVAL : create(0);
}

SYSCALL(epoll_create1, int flags)
{
	return create(flags);
}
