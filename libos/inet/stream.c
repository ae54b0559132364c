/*
 * The bytes of TCP connections.  The sender writes into the queue of the other end: small pieces into the
 * last chunk, under the receiver's lock; large ones into a chunk of their own, copied before it is linked.
 * Who reads holds read_lock and copies without the other lock: senders only add behind what it looks at.  An
 * emptied small chunk stays, so that a conversation allocates nothing.
 */
#include "libos/inet/internal.h"
#include "libos/signal/signal.h"

#define CHUNK_SMALL (1024u - sizeof(struct tcp_chunk))
#define CHUNK_LARGE (65536u + 4096 - sizeof(struct tcp_chunk)) /* what programs write at once, most of all */
#define SPARES_MAX 64
#define ASIDE_MIN 32768u /* so much is read sooner from memory than from the sender's cache, wherever its processor is */
#define HOLD_NS (NSEC_PER_SEC / 5)
#define MSG_FASTOPEN 0x20000000u

bool tcp_readable(const struct tcp_sock *t)
{
	return (i64)READ_ONCE(t->bytes) >= (i64)min(t->inet.socket.rcvlowat, 1u << 30);
}

/* As Linux's sk_stream_is_writeable: a third of it is free. */
static bool has_space(const struct tcp_sock *from, const struct tcp_sock *to)
{
	u64 capacity = tcp_capacity(from, to);

	return READ_ONCE(to->bytes) <= capacity - capacity / 3;
}

bool tcp_writable(struct tcp_sock *t)
{
	struct tcp_sock *peer = tcp_peer(t);
	bool ret = true;

	if (!peer)
		return true;
	if (!has_space(t, peer)) {
		mutex_lock(&peer->inet.lock);
		ret = has_space(t, peer);
		peer->starved |= !ret;
		mutex_unlock(&peer->inet.lock);
	}
	tcp_put(peer);
	return ret;
}

/* --- sending --- */

static struct tcp_chunk *chunk_alloc(u32 room)
{
	struct tcp_chunk *c = kmalloc(sizeof(*c) + room);

	if (c) {
		c->offset = c->len = 0;
		c->room = room;
	}
	return c;
}

/*
 * Large chunks are used again, for a conversation in which each is mapped and given back spends its time on that.  Those of all
 * connections together, so that idle ones hold nothing.
 */
static struct mutex spares_lock = MUTEX_INIT(RANK_ALLOC);
static struct tcp_chunk *spares[SPARES_MAX];
static u32 spare_count;

static struct tcp_chunk *large_alloc(void)
{
	struct tcp_chunk *c = NULL;

	mutex_lock(&spares_lock);
	if (spare_count)
		c = spares[--spare_count];
	mutex_unlock(&spares_lock);
	if (c)
		c->offset = c->len = 0;
	return c ? c : chunk_alloc(CHUNK_LARGE);
}

static void chunk_free(struct tcp_chunk *c)
{
	bool kept = false;

	if (c->room == CHUNK_LARGE) {
		mutex_lock(&spares_lock);
		kept = spare_count < SPARES_MAX;
		if (kept)
			spares[spare_count++] = c;
		mutex_unlock(&spares_lock);
	}
	if (!kept)
		kfree(c);
}

void tcp_queue_free(struct tcp_sock *t)
{
	while (!list_empty(&t->chunks)) {
		struct tcp_chunk *c = list_first(&t->chunks, struct tcp_chunk, node);

		list_del(&c->node);
		chunk_free(c);
	}
}

static struct tcp_chunk *last_chunk(struct tcp_sock *to)
{
	return list_empty(&to->chunks) ? NULL : list_entry(to->chunks.prev, struct tcp_chunk, node);
}

/* Locked.  An empty chunk has no reader: it goes rather than stay in front. */
static void link_chunk(struct tcp_sock *to, struct tcp_chunk *c)
{
	struct tcp_chunk *last = last_chunk(to);

	if (last && last->offset == last->len) {
		list_del(&last->node);
		chunk_free(last);
	}
	list_add_tail(&c->node, &to->chunks);
}

