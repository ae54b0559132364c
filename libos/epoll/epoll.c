/*
 * epoll(7).  Each watched (file, descriptor) is an item; items whose queue said something are on the ready
 * list, so a wait costs what is ready, not what is watched.  Host streams are members of a host wait set of
 * the epoll's own.
 *
 *   epoll --- items ---> item(file, fd) --- waiters ---> wait queues of the file
 *     '------ ready ---> item -> item
 *
 * epoll->lock protects items, the ready list and flags.  A wake callback runs under a wait queue's lock and
 * takes only ready_lock.  epoll_mutex serialises what relates several epolls (add, close of files).
 */
#include "libos/epoll/internal.h"
#include "libos/kernel/syscall.h"

#define NESTS_MAX 4

static struct mutex epoll_mutex = MUTEX_INIT(RANK_EPOLLS);
void epoll_mark_ready(struct item *it)
{
	struct epoll *ep = it->ep;

	mutex_lock(&ep->ready_lock);
	if (!it->queued) {
		it->queued = true;
		list_add_tail(&it->ready, &ep->ready);
	}
	mutex_unlock(&ep->ready_lock);
}

struct item *epoll_take_ready(struct epoll *ep)
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

/* While a file is asked: who asks, and what the host told of its stream. */
struct item_table {
	struct poll_table pt;
	struct item *item;
	u32 told;
};

/* The host's set tells of it, now or later. */
static u32 item_stream(struct poll_table *pt, struct file *f, bz_stream s)
{
	struct item_table *table = container_of(pt, struct item_table, pt);
	struct item *it = table->item;

	if (likely(it->stream == s))
		return table->told;
	if (it->stream >= 0)
		epoll_host_leave(it, true);
	it->stream = s;
	if (epoll_host_join(it)) {
		it->stream = -1;
		it->failed = true;
	}
	return 0;
}

u32 epoll_item_poll(struct item *it, u32 told)
{
	u32 want = it->event.events | EPOLLERR | EPOLLHUP;
	struct item_table table = {.pt = {.events = want, .stream = item_stream}, .item = it, .told = told};

	return it->file->ops->poll(it->file, &table.pt) & want;
}

/* Whether it woke somebody: of several exclusive items, the wake is then this one's alone. */
static bool item_woken(struct waiter *w, u32 events)
{
	struct item *it = w->data;
	bool awaited;

	/* ~0: something happened, nobody says what. */
	if (it->disabled || (events != ~0u && !(events & (it->event.events | EPOLLERR | EPOLLHUP))))
		return false;
	epoll_mark_ready(it);
	awaited = waitq_active(&it->ep->waitq);
	waitq_wake(&it->ep->waitq, 1, EPOLLIN | EPOLLRDNORM);
	return awaited;
}

static void register_queue(struct poll_table *pt, struct file *f, struct waitq *q)
{
	struct item *it = container_of(pt, struct item_table, pt)->item;
	struct waiter *w;

	if (it->waiter_count == WAITERS_PER_ITEM)
		return;
	w = &it->waiters[it->waiter_count++];
	*w = (struct waiter){.func = item_woken, .data = it};
	list_init(&w->node);
	w->exclusive = it->event.events & EPOLLEXCLUSIVE;
	waitq_add(q, w);
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
		epoll_host_leave(it, false);
	it->ep->item_count--;
	list_del(&it->node);
	list_del(&it->of_file);
	kfree(it);
}

void epoll_file_released(struct file *f)
{
	if (list_empty_careful(&f->epoll_items))
		return;
	mutex_lock(&epoll_mutex);
	while (!list_empty(&f->epoll_items)) {
		struct item *it = list_first(&f->epoll_items, struct item, of_file);
		struct epoll *ep = it->ep;

		mutex_lock(&ep->lock);
		/* Who is closed leaves the host's set by that: a call less for each connection. */
		if (f->owns_stream)
			it->in_set = false;
		item_free(it);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&epoll_mutex);
}

static struct item *find(struct epoll *ep, struct file *f, int fd)
{
	struct item *it;

	list_for_each(it, &f->epoll_items, of_file) if (it->ep == ep && it->fd == fd) return it;
	return NULL;
}

/* How many epolls deep it goes below e: 0 if it watches none.  -ELOOP: `ep` is among them, or it is too deep.
 */
static int depth_below(struct epoll *e, const struct epoll *ep, int room)
{
	struct item *it;
	int most = 0, n;

	if (e == ep || room < 0)
		return -ELOOP;
	list_for_each(it, &e->items, node)
	{
		if (it->file->ops != &epoll_fops)
			continue;
		n = depth_below(it->file->priv, ep, room - 1);
		if (n < 0)
			return n;
		most = max(most, n + 1);
	}
	return most;
}

