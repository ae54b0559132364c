/* Messages of AF_UNIX: what send and receive do for streams, datagrams and packets, in the order of Linux's checks. */
#include "libos/unix/internal.h"
#include "libos/signal/signal.h"

#define MIN_FREE 32u			/* a datagram leaves so much of the sender's buffer */
#define STREAM_MAX 36544u		/* bytes of one message of a stream: Linux's head of a page less its end, and 8 pages */
#define LINEAR_MAX 16064u		/* of a datagram's bytes, those in one piece */

static u32 stream_size(u32 n)
{
	u32 pages = n > 3776 ? min(n, (u32)PAGE_ALIGN(n - 3776)) : 0;

	return socket_linear_size(n - pages) + PAGE_ALIGN(pages);
}

struct unix_msg *unix_msg_alloc(struct unix_sock *from, u32 len, u32 truesize)
{
	struct unix_msg *m = kmalloc(sizeof(*m) + len);

	if (!m)
		return NULL;
	*m = (struct unix_msg){.from = from, .truesize = truesize, .len = len};
	m->cred = (struct ucred){0, 65534, 65534};
	__atomic_add_fetch(&from->wmem, truesize, __ATOMIC_RELAXED);
	return m;
}

/* The sender may be gone but for this charge: it is woken before the last byte of it goes. */
static void uncharge(struct unix_sock *from, u32 truesize)
{
	if (truesize > 1) {
		__atomic_sub_fetch(&from->wmem, truesize - 1, __ATOMIC_SEQ_CST);
		if (unix_writable(from))
			waitq_wake_behind(&from->socket.waitq, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	}
	if (__atomic_sub_fetch(&from->wmem, 1, __ATOMIC_ACQ_REL))
		return;
	unix_addr_put(from->addr);
	kfree(from);
}

void unix_msg_free(struct unix_msg *m)
{
	if (m->flying) {
		mutex_lock(&unix_lock);
		unix_rights_land(m->rights);
		mutex_unlock(&unix_lock);
	}
	if (m->rights)
		unix_rights_free(m->rights);
	if (m->embryo)
		unix_release(&m->embryo->socket);
	uncharge(m->from, m->truesize);
	kfree(m);
}

void unix_enqueue(struct unix_sock *to, struct unix_msg *m)
{
	list_add_tail(&m->node, &to->queue);
	to->bytes += m->len;
	if (m->rights) {
		to->with_rights++;
		m->flying = true;
		unix_rights_fly(m->rights);
	}
	WRITE_ONCE(to->queued, to->queued + 1);
}

void unix_dequeue(struct unix_sock *u, struct unix_msg *m)
{
	list_del(&m->node);
	u->bytes -= m->len - m->offset;
	u->with_rights -= m->rights != NULL;
	WRITE_ONCE(u->queued, u->queued - 1);
}

/* Lock the queue for putting a message there, or for taking what is there: unix_lock comes first where rights move. */
static void lock_for(struct unix_sock *to, const struct unix_msg *m)
{
	if (m->rights)
		mutex_lock(&unix_lock);
	mutex_lock(&to->lock);
}

static void unlock_for(struct unix_sock *to, bool rights)
{
	mutex_unlock(&to->lock);
	if (rights)
		mutex_unlock(&unix_lock);
}

static bool lock_queue(struct unix_sock *u)
{
	mutex_lock(&u->lock);
	if (likely(!u->with_rights))
		return false;
	mutex_unlock(&u->lock);
	mutex_lock(&unix_lock);
	mutex_lock(&u->lock);
	return true;
}

/* --- sending --- */

static bool has_room(const struct unix_sock *u)
{
	return READ_ONCE(u->wmem) - 1 < READ_ONCE(u->socket.sndbuf);
}

/* Linux's sock_alloc_send_pskb. */
static int await_room(struct unix_sock *u, bool nowait, i64 deadline)
{
	struct socket *s = &u->socket;

	for (;;) {
		int err = socket_error(s);

		if (err)
			return err;
		if (READ_ONCE(s->shutdown) & SHUT_SEND)
			return -EPIPE;
		if (has_room(u))
			return 0;
		if (nowait)
			return -EAGAIN;
		err = SOCKET_WAIT(&s->waitq, has_room(u) || READ_ONCE(s->error) || (READ_ONCE(s->shutdown) & SHUT_SEND), deadline);
		if (err)
			return err;
	}
}

static bool wants_cred(const struct unix_sock *u, const struct unix_sock *to)
{
	return u->socket.passcred || to->socket.passcred;
}

/* The message with its bytes and what comes with it; takes the control's rights when it is made. */
static struct unix_msg *make_message(struct unix_sock *u, struct unix_sock *to, struct socket_msg *m, u32 n, u32 truesize,
				     struct unix_control *c)
{
	struct unix_msg *msg = unix_msg_alloc(u, n, truesize);
	struct process *p = current->process;

	if (!msg)
		return ERR_PTR(-ENOBUFS);
	if (n && iov_copy_from(&m->it, msg->data, n) < n) {
		unix_msg_free(msg);
		return ERR_PTR(-EFAULT);
	}
	if (c->has_cred)
		msg->cred = c->cred;
	else if (wants_cred(u, to))
		msg->cred = (struct ucred){p->pid, p->cred.uid, p->cred.gid};
	if (c->rights) {
		int err = unix_rights_limit(c->rights);

		if (err) {
			unix_msg_free(msg);
			return ERR_PTR(err);
		}
		msg->rights = c->rights;
		c->rights = NULL;
	}
	return msg;
}

static int broken(const struct socket_msg *m)
{
	return m->flags & MSG_NOSIGNAL ? -EPIPE : signal_pipe_broken();
}

/* One piece of a stream: bytes, or an error. */
static ssize_t send_piece(struct unix_sock *u, struct unix_sock *to, struct socket_msg *m, i64 deadline, struct unix_control *c,
			  bool *pipe)
{
	size_t most = min(u->socket.sndbuf / 2 - 64, STREAM_MAX);
	u32 n = min(m->it.left, most);
	struct unix_msg *msg;
	bool gone, rights;
	int err = await_room(u, m->nowait, deadline);

	if (err)
		return err;
	msg = make_message(u, to, m, n, stream_size(n), c);
	if (IS_ERR(msg))
		return PTR_ERR(msg);
	rights = msg->rights;
	lock_for(to, msg);
	gone = to->dead || (to->socket.shutdown & SHUT_RECEIVE);
	if (!gone)
		unix_enqueue(to, msg);
	unlock_for(to, rights);
	if (gone) {
		unix_msg_free(msg);
		*pipe = true;
		return -EPIPE;
	}
	waitq_wake_behind(&to->socket.waitq, EPOLLIN | EPOLLRDNORM);
	return n;
}

static ssize_t send_stream(struct unix_sock *u, struct socket_msg *m, struct unix_control *c)
{
	i64 deadline = socket_deadline(u->socket.sndtimeo);
	struct unix_sock *to = READ_ONCE(u->peer);
	bool pipe = false;
	ssize_t done = 0, n = 0;

	if (m->name.len)
		return READ_ONCE(u->state) == UNIX_CONNECTED ? -EISCONN : -EOPNOTSUPP;
	if (!to)
		return -ENOTCONN;
	if (READ_ONCE(u->socket.shutdown) & SHUT_SEND) {
		pipe = true;
		n = -EPIPE;
	}
	while (n >= 0 && m->it.left) {
		n = send_piece(u, to, m, deadline, c, &pipe);
		if (n > 0)
			done += n;
	}
	if (done)
		return done;
	return pipe ? broken(m) : n;
}

/* Locked: may it go there now?  0, 1: the queue is full, or an error. */
static int may_send(struct unix_sock *u, struct unix_sock *to)
{
	if (to->dead)
		return -ECONNREFUSED;
	if (to->peer && to->peer != u)
		return -EPERM;
	if (to->socket.shutdown & SHUT_RECEIVE)
		return -EPIPE;
	return to->peer != u && unix_queue_full(to);
}

static int deliver(struct unix_sock *u, struct unix_sock *to, struct unix_msg *msg, bool nowait, i64 deadline)
{
	bool rights = msg->rights;

	for (;;) {
		int err;

		lock_for(to, msg);
		err = may_send(u, to);
		if (!err)
			unix_enqueue(to, msg);
		unlock_for(to, rights);
		if (err <= 0)
			return err;
		if (nowait)
			return -EAGAIN;
		err = SOCKET_WAIT(&unix_room, !unix_queue_full(to) || READ_ONCE(to->socket.shutdown), deadline);
		if (err)
			return err;
	}
}

/* A peer that is closed is forgotten by the first datagram that meets it. */
static void forget_peer(struct unix_sock *u, struct unix_sock *to)
{
	bool forget;

	mutex_lock(&u->lock);
	forget = u->peer == to && u->socket.type == SOCK_DGRAM;
	if (forget) {
		u->peer = NULL;
		WRITE_ONCE(u->state, UNIX_UNCONNECTED);
	}
	mutex_unlock(&u->lock);
	if (forget)
		unix_put(to);
}

/* Who gets it, referenced. */
static int receiver(struct unix_sock *u, const struct socket_msg *m, struct unix_sock **to)
{
	int err;

	if (m->name.len && u->socket.type == SOCK_DGRAM) {
		err = unix_name_check(&m->name);
		return err ? err : unix_find(&m->name, SOCK_DGRAM, to);
	}
	mutex_lock(&u->lock);
	*to = u->peer;
	if (*to)
		ref_get(&(*to)->refs);
	mutex_unlock(&u->lock);
	return *to ? 0 : -ENOTCONN;
}

static ssize_t send_datagram(struct unix_sock *u, struct socket_msg *m, struct unix_control *c)
{
	i64 deadline = socket_deadline(u->socket.sndtimeo);
	struct unix_sock *to = NULL;
	struct unix_msg *msg;
	size_t n = m->it.left;
	int err;

	if (u->socket.type == SOCK_SEQPACKET && READ_ONCE(u->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	err = receiver(u, m, &to);
	if (err)
		return err;
	if (u->socket.passcred)
		err = unix_autobind(u);
	if (!err && n > u->socket.sndbuf - MIN_FREE)
		err = -EMSGSIZE;
	if (!err)
		err = await_room(u, m->nowait, deadline);
	if (!err) {
		msg = make_message(u, to, m, n, socket_truesize(n), c);
		err = IS_ERR(msg) ? PTR_ERR(msg) : deliver(u, to, msg, m->nowait, deadline);
		if (err && !IS_ERR(msg))
			unix_msg_free(msg);
		if (!err)
			waitq_wake_behind(&to->socket.waitq, EPOLLIN | EPOLLRDNORM);
		if (err == -ECONNREFUSED)
			forget_peer(u, to);
	}
	unix_put(to);
	return err ? err : (ssize_t)n;
}

ssize_t unix_send(struct socket *s, struct socket_msg *m)
{
	struct unix_sock *u = unix_of(s);
	struct unix_control c = {0};
	ssize_t ret;

	if (m->control_len) {
		ret = unix_control_in(m, &c);
		if (ret)
			return ret;
	}
	if (m->flags & MSG_OOB)
		ret = -EOPNOTSUPP;
	else if (u->stream >= 0)
		ret = c.rights ? -EPERM : unix_beyond_send(u, m);
	else
		ret = s->type == SOCK_STREAM ? send_stream(u, m, &c) : send_datagram(u, m, &c);
	if (c.rights)
		unix_rights_free(c.rights);
	return ret;
}

/* --- receiving --- */

/* What the messages that were read bring besides their bytes. */
struct received {
	struct ucred cred;
	bool any, other;	/* of a sender; the next one is another's */
	struct unix_rights *rights;
};

static void tell_control(struct unix_sock *u, struct socket_msg *m, struct received *r)
{
	if (u->socket.passcred && r->any)
		socket_put_control(m, SOL_SOCKET, SCM_CREDENTIALS, &r->cred, sizeof(r->cred));
	if (r->rights) {
		unix_rights_out(m, r->rights);
		unix_rights_free(r->rights);
	}
}

static void note_sender(struct received *r, struct socket_msg *m, const struct unix_msg *msg)
{
	const struct unix_addr *a = __atomic_load_n(&msg->from->addr, __ATOMIC_ACQUIRE);

	if (r->any)
		return;
	r->any = true;
	r->cred = msg->cred;
	if (a)
		m->name = a->name;
}

/* Locked: the first message's rights, which are the reader's now; copies for a peek. */
static void take_rights(struct unix_sock *u, struct received *r, struct unix_msg *msg, bool peek)
{
	if (!msg->rights)
		return;
	if (peek) {
		r->rights = unix_rights_copy(msg->rights);
		return;
	}
	unix_rights_land(msg->rights);
	msg->flying = false;
	u->with_rights--;
	r->rights = msg->rights;
	msg->rights = NULL;
}

static bool same_sender(const struct unix_sock *u, const struct received *r, const struct unix_msg *msg)
{
	return !u->socket.passcred || !r->any ||
	       (r->cred.pid == msg->cred.pid && r->cred.uid == msg->cred.uid && r->cred.gid == msg->cred.gid);
}

/* Locked: as many messages as fill the reader's memory.  What is used up goes to `done`. */
static ssize_t read_stream(struct unix_sock *u, struct socket_msg *m, struct received *r, struct list *done)
{
	bool peek = m->flags & MSG_PEEK;
	struct unix_msg *msg, *next;
	ssize_t total = 0;

	list_for_each_safe(msg, next, &u->queue, node) {
		u32 n = min((size_t)(msg->len - msg->offset), m->it.left);
		size_t got;

		r->other = !same_sender(u, r, msg);
		if (!m->it.left || r->other)
			break;
		note_sender(r, m, msg);
		got = iov_copy_to(&m->it, msg->data + msg->offset, n);
		if (got < n && !got)
			return total ? total : -EFAULT;
		total += got;
		take_rights(u, r, msg, peek);
		if (!peek) {
			msg->offset += got;
			u->bytes -= got;
			if (msg->offset < msg->len)
				break;
			unix_dequeue(u, msg);
			list_add_tail(&msg->node, done);
		}
		if (r->rights)
			break;
	}
	return total;
}

static bool readable(const struct unix_sock *u)
{
	return READ_ONCE(u->queued) || READ_ONCE(u->socket.error) || (READ_ONCE(u->socket.shutdown) & SHUT_RECEIVE);
}

/* Nothing is there: 0 at the end, an error, or 1 when it is worth looking again. */
static int await_data(struct unix_sock *u, const struct socket_msg *m, i64 deadline)
{
	u32 down = READ_ONCE(u->socket.shutdown);
	int err = READ_ONCE(u->socket.error);

	/* Read after these two: what was sent before an end counts. */
	if (READ_ONCE(u->queued))
		return 1;
	err = err ? socket_error(&u->socket) : 0;
	if (err)
		return err;
	if (down & SHUT_RECEIVE)
		return u->socket.type == SOCK_DGRAM && m->nowait ? -EAGAIN : 0;
	if (m->nowait)
		return -EAGAIN;
	err = SOCKET_WAIT(&u->socket.waitq, readable(u), deadline);
	return err ? err : 1;
}

static ssize_t receive_stream(struct unix_sock *u, struct socket_msg *m)
{
	i64 deadline = socket_deadline(u->socket.rcvtimeo);
	size_t target = m->flags & MSG_WAITALL ? m->it.left : min((size_t)u->socket.rcvlowat, m->it.left);
	struct received r = {0};
	struct list done;
	ssize_t total = 0, n = 1;

	if (READ_ONCE(u->state) != UNIX_CONNECTED)
		return -EINVAL;
	list_init(&done);
	for (;;) {
		bool rights = lock_queue(u);

		n = read_stream(u, m, &r, &done);
		unlock_for(u, rights);
		while (!list_empty(&done)) {
			struct unix_msg *msg = list_first(&done, struct unix_msg, node);

			list_del(&msg->node);
			unix_msg_free(msg);
		}
		if (n > 0)
			total += n;
		if (n < 0 || r.rights || r.other || (size_t)total >= target || (n && (m->flags & MSG_PEEK)))
			break;
		n = await_data(u, m, deadline);
		if (n <= 0)
			break;
	}
	tell_control(u, m, &r);
	return total ? total : n > 0 ? 0 : n;
}

/* Its control goes to r once its bytes have reached the reader. */
static ssize_t read_datagram(struct socket_msg *m, struct unix_msg *msg, struct received *r)
{
	u32 n = min((size_t)msg->len, m->it.left);

	note_sender(r, m, msg);
	if (iov_copy_to(&m->it, msg->data, n) < n)
		return -EFAULT;
	if (n < msg->len)
		m->out_flags |= MSG_TRUNC;
	return m->flags & MSG_TRUNC ? msg->len : n;
}

/* False: there was none. */
static bool try_datagram(struct unix_sock *u, struct socket_msg *m, struct received *r, ssize_t *ret)
{
	bool peek = m->flags & MSG_PEEK, rights = lock_queue(u), was_full = unix_queue_full(u);
	struct unix_msg *msg = u->queued ? list_first(&u->queue, struct unix_msg, node) : NULL;

	if (msg) {
		if (peek)
			*ret = read_datagram(m, msg, r);
		take_rights(u, r, msg, peek);
		if (!peek)
			unix_dequeue(u, msg);
	}
	unlock_for(u, rights);
	if (!msg || peek)
		return msg;
	*ret = read_datagram(m, msg, r);
	unix_msg_free(msg);
	if (was_full)
		waitq_wake_all(&unix_room, EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND);
	return true;
}

static ssize_t receive_datagram(struct unix_sock *u, struct socket_msg *m)
{
	i64 deadline = socket_deadline(u->socket.rcvtimeo);
	struct received r = {0};
	ssize_t ret = socket_error(&u->socket);

	if (u->socket.type == SOCK_SEQPACKET && READ_ONCE(u->state) != UNIX_CONNECTED)
		return -ENOTCONN;
	if (ret)
		return ret;
	while (!try_datagram(u, m, &r, &ret)) {
		ret = await_data(u, m, deadline);
		if (ret <= 0)
			return ret;
	}
	if (ret >= 0)
		tell_control(u, m, &r);
	else if (r.rights)
		unix_rights_free(r.rights);
	return ret;
}

ssize_t unix_receive(struct socket *s, struct socket_msg *m)
{
	if (m->flags & (MSG_OOB | MSG_ERRQUEUE))
		return m->flags & MSG_OOB ? -EOPNOTSUPP : -EAGAIN;
	if (unix_of(s)->stream >= 0)
		return unix_beyond_receive(unix_of(s), m);
	return s->type == SOCK_STREAM ? receive_stream(unix_of(s), m) : receive_datagram(unix_of(s), m);
}