static void arrived(struct tcp_sock *to, u64 n)
{
	to->written += n;
	WRITE_ONCE(to->bytes, to->bytes + n);
}

/* Locked: bytes that went into the last chunk, or a new small one. */
static ssize_t put_small(struct tcp_sock *to, struct iov_iter *it, u32 n)
{
	struct tcp_chunk *c = last_chunk(to);
	size_t got;

	if (!c || c->room - c->len < n) {
		c = chunk_alloc(CHUNK_SMALL);
		if (!c)
			return -ENOMEM;
		link_chunk(to, c);
	}
	got = iov_copy_from(it, c->data + c->len, n);
	c->len += got;
	arrived(to, got);
	return got ? (ssize_t)got : -EFAULT;
}

/* What a send finds at the other end: a byte count, 0: no room, or an error; GONE: nobody is there to read,
 * so a RST comes back. */
#define GONE (-ECONNABORTED)

static ssize_t room_for(struct tcp_sock *from, struct tcp_sock *to, size_t want)
{
	u64 capacity = tcp_capacity(from, to);

	if (to->dead)
		return GONE;
	if (from->peer != to || (READ_ONCE(from->inet.socket.shutdown) & SHUT_SEND))
		return -EPIPE;
	if (to->bytes >= capacity) {
		to->starved = true;
		return 0;
	}
	return min(want, capacity - to->bytes);
}

static ssize_t put_large(struct tcp_sock *from, struct tcp_sock *to, struct iov_iter *it, u32 n)
{
	struct tcp_chunk *c = large_alloc();
	ssize_t ret;

	if (!c)
		return -ENOMEM;
	c->len = n >= ASIDE_MIN ? iov_copy_aside(it, c->data, n) : iov_copy_from(it, c->data, n);
	if (!c->len) {
		chunk_free(c);
		return -EFAULT;
	}
	mutex_lock(&to->inet.lock);
	ret = to->dead ? GONE : from->peer != to ? -EPIPE : (ssize_t)c->len;
	if (ret > 0) {
		link_chunk(to, c);
		arrived(to, c->len);
	}
	mutex_unlock(&to->inet.lock);
	if (ret < 0)
		chunk_free(c);
	return ret;
}

void tcp_append(struct tcp_sock *t, const void *data, u32 n)
{
	struct tcp_chunk *c = chunk_alloc(n);

	if (!c)
		return;
	memcpy(c->data, data, n);
	c->len = n;
	link_chunk(t, c);
	arrived(t, n);
}

static void mark_urgent(struct tcp_sock *to)
{
	struct tcp_chunk *c = last_chunk(to);

	to->urgent_at = to->written - 1;
	to->urgent_byte = c->data[c->len - 1];
	to->urgent_pending = true;
	to->urgent_taken = false;
}

/* SIGURG to whom fcntl(2) F_SETOWN named. */
void tcp_tell_owner(struct tcp_sock *to)
{
	struct file_owner owner = {0};
	struct process *p;

	mutex_lock(&inet_lock);
	if (to->inet.file)
		owner = to->inet.file->owner;
	mutex_unlock(&inet_lock);
	if (owner.pid && owner.type == F_OWNER_PGRP)
		signal_send_pgrp(owner.pid, SIGURG, NULL);
	p = owner.pid && owner.type != F_OWNER_PGRP ? process_find(owner.pid) : NULL;
	if (p) {
		signal_send_process(p, SIGURG, NULL);
		process_put(p);
	}
}

