/* Waiting: epoll_wait(2) and its relatives. */
#include "libos/epoll/internal.h"
#include "libos/kernel/syscall.h"
#include "libos/mm/mm.h"
#include "libos/signal/signal.h"
#include "libos/time/time.h"

/* Is it to be looked at again the next time, without being told?  Of a stream the host tells again. */
static bool stays_ready(struct item *it)
{
	return !(it->event.events & (EPOLLET | EPOLLONESHOT)) && (it->stream < 0 || epoll_item_poll(it, 0));
}

static void queue_again(struct epoll *ep, struct item *it, struct list *list)
{
	mutex_lock(&ep->ready_lock);
	if (!it->queued) {
		it->queued = true;
		list_add_tail(&it->ready, list);
	}
	mutex_unlock(&ep->ready_lock);
}

/* Fill at most n events; `ask` the host, too, which has not just been.  Level-triggered items go back to the end of the ready list. */
static int harvest(struct epoll *ep, struct epoll_event *out, int n, bool ask)
{
	struct list again;
	struct item *it, *tmp;
	int count = 0;

	list_init(&again);
	mutex_lock(&ep->lock);
	ep->harvest++;
	if (ask && ep->host_members) {
		epoll_forget_host(ep);
		epoll_collect_host(ep, n);
	}
	while (count < n && (it = epoll_take_ready(ep))) {
		u32 told = it->told, mask;

		if (it->harvest == ep->harvest) { /* looking at it has woken it: datagrams of the host's went into its queue */
			queue_again(ep, it, &again);
			continue;
		}
		it->told = 0;
		mask = it->disabled ? 0 : epoll_item_poll(it, told);
		if (!mask && told && !it->disabled && (it->event.events & EPOLLONESHOT))
			epoll_host_update(it); /* it was told for nothing, and is to be told again */
		if (!mask)
			continue;
		it->harvest = ep->harvest;
		out[count].events = mask;
		out[count++].data = it->event.data;
		if (it->event.events & EPOLLONESHOT) {
			it->disabled = true;
			if (it->stream >= 0 && !told) /* the host, when it has told, tells no more by itself */
				epoll_host_update(it);
		} else if (stays_ready(it)) {
			queue_again(ep, it, &again);
		}
	}
	mutex_lock(&ep->ready_lock);
	list_for_each_safe(it, tmp, &again, ready)
	{
		list_del(&it->ready);
		list_add_tail(&it->ready, &ep->ready);
	}
	mutex_unlock(&ep->ready_lock);
	mutex_unlock(&ep->lock);
	return count;
}

/* What the host tells a sleeper it may tell only once (EPOLLET): it goes to the ready list for whoever comes. */
static int sleep_on(struct epoll *ep, u32 seq, i64 deadline, int room)
{
	struct bz_ready r[BATCH];
	int n;

	if (!READ_ONCE(ep->host_members))
		return min(thread_sleep(seq, deadline), 0);
	n = poll_set_sleep(ep->set, r, min(room, BATCH), seq, deadline);
	if (n > 0) {
		mutex_lock(&ep->lock);
		epoll_note_host(ep, r, n);
		mutex_unlock(&ep->lock);
	}
	return n;
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
		if (!buf) { /* fewer at a time, then */
			buf = fast;
			room = BATCH;
		}
	}
	/* Who finds nothing ready and waits asks the host by that. */
	n = !deadline || !list_empty(&ep->ready) ? harvest(ep, buf, room, true) : 0;
	if (!n && deadline) {
		w = thread_waiter();
		w->exclusive = true;
		waitq_add(&ep->waitq, w);
		for (bool ask = false;;) {
			u32 seq = thread_wake_seq();

			n = harvest(ep, buf, room, ask);
			if (n || err)
				break;
			err = sleep_on(ep, seq, deadline, room);
			ask = !err; /* woken from the arena: the host is not to be forgotten over that */
			err = min(err, 0);
			if (err == -EINTR && !signal_still_pending())
				err = 0;
		}
		waitq_remove(w);
		w->exclusive = false;
	}
	/* One wake may have stood for several events: what is left is the next waiter's. */
	if (n && READ_ONCE(ep->ready.next) != &ep->ready)
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

static long masked_wait(int fd, struct epoll_event *ev, int max, i64 deadline, const sigset_kernel *umask,
			size_t size)
{
	long ret = signal_temp_mask(umask, size);

	if (ret)
		return ret;
	ret = do_wait(fd, ev, max, deadline);
	/* EINTR: the handler runs under the temporary mask, and delivery restores the old one. */
	signal_temp_mask_done(ret == -EINTR);
	return ret;
}

SYSCALL(epoll_pwait, int fd, struct epoll_event *ev, int max, int timeout, const sigset_kernel *umask,
	size_t size)
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
