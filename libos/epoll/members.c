/* Streams of the host as members: in a wait set of the epoll's own, told by slot and stamp. */
#include "libos/epoll/internal.h"

static int slot_take(struct epoll *ep, struct item *it)
{
	u32 count = ep->slot_count ? ep->slot_count * 2 : 8, slot;

	if (ep->free_slot == NO_SLOT) {
		struct item **slots =
		    krealloc(ep->slots, ep->slot_count * sizeof(*slots), count * sizeof(*slots));

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
int epoll_host_update(struct item *it)
{
	struct epoll *ep = it->ep;
	u32 events = it->event.events & (BZ_WAIT_IN | BZ_WAIT_OUT | BZ_WAIT_PRI | BZ_WAIT_RDHUP | BZ_WAIT_EDGE | BZ_WAIT_ONCE);
	int err;

	if (it->disabled) {
		if (it->in_set)
			host->waitset_change(ep->set, BZ_WAITSET_REMOVE, it->stream, 0, 0);
		it->in_set = false;
		return 0;
	}
	err = host->waitset_change(ep->set, it->in_set ? BZ_WAITSET_CHANGE : BZ_WAITSET_ADD, it->stream,
				   events, (u64)it->stamp << 32 | it->slot);
	if (!err)
		it->in_set = true;
	return err;
}

int epoll_host_join(struct item *it)
{
	struct epoll *ep = it->ep;
	int err;

	if (ep->set < 0) {
		ep->set = waitset_open();
		if (ep->set < 0)
			return ep->set;
	}
	err = slot_take(ep, it);
	if (err)
		return err;
	err = epoll_host_update(it);
	if (err)
		slot_release(ep, it);
	else
		ep->host_members++;
	return err;
}

/* A stream that was closed has left the set by itself, and its number may be another member's. */
static bool is_shared(const struct item *it)
{
	struct item *other;

	list_for_each(other, &it->ep->items, node) if (other != it && other->in_set && other->stream == it->stream) return true;
	return false;
}

void epoll_host_leave(struct item *it, bool gone)
{
	if (it->in_set && !(gone && is_shared(it)))
		host->waitset_change(it->ep->set, BZ_WAITSET_REMOVE, it->stream, 0, 0);
	it->in_set = false;
	it->told = 0;
	slot_release(it->ep, it);
	it->ep->host_members--;
}

/* Ask the host what of its members is ready, and queue those. */
void epoll_note_host(struct epoll *ep, const struct bz_ready *r, int n)
{
	for (int i = 0; i < n; i++) {
		/* The number may be of an item that has just gone. */
		struct item *it = slot_item(ep, r[i].data);

		if (it) {
			it->told |= r[i].events;
			epoll_mark_ready(it);
		}
	}
}

void epoll_forget_host(struct epoll *ep)
{
	struct item *it;

	mutex_lock(&ep->ready_lock);
	list_for_each(it, &ep->ready, ready) if (!(it->event.events & EPOLLET)) it->told = 0;
	mutex_unlock(&ep->ready_lock);
}

void epoll_collect_host(struct epoll *ep, u32 room)
{
	struct bz_ready r[BATCH];
	int n;

	if (!ep->host_members)
		return;
	/* No more than the caller takes: the host goes round its ready members, and tells the others the next time. */
	while (room) {
		u32 most = min(room, (u32)BATCH);

		n = host->waitset_wait(ep->set, r, most, 0);
		epoll_note_host(ep, r, n);
		if (n < (int)most)
			break;
		room -= most;
	}
}