/* One piece: bytes, 0: no room, or an error. */
static ssize_t send_piece(struct tcp_sock *from, struct tcp_sock *to, struct socket_msg *m)
{
	bool urgent = false;
	ssize_t n;

	mutex_lock(&to->inet.lock);
	n = room_for(from, to, m->it.left);
	if (n > 0 && (size_t)n <= CHUNK_SMALL) {
		size_t before = m->it.left;

		n = put_small(to, &m->it, n);
		urgent = n > 0 && (size_t)n == before && (m->flags & MSG_OOB);
		if (urgent)
			mark_urgent(to);
		mutex_unlock(&to->inet.lock);
	} else {
		mutex_unlock(&to->inet.lock);
		if (n > 0)
			n = put_large(from, to, &m->it, min((size_t)n, CHUNK_LARGE));
	}
	if (urgent)
		tcp_tell_owner(to);
	if (n > 0)
		waitq_wake_behind(&to->inet.socket.waitq, EPOLLIN | EPOLLRDNORM | (urgent ? EPOLLPRI : 0));
	return n;
}

/* Nothing locked: what is held back becomes the peer's. */
static void let_go(struct tcp_sock *t)
{
	struct tcp_sock *peer = tcp_peer(t);
	struct tcp_chunk *c;

	mutex_lock(&t->inet.lock);
	c = t->held;
	t->held = NULL;
	mutex_unlock(&t->inet.lock);
	if (c && c->len && peer) {
		mutex_lock(&peer->inet.lock);
		if (!peer->dead && t->peer == peer) {
			link_chunk(peer, c);
			arrived(peer, c->len);
			c = NULL;
		}
		mutex_unlock(&peer->inet.lock);
		waitq_wake_all(&peer->inet.socket.waitq, EPOLLIN | EPOLLRDNORM);
	}
	kfree(c);
	if (peer)
		tcp_put(peer);
}

static void held_long(struct ktimer *k)
{
	let_go(container_of(k, struct tcp_sock, held_timer));
}

/*
 * MSG_MORE: a small piece waits for the next, for 200 ms at most (tcp(7), TCP_CORK).  False: it is none that waits.
 */
static bool hold_back(struct tcp_sock *t, struct socket_msg *m, ssize_t *n)
{
	u32 want = m->it.left;
	bool fits = want && want <= CHUNK_SMALL, first;

	mutex_lock(&t->inet.lock);
	if (fits && !t->held)
		t->held = chunk_alloc(CHUNK_SMALL);
	fits = fits && t->held && t->held->room - t->held->len >= want;
	if (fits) {
		first = !t->held->len;
		*n = iov_copy_from(&m->it, t->held->data + t->held->len, want);
		t->held->len += *n;
		*n = *n ? *n : -EFAULT;
		t->held_once = true;
		t->held_timer.fn = held_long;
		if (first)
			ktimer_set(&t->held_timer, now_mono() + HOLD_NS);
	}
	mutex_unlock(&t->inet.lock);
	return fits;
}

void tcp_let_go(struct tcp_sock *t)
{
	if (likely(!READ_ONCE(t->held_once)))
		return;
	ktimer_cancel(&t->held_timer);
	let_go(t);
}

static bool may_send_more(struct tcp_sock *t)
{
	return READ_ONCE(t->inet.state) == TCP_CLOSE || READ_ONCE(t->inet.socket.error) ||
	       (READ_ONCE(t->inet.socket.shutdown) & SHUT_SEND) || tcp_writable(t);
}

int tcp_broken(struct tcp_sock *t, const struct socket_msg *m)
{
	int err = socket_error(&t->inet.socket);

	if (err && err != -EPIPE)
		return err;
	return m->flags & MSG_NOSIGNAL ? -EPIPE : signal_pipe_broken();
}

