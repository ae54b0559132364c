/*
 * Sockets that are held by messages only.  A socket whose file has no other references than those in flight is a candidate;
 * if all of its flights are in queues of candidates, and none of these can be reached from outside, they hold one another and
 * nobody will ever read them: the messages that carry files are taken from them.  unix_lock stops all such messages meanwhile.
 */
#include "libos/unix/internal.h"

static struct list doomed = LIST_INIT(doomed);	/* messages to be freed; unix_lock */
static bool freeing;				/* somebody does */

/* Freeing a message may close a socket, whose messages go to the same list: no recursion, however long the chain. */
static void free_doomed(void)
{
	mutex_lock(&unix_lock);
	if (freeing) {
		mutex_unlock(&unix_lock);
		return;
	}
	freeing = true;
	while (!list_empty(&doomed)) {
		struct unix_msg *m = list_first(&doomed, struct unix_msg, node);

		list_del(&m->node);
		mutex_unlock(&unix_lock);
		unix_msg_free(m);
		mutex_lock(&unix_lock);
	}
	freeing = false;
	mutex_unlock(&unix_lock);
}

void unix_purge(struct list *messages)
{
	bool some = false;

	while (!list_empty(messages)) {
		struct unix_msg *m = list_first(messages, struct unix_msg, node);

		list_del(&m->node);
		if (!m->rights && !m->embryo) {
			unix_msg_free(m);
			continue;
		}
		mutex_lock(&unix_lock);
		list_add_tail(&m->node, &doomed);
		mutex_unlock(&unix_lock);
		some = true;
	}
	if (some)
		free_doomed();
}

typedef void (*visit_fn)(struct unix_sock *u);

static void visit_rights(const struct unix_rights *r, visit_fn visit)
{
	for (u32 i = 0; i < r->count; i++) {
		struct socket *s = file_socket(r->file[i]);

		if (s && s->family == AF_UNIX && unix_of(s)->candidate)
			visit(unix_of(s));
	}
}

/* The candidates that lie in u's queue, or in those of the connections that wait there. */
static void visit_queue(struct unix_sock *u, visit_fn visit)
{
	struct unix_msg *m, *inner;

	mutex_lock(&u->lock);
	list_for_each(m, &u->queue, node) {
		if (m->rights)
			visit_rights(m->rights, visit);
		if (!m->embryo)
			continue;
		mutex_lock(&m->embryo->lock);
		list_for_each(inner, &m->embryo->queue, node)
			if (inner->rights)
				visit_rights(inner->rights, visit);
		mutex_unlock(&m->embryo->lock);
	}
	mutex_unlock(&u->lock);
}

static void explain(struct unix_sock *u)
{
	u->unexplained--;
}

/* To the end of the list, so that its own queue is looked at, too. */
static void reach(struct unix_sock *u)
{
	if (u->reached)
		return;
	u->reached = true;
	list_del(&u->in_flight);
	list_add_tail(&u->in_flight, &unix_in_flight);
}

static void mark(void)
{
	struct unix_sock *u, *next;
	struct list *last;

	list_for_each(u, &unix_in_flight, in_flight) {
		u->candidate = u->file && READ_ONCE(u->file->refs) == u->flights;
		u->reached = false;
		u->unexplained = u->flights;
	}
	list_for_each(u, &unix_in_flight, in_flight)
		if (u->candidate)
			visit_queue(u, explain);
	last = unix_in_flight.prev;
	list_for_each_safe(u, next, &unix_in_flight, in_flight) {
		bool end = &u->in_flight == last;

		if (u->candidate && u->unexplained)
			reach(u);
		if (end)
			break;
	}
	list_for_each(u, &unix_in_flight, in_flight)
		if (u->candidate && u->reached)
			visit_queue(u, reach);
}

static void take_messages(struct unix_sock *u)
{
	struct unix_msg *m, *next;

	mutex_lock(&u->lock);
	list_for_each_safe(m, next, &u->queue, node)
		if (m->rights || m->embryo) {
			unix_dequeue(u, m);
			list_add_tail(&m->node, &doomed);
		}
	mutex_unlock(&u->lock);
}

void unix_collect(void)
{
	struct unix_sock *u;

	if (list_empty_careful(&unix_in_flight))
		return;
	mutex_lock(&unix_lock);
	mark();
	list_for_each(u, &unix_in_flight, in_flight)
		if (u->candidate && !u->reached)
			take_messages(u);
	mutex_unlock(&unix_lock);
	free_doomed();
}
