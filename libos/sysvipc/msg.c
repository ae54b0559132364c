/*
 * System V message queues: msgget(2), msgsnd(2), msgrcv(2), msgctl(2).  The queue's lock protects its messages and who
 * waits: a message goes straight to the first receiver that wants it; senders that find no room try again when some is made.
 */
#include "libos/sysvipc/ipc.h"
#include "libos/proc/proc.h"
#include <linux/msg.h>

struct message {
	struct list node;
	i64 type;
	size_t len;
	char data[];
};

struct msg_queue {
	struct ipc_object ipc;
	struct list messages;	/* in order of arrival */
	struct list senders;	/* struct msg_sender */
	struct list receivers;	/* struct msg_receiver */
	u64 bytes, count, max_bytes;
	u64 stime, rtime, ctime;
	i32 last_sender, last_receiver;
};

struct msg_sender {
	struct turn turn;
	size_t len;
};

struct msg_wish {		/* what a receiver asks for */
	i64 type;
	int flags;
	size_t size;
};

struct msg_receiver {
	struct turn turn;
	struct msg_wish wish;
	struct message *message; /* what it was handed */
};

static struct msg_queue *msg_queue(struct ipc_object *o)
{
	return container_of(o, struct msg_queue, ipc);
}

/* --- queues --- */

static struct ipc_object *make(const struct ipc_params *p)
{
	struct msg_queue *q = kzalloc(sizeof(*q));

	if (!q)
		return ERR_PTR(-ENOMEM);
	list_init(&q->messages);
	list_init(&q->senders);
	list_init(&q->receivers);
	q->max_bytes = MSGMNB;
	q->ctime = ipc_seconds();
	return &q->ipc;
}

static int check(const struct ipc_object *o, const struct ipc_params *p)
{
	return 0;
}

static void release(struct ipc_object *o)
{
	struct msg_queue *q = msg_queue(o);
	struct message *m, *tmp;

	list_for_each_safe(m, tmp, &q->messages, node)
		kfree(m);
	kfree(q);
}

static void show(struct seq *s, const struct ipc_object *o)
{
	const struct msg_queue *q = container_of(o, struct msg_queue, ipc);

	seq_printf(s, "%10d %10d  %4o  %10lu %10lu %5u %5u %5u %5u %5u %5u %10lu %10lu %10lu\n", o->key, o->id, o->mode,
		   (unsigned long)q->bytes, (unsigned long)q->count, q->last_sender, q->last_receiver, o->uid, o->gid,
		   o->cuid, o->cgid, (unsigned long)q->stime, (unsigned long)q->rtime, (unsigned long)q->ctime);
}

struct ipc_ids msg_ids = {
	.lock = MUTEX_INIT(RANK_OBJECT), .limit = MSGMNI, .next_id = -1, .make = make, .check = check, .free = release,
	.show = show};

SYSCALL(msgget, int key, int flags)
{
	struct ipc_params p = {.key = key, .flags = flags};

	return ipc_get(&msg_ids, &p);
}

/* --- which message is whose --- */

static bool wanted(const struct msg_wish *w, const struct message *m)
{
	if (!w->type)
		return true;
	if (w->type < 0)
		return m->type <= (w->type == INT64_MIN ? INT64_MAX : -w->type);
	return (m->type == w->type) == !(w->flags & MSG_EXCEPT);
}

/* The first that is wanted; of those up to a type, the first of the lowest.  MSG_COPY: by number. */
static struct message *find(struct msg_queue *q, const struct msg_wish *w)
{
	struct message *m, *best = NULL;
	i64 at = 0;

	list_for_each(m, &q->messages, node) {
		if (w->flags & MSG_COPY ? at++ != w->type : !wanted(w, m))
			continue;
		if (w->type >= 0 || (w->flags & MSG_COPY))
			return m;
		if (!best || m->type < best->type)
			best = m;
	}
	return best;
}