/* 0: the connection stands; else what send(2) says. */
static int await_connection(struct tcp_sock *t, const struct socket_msg *m, i64 deadline)
{
	struct socket *s = &t->inet.socket;
	int err;

	while (READ_ONCE(t->inet.state) == TCP_SYN_SENT) {
		if (m->nowait)
			return -EAGAIN;
		err = SOCKET_WAIT(&s->waitq, READ_ONCE(t->inet.state) != TCP_SYN_SENT, deadline);
		if (err)
			return err;
	}
	if (READ_ONCE(s->error) || (READ_ONCE(s->shutdown) & SHUT_SEND) ||
	    READ_ONCE(t->inet.state) == TCP_CLOSE || READ_ONCE(t->inet.state) == TCP_LISTEN)
		return tcp_broken(t, m);
	return 0;
}

static ssize_t send_all(struct tcp_sock *t, struct tcp_sock *to, struct socket_msg *m, i64 deadline)
{
	ssize_t done = 0, n;

	while (m->it.left) {
		n = send_piece(t, to, m);
		if (n == GONE) {
			done += m->it.left;
			iov_advance(&m->it, m->it.left);
			tcp_reset(t, false);
			return done;
		}
		if (n == -EPIPE && !done)
			return tcp_broken(t, m);
		if (n < 0)
			return done ? done : n;
		done += n;
		if (n)
			continue;
		if (m->nowait)
			return done ? done : -EAGAIN;
		n = SOCKET_WAIT(&t->inet.socket.waitq, may_send_more(t), deadline);
		if (!n &&
		    (READ_ONCE(t->inet.socket.error) || (READ_ONCE(t->inet.socket.shutdown) & SHUT_SEND)))
			return done ? done : tcp_broken(t, m);
		if (n)
			return done ? done : n;
	}
	return done;
}

ssize_t tcp_send(struct socket *s, struct socket_msg *m)
{
	struct tcp_sock *t = tcp_of(s), *to;
	i64 deadline = socket_deadline(s->sndtimeo);
	ssize_t n;

	if (m->flags & MSG_FASTOPEN)
		return -EOPNOTSUPP;
	if (t->stream >= 0 && READ_ONCE(t->inet.state) != TCP_LISTEN)
		return tcp_outside_send(t, m);
	n = await_connection(t, m, deadline);
	if (n)
		return n;
	if (unlikely((m->flags & (MSG_MORE | MSG_OOB)) == MSG_MORE) && hold_back(t, m, &n))
		return n;
	tcp_let_go(t);
	to = tcp_peer(t);
	if (!to)
		return tcp_broken(t, m);
	n = send_all(t, to, m, deadline);
	if (unlikely(to->resolver))
		dns_take_stream(to);
	tcp_put(to);
	return n;
}

/* --- receiving --- */

/* Where a reader stands.  A peek goes on without taking. */
struct reading {
	u64 at;
	struct tcp_chunk *chunk;
	u32 offset;
};

u64 tcp_unread(const struct tcp_sock *t)
{
	u64 n = t->bytes;

	/* An urgent byte that is not read in line is none; what is behind it counts once it is passed
	 * (Linux's tcp_inq). */
	if (!t->urgent_pending || t->inet.socket.oobinline || t->urgent_at < t->read_at)
		return n;
	return t->urgent_at == t->read_at ? n - 1 : t->urgent_at - t->read_at;
}

/* Locked: the next bytes in one piece; 0: none, or the urgent mark stands there and something was read
 * already. */
static u32 next_piece(struct tcp_sock *t, struct reading *r, bool some)
{
	u32 n;

	while (r->chunk && r->offset == r->chunk->len) {
		if (r->chunk->node.next == &t->chunks)
			return 0;
		r->chunk = list_entry(r->chunk->node.next, struct tcp_chunk, node);
		r->offset = r->chunk->offset;
	}
	if (!r->chunk)
		return 0;
	n = r->chunk->len - r->offset;
	if (!t->urgent_pending || t->urgent_at < r->at)
		return n;
	if (t->urgent_at > r->at)
		return min((u64)n, t->urgent_at - r->at);
	return some ? 0 : n;
}

static bool at_hidden_byte(const struct tcp_sock *t, const struct reading *r)
{
	return t->urgent_pending && t->urgent_at == r->at && !t->inet.socket.oobinline;
}