/* How many epolls stand above ep, one watching the other. */
static int depth_above(const struct epoll *ep, int room)
{
	struct item *it;
	int most = 0;

	list_for_each(it, &ep->file->epoll_items, of_file) most =
	    max(most, room ? depth_above(it->ep, room - 1) + 1 : 1);
	return most;
}

/* May ep watch f: no circle, and at most NESTS_MAX epolls above another (fs/eventpoll.c)?  epoll_mutex held.
 */
static int check_nesting(struct epoll *ep, struct file *f)
{
	int below;

	if (f->ops != &epoll_fops)
		return 0;
	below = depth_below(f->priv, ep, NESTS_MAX - 1);
	if (below < 0)
		return below;
	return below + 1 + depth_above(ep, NESTS_MAX) > NESTS_MAX ? -ELOOP : 0;
}

static int item_add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct item_table table = {.pt = {.queue = register_queue, .stream = item_stream, .events = ev->events | EPOLLERR | EPOLLHUP}};
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
	table.item = it;
	mask = f->ops->poll(f, &table.pt) & table.pt.events;
	if (it->failed) {
		item_free(it);
		return -ENOMEM;
	}
	if (mask) {
		epoll_mark_ready(it);
		waitq_wake(&ep->waitq, 1, EPOLLIN);
	} else if (it->stream >= 0) {
		/* A sleeper in the host's wait set sees the new member by itself; one on our futex must go
		 * there. */
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
		epoll_host_update(it);
	it->told = 0;
	if (epoll_item_poll(it, 0)) {
		epoll_mark_ready(it);
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
	else if (!f->ops->poll)
		err = -EPERM;
	else if (ef == f || ef->ops != &epoll_fops)
		err = -EINVAL;
	else if ((ev.events & EPOLLEXCLUSIVE) && op == EPOLL_CTL_ADD &&
		 (f->ops == &epoll_fops || (ev.events & ~(EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP |
							  EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE))))
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

static u32 epoll_poll(struct file *f, struct poll_table *pt)
{
	struct epoll *ep = f->priv;
	struct item *it;
	u32 mask = 0;

	poll_wait(pt, f, &ep->waitq);
	if (ep->host_members && pt && pt->stream)
		pt->stream(pt, f, ep->set); /* that something is there makes us look ourselves */
	mutex_lock(&ep->lock);
	epoll_collect_host(ep, 1);
	/* Entries that are no longer ready are dropped on the way. */
	while (!mask && (it = epoll_take_ready(ep))) {
		if (!it->disabled && epoll_item_poll(it, it->told)) {
			mask = EPOLLIN | EPOLLRDNORM;
			epoll_mark_ready(it);
		} else {
			it->told = 0;
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
		host->stream_close(ep->set, 0);
	kfree(ep->slots);
	kfree(ep);
}

static void epoll_fdinfo(struct file *f, char *buf, size_t size)
{
	struct epoll *ep = f->priv;
	struct item *it;
	size_t n = 0;

	mutex_lock(&ep->lock);
	list_for_each(it, &ep->items, node) if (n + 100 < size) n +=
	    snprintf(buf + n, size - n, "tfd: %8d events: %8x data: %16lx\n", it->fd, it->event.events,
		     (unsigned long)it->event.data);
	mutex_unlock(&ep->lock);
}

const struct file_ops epoll_fops = {
    .poll = epoll_poll, .release = epoll_release, .show_fdinfo = epoll_fdinfo};

static long create(int flags)
{
	struct epoll *ep;
	struct file *f;

	if (flags & ~EPOLL_CLOEXEC)
		return -EINVAL;
	ep = kzalloc(sizeof(*ep));
	f = ep ? file_alloc_anon(&epoll_fops, "anon_inode:[eventpoll]", O_RDWR, ep) : NULL;
	if (!f) {
		kfree(ep);
		return -ENOMEM;
	}
	mutex_init(&ep->lock, RANK_EPOLL);
	mutex_init(&ep->ready_lock, RANK_WAITQ);
	list_init(&ep->items);
	list_init(&ep->ready);
	waitq_init(&ep->waitq);
	ep->file = f;
	ep->set = -1;
	ep->free_slot = NO_SLOT;
	return fd_publish(f, flags & EPOLL_CLOEXEC);
}

SYSCALL(epoll_create, int size)
{
	return size <= 0 ? -EINVAL : create(0);
}

SYSCALL(epoll_create1, int flags)
{
	return create(flags);
}