/* Give m to a receiver that waits for it; those for whom it is too long are told so. */
static bool hand_over(struct msg_queue *q, struct message *m, struct turn_wakes *wakes)
{
	struct msg_receiver *r, *tmp;

	list_for_each_safe(r, tmp, &q->receivers, turn.node) {
		if (!wanted(&r->wish, m))
			continue;
		if (m->len > r->wish.size && !(r->wish.flags & MSG_NOERROR)) {
			turn_finish(&r->turn, -E2BIG, wakes);
			continue;
		}
		q->last_receiver = r->turn.thread->process->pid;
		q->rtime = ipc_seconds();
		r->message = m;
		turn_finish(&r->turn, 0, wakes);
		return true;
	}
	return false;
}

static bool has_room(const struct msg_queue *q, size_t len)
{
	return q->bytes + len <= q->max_bytes && q->count + 1 <= q->max_bytes;
}

static void wake_senders(struct msg_queue *q, struct turn_wakes *wakes)
{
	struct msg_sender *s, *tmp;

	list_for_each_safe(s, tmp, &q->senders, turn.node)
		if (has_room(q, s->len))
			turn_finish(&s->turn, 0, wakes);
}

/* --- sending --- */

/* Queue locked, and again when it returns 0: there may be room now. */
static int wait_for_room(struct msg_queue *q, size_t len)
{
	struct msg_sender *s = kmalloc(sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->len = len;
	turn_begin(&s->turn, &q->senders);
	mutex_unlock(&q->ipc.lock);
	err = turn_wait(&s->turn, &q->ipc.lock, BZ_NO_DEADLINE);
	kfree(s);
	mutex_lock(&q->ipc.lock);
	return err == -EINTR ? -ERESTARTNOHAND : err;
}

/* Takes m when it returns 0. */
static int send(struct msg_queue *q, struct message *m, int flags)
{
	struct turn_wakes wakes;
	int err;

	wakes.count = 0;
	mutex_lock(&q->ipc.lock);
	do {
		err = q->ipc.removed ? -EIDRM : ipc_access(&q->ipc, 0222);
		if (err || has_room(q, m->len))
			break;
		err = flags & IPC_NOWAIT ? -EAGAIN : wait_for_room(q, m->len);
	} while (!err);
	if (!err) {
		q->last_sender = current->process->pid;
		q->stime = ipc_seconds();
		if (!hand_over(q, m, &wakes)) {
			list_add_tail(&m->node, &q->messages);
			q->bytes += m->len;
			q->count++;
		}
	}
	mutex_unlock(&q->ipc.lock);
	turn_wake(&wakes);
	return err;
}

SYSCALL(msgsnd, int id, const struct msgbuf *umsg, size_t size, int flags)
{
	struct ipc_object *o;
	struct message *m;
	i64 type;
	int err;

	if (get_user(type, &umsg->mtype))
		return -EFAULT;
	if (size > MSGMAX || id < 0 || type < 1)
		return -EINVAL;
	m = kmalloc(sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	m->type = type;
	m->len = size;
	err = copy_from_user(m->data, umsg->mtext, size);
	if (!err) {
		o = ipc_find(&msg_ids, id);
		err = IS_ERR(o) ? PTR_ERR(o) : send(msg_queue(o), m, flags);
		if (!IS_ERR(o))
			ipc_put(&msg_ids, o);
	}
	if (err)
		kfree(m);
	return err;
}

/* --- receiving --- */

static struct message *copy_message(const struct message *m)
{
	struct message *c = kmalloc(sizeof(*c) + m->len);

	if (!c)
		return ERR_PTR(-ENOMEM);
	memcpy(c, m, sizeof(*c) + m->len);
	return c;
}

static struct message *take(struct msg_queue *q, struct message *m, const struct msg_wish *w, struct turn_wakes *wakes)
{
	if (m->len > w->size && !(w->flags & MSG_NOERROR))
		return ERR_PTR(-E2BIG);
	if (w->flags & MSG_COPY)
		return copy_message(m);
	list_del(&m->node);
	q->bytes -= m->len;
	q->count--;
	q->rtime = ipc_seconds();
	q->last_receiver = current->process->pid;
	wake_senders(q, wakes);
	return m;
}

/* Queue locked; it is free afterwards. */
static struct message *wait_for_message(struct msg_queue *q, const struct msg_wish *w)
{
	struct msg_receiver *r = kmalloc(sizeof(*r));
	struct message *m;
	int err;

	if (!r) {
		mutex_unlock(&q->ipc.lock);
		return ERR_PTR(-ENOMEM);
	}
	r->wish = *w;
	turn_begin(&r->turn, &q->receivers);
	mutex_unlock(&q->ipc.lock);
	err = turn_wait(&r->turn, &q->ipc.lock, BZ_NO_DEADLINE);
	m = err ? ERR_PTR(err == -EINTR ? -ERESTARTNOHAND : err) : r->message;
	kfree(r);
	return m;
}

static struct message *receive(struct msg_queue *q, const struct msg_wish *w)
{
	struct turn_wakes wakes;
	struct message *m;
	int err;

	do {
		wakes.count = 0;
		mutex_lock(&q->ipc.lock);
		err = q->ipc.removed ? -EIDRM : ipc_access(&q->ipc, 0444);
		m = err ? ERR_PTR(err) : find(q, w);
		if (m && !IS_ERR(m))
			m = take(q, m, w, &wakes);
		else if (!m && (w->flags & IPC_NOWAIT))
			m = ERR_PTR(-ENOMSG);
		if (!m) {
			m = wait_for_message(q, w);
		} else {
			mutex_unlock(&q->ipc.lock);
			turn_wake(&wakes);
		}
		/* IPC_SET may have given or taken rights: look again. */
	} while (IS_ERR(m) && PTR_ERR(m) == -EAGAIN);
	return m;
}

SYSCALL(msgrcv, int id, struct msgbuf *umsg, size_t size, long type, int flags)
{
	struct msg_wish w = {.type = type, .flags = flags, .size = size};
	struct ipc_object *o;
	struct message *m;
	long ret;

	if (id < 0 || (ssize_t)size < 0)
		return -EINVAL;
	if ((flags & MSG_COPY) && (!(flags & IPC_NOWAIT) || (flags & MSG_EXCEPT)))
		return -EINVAL;
	o = ipc_find(&msg_ids, id);
	if (IS_ERR(o))
		return PTR_ERR(o);
	m = receive(msg_queue(o), &w);
	ipc_put(&msg_ids, o);
	if (IS_ERR(m))
		return PTR_ERR(m);
	ret = min(size, m->len);
	if (put_user((__kernel_long_t)m->type, &umsg->mtype) || copy_to_user(umsg->mtext, m->data, ret))
		ret = -EFAULT;
	kfree(m);
	return ret;
}

/* --- control --- */

static long info(int cmd, struct msginfo *uinfo)
{
	struct msginfo i = {.msgpool = MSGPOOL, .msgmap = MSGMAP, .msgmax = MSGMAX, .msgmnb = MSGMNB, .msgmni = msg_ids.limit,
			    .msgssz = MSGSSZ, .msgtql = MSGTQL, .msgseg = MSGSEG};
	i32 last = ipc_max_index(&msg_ids);
	struct ipc_object *o;
	u32 index = 0;

	if (cmd == MSG_INFO) {
		i.msgpool = i.msgmap = i.msgtql = 0;
		while ((o = ipc_next(&msg_ids, &index))) {
			i.msgpool++;
			i.msgmap += READ_ONCE(msg_queue(o)->count);
			i.msgtql += READ_ONCE(msg_queue(o)->bytes);
			ipc_put(&msg_ids, o);
		}
	}
	return copy_to_user(uinfo, &i, sizeof(i)) ? -EFAULT : last;
}

static long stat(int id, int cmd, struct msqid64_ds *uds)
{
	struct ipc_object *o = cmd == IPC_STAT ? ipc_find(&msg_ids, id) : ipc_find_index(&msg_ids, id);
	struct msqid64_ds ds = {0};
	struct msg_queue *q;
	long ret;

	if (IS_ERR(o))
		return PTR_ERR(o);
	q = msg_queue(o);
	ret = cmd == MSG_STAT_ANY ? 0 : ipc_access(o, 0444);
	if (!ret) {
		mutex_lock(&o->lock);
		ipc_fill_perm(&ds.msg_perm, o);
		ds.msg_stime = q->stime;
		ds.msg_rtime = q->rtime;
		ds.msg_ctime = q->ctime;
		ds.msg_cbytes = q->bytes;
		ds.msg_qnum = q->count;
		ds.msg_qbytes = q->max_bytes;
		ds.msg_lspid = q->last_sender;
		ds.msg_lrpid = q->last_receiver;
		ret = o->removed ? -EIDRM : cmd == IPC_STAT ? 0 : o->id;
		mutex_unlock(&o->lock);
	}
	ipc_put(&msg_ids, o);
	return ret < 0 ? ret : copy_to_user(uds, &ds, sizeof(ds)) ? -EFAULT : ret;
}

/* All who wait: with an error, or to try again under new rights and limits. */
static void release_waiting(struct msg_queue *q, int receivers, int senders, struct turn_wakes *wakes)
{
	while (!list_empty(&q->receivers))
		turn_finish(&list_first(&q->receivers, struct msg_receiver, turn.node)->turn, receivers, wakes);
	while (!list_empty(&q->senders))
		turn_finish(&list_first(&q->senders, struct msg_sender, turn.node)->turn, senders, wakes);
}

static int set(struct msg_queue *q, const struct msqid64_ds *ds, struct turn_wakes *wakes)
{
	int err;

	if (ds->msg_qbytes > MSGMNB && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	err = ipc_set_perm(&q->ipc, &ds->msg_perm);
	if (err)
		return err;
	q->max_bytes = ds->msg_qbytes;
	q->ctime = ipc_seconds();
	release_waiting(q, -EAGAIN, 0, wakes);
	return 0;
}

static long change(int id, int cmd, const struct msqid64_ds *uds)
{
	struct turn_wakes wakes = {0};
	struct msqid64_ds ds;
	struct ipc_object *o;
	long ret;

	if (cmd == IPC_SET && copy_from_user(&ds, uds, sizeof(ds)))
		return -EFAULT;
	o = ipc_find_owned(&msg_ids, id);
	if (IS_ERR(o))
		return PTR_ERR(o);
	mutex_lock(&o->lock);
	ret = o->removed ? -EIDRM : 0;
	if (!ret && cmd == IPC_SET) {
		ret = set(msg_queue(o), &ds, &wakes);
	} else if (!ret) {
		o->removed = true;
		release_waiting(msg_queue(o), -EIDRM, -EIDRM, &wakes);
	}
	mutex_unlock(&o->lock);
	turn_wake(&wakes);
	if (!ret && cmd == IPC_RMID)
		ipc_remove(&msg_ids, o);
	ipc_put(&msg_ids, o);
	return ret;
}

SYSCALL(msgctl, int id, int cmd, struct msqid64_ds *arg)
{
	if (id < 0 || cmd < 0)
		return -EINVAL;
	switch (cmd) {
	case IPC_INFO:
	case MSG_INFO:
		return info(cmd, (struct msginfo *)arg);
	case IPC_STAT:
	case MSG_STAT:
	case MSG_STAT_ANY:
		return stat(id, cmd, arg);
	case IPC_SET:
	case IPC_RMID:
		return change(id, cmd, arg);
	}
	return -EINVAL;
}