static void begin(struct tcp_sock *t, struct reading *r)
{
	r->at = t->read_at;
	r->chunk = list_empty(&t->chunks) ? NULL : list_first(&t->chunks, struct tcp_chunk, node);
	r->offset = r->chunk ? r->chunk->offset : 0;
}

/* Locked: n bytes are read; a chunk that is used up goes to `used`, unless it can take the next ones. */
static void consume(struct tcp_sock *t, struct reading *r, u32 n, struct list *used)
{
	struct tcp_chunk *c = r->chunk;

	r->at += n;
	r->offset += n;
	t->read_at += n;
	WRITE_ONCE(t->bytes, t->bytes - n);
	c->offset += n;
	if (t->urgent_pending && t->read_at > t->urgent_at)
		t->urgent_pending = false;
	if (c->offset < c->len)
		return;
	if (c->node.next == &t->chunks && c->room <= CHUNK_SMALL) {
		c->offset = c->len = r->offset = 0;
		return;
	}
	r->chunk = c->node.next == &t->chunks ? NULL : list_entry(c->node.next, struct tcp_chunk, node);
	r->offset = r->chunk ? r->chunk->offset : 0;
	list_del(&c->node);
	list_add_tail(&c->node, used);
}

static void free_used(struct list *used)
{
	while (!list_empty(used)) {
		struct tcp_chunk *c = list_first(used, struct tcp_chunk, node);

		list_del(&c->node);
		chunk_free(c);
	}
}

/* What is there, as far as the reader's memory goes: bytes, or -EFAULT.  read_lock held. */
static ssize_t read_some(struct tcp_sock *t, struct socket_msg *m, struct reading *r, bool some)
{
	bool peek = m->flags & MSG_PEEK, drop = m->flags & MSG_TRUNC;
	struct list used;
	ssize_t total = 0;
	u32 n, got;

	list_init(&used);
	mutex_lock(&t->inet.lock);
	begin(t, r);
	while (m->it.left && (n = next_piece(t, r, some || total))) {
		if (at_hidden_byte(t, r)) {
			if (!peek)
				consume(t, r, 1, &used);
			else
				r->at++, r->offset++;
			continue;
		}
		n = min((size_t)n, m->it.left);
		mutex_unlock(&t->inet.lock);
		if (drop) {
			iov_advance(&m->it, n);
			got = n;
		} else {
			got = iov_copy_to(&m->it, r->chunk->data + r->offset, n);
		}
		mutex_lock(&t->inet.lock);
		total += got;
		if (!peek)
			consume(t, r, got, &used);
		else
			r->at += got, r->offset += got;
		if (got < n) {
			total = total ? total : -EFAULT;
			break;
		}
	}
	mutex_unlock(&t->inet.lock);
	free_used(&used);
	return total;
}

ssize_t tcp_read_queue(struct tcp_sock *t, struct socket_msg *m)
{
	struct reading r = {0};
	ssize_t n;

	mutex_lock(&t->read_lock);
	n = read_some(t, m, &r, false);
	mutex_unlock(&t->read_lock);
	return n;
}

/* The sender waits for room, and there is some. */
static void feed(struct tcp_sock *t)
{
	struct tcp_sock *peer;
	bool wake = false;

	if (!READ_ONCE(t->starved))
		return;
	peer = tcp_peer(t);
	if (!peer)
		return;
	mutex_lock(&t->inet.lock);
	if (has_space(peer, t)) {
		wake = t->starved;
		t->starved = false;
	}
	mutex_unlock(&t->inet.lock);
	if (wake)
		waitq_wake_behind(&peer->inet.socket.waitq, EPOLLOUT | EPOLLWRNORM);
	tcp_put(peer);
}

static bool worth_looking(const struct tcp_sock *t, u64 more_than)
{
	return READ_ONCE(t->bytes) > more_than || READ_ONCE(t->inet.socket.error) ||
	       (READ_ONCE(t->inet.socket.shutdown) & SHUT_RECEIVE) || READ_ONCE(t->inet.state) == TCP_CLOSE;
}

/* Nothing is there beyond `seen` bytes: 0 at the end, an error, or 1 when it is worth looking again.  Linux's
 * tcp_recvmsg_locked. */
static int await_data(struct tcp_sock *t, const struct socket_msg *m, u64 seen, i64 deadline)
{
	struct socket *s = &t->inet.socket;
	bool done = READ_ONCE(t->done);
	u32 state = READ_ONCE(t->inet.state), down = READ_ONCE(s->shutdown);
	int err;

	/* Read after these: what was sent before an end counts. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (READ_ONCE(t->bytes) > seen)
		return 1;
	if (done)
		return 0;
	err = socket_error(s);
	if (err)
		return err;
	if (down & SHUT_RECEIVE)
		return 0;
	if (state == TCP_CLOSE)
		return -ENOTCONN;
	if (m->nowait)
		return -EAGAIN;
	err = SOCKET_WAIT(&s->waitq, worth_looking(t, seen), deadline);
	return err ? err : 1;
}

static ssize_t receive_urgent(struct tcp_sock *t, struct socket_msg *m)
{
	bool peek = m->flags & MSG_PEEK, drop = m->flags & MSG_TRUNC;
	ssize_t ret = 1;
	u8 byte;

	mutex_lock(&t->inet.lock);
	byte = t->urgent_byte;
	if (t->inet.socket.oobinline || !t->urgent_pending || t->urgent_taken)
		ret = -EINVAL;
	else if (!peek)
		t->urgent_taken = true;
	mutex_unlock(&t->inet.lock);
	if (ret < 0)
		return ret;
	m->out_flags |= MSG_OOB;
	if (!m->it.left) {
		m->out_flags |= MSG_TRUNC;
		return 0;
	}
	if (!drop && iov_copy_to(&m->it, &byte, 1) != 1)
		return -EFAULT;
	return 1;
}

static ssize_t receive_bytes(struct tcp_sock *t, struct socket_msg *m)
{
	i64 deadline = socket_deadline(t->inet.socket.rcvtimeo);
	bool peek = m->flags & MSG_PEEK;
	size_t lowat = max(t->inet.socket.rcvlowat, 1u);
	size_t target = m->flags & MSG_WAITALL ? m->it.left : min(lowat, m->it.left);
	struct reading r = {0};
	ssize_t total = 0, n;

	for (;;) {
		mutex_lock(&t->read_lock);
		n = read_some(t, m, &r, total > 0);
		mutex_unlock(&t->read_lock);
		if (n < 0)
			return total ? total : n;
		total += n;
		if (!peek && n)
			feed(t);
		if (total && ((size_t)total >= target || !m->it.left))
			return total;
		if (!m->it.left && READ_ONCE(t->bytes))
			return 0; /* who asks for nothing waits for something, as on Linux */
		/* The urgent mark ends a read. */
		if (total && READ_ONCE(t->urgent_pending) && READ_ONCE(t->urgent_at) == r.at)
			return total;
		if (peek && total)
			return total;
		n = await_data(t, m, peek ? r.at - READ_ONCE(t->read_at) : 0, deadline);
		if (n <= 0)
			return total ? total : n;
	}
}

ssize_t tcp_receive(struct socket *s, struct socket_msg *m)
{
	struct tcp_sock *t = tcp_of(s);
	u32 state = READ_ONCE(t->inet.state);

	if (m->flags & MSG_ERRQUEUE)
		return -EAGAIN;
	if (state == TCP_LISTEN)
		return -ENOTCONN;
	if (t->stream >= 0)
		return tcp_outside_receive(t, m);
	if (m->flags & MSG_OOB)
		return receive_urgent(t, m);
	return receive_bytes(t, m);
}
