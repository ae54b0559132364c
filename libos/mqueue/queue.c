/*
 * The messages of a queue: mq_timedsend(2), mq_timedreceive(2), mq_notify(2), and what read(2) and poll(2) tell of it.  The
 * queue's lock protects it; a message goes straight to who waits for one, and room straight to who waits for that.
 */
#include "libos/kernel/syscall.h"
#include "libos/mqueue/mqueue.h"
#include "libos/signal/signal.h"
#include "libos/socket/socket.h"
#include "libos/time/time.h"

#define EVENT_SIGNAL 0
#define EVENT_NONE 1
#define EVENT_THREAD 2
#define COOKIE_MESSAGE 1
#define COOKIE_REMOVED 2

struct user_sigevent {
	u64 value;
	i32 signo, notify;
	i32 pad[12];
};

static struct file *queue_file(int fd, u32 access)
{
	struct file *f = fd_get(fd);

	if (f && f->ops == &mqueue_fops && (access != 4 || FMODE_CAN_READ(f)) && (access != 2 || FMODE_CAN_WRITE(f)))
		return f;
	if (f)
		file_put(f);
	return NULL;
}

/* An absolute time as the monotonic clock's; null: never. */
static int load_deadline(const struct __kernel_timespec *uts, i64 *deadline)
{
	i64 ns;
	int err;

	*deadline = BZ_NO_DEADLINE;
	if (!uts)
		return 0;
	err = timespec_load(uts, &ns);
	if (!err)
		*deadline = clock_to_mono(CLOCK_REALTIME, ns);
	return err;
}

/* --- notification: once, when a message comes to an empty queue that nobody waits at --- */

/* The descriptor's C library reads from it, in a thread of its own. */
static void post_cookie(struct mq_notify *n, u8 what)
{
	struct socket *s = file_socket(n->socket);

	n->cookie[MQ_COOKIE - 1] = what;
	s->ops->post(s, n->cookie, MQ_COOKIE);
}

/* Queue locked; what is returned is to be put when it is not. */
static struct file *forget_notify(struct mqueue *q, bool removed)
{
	struct file *socket = q->notify.socket;

	if (socket && removed)
		post_cookie(&q->notify, COOKIE_REMOVED);
	process_put(q->notify.process);
	q->notify.process = NULL;
	q->notify.socket = NULL;
	return socket;
}

static struct file *notify(struct mqueue *q)
{
	struct siginfo_kernel info = {.si_signo = q->notify.signo, .si_code = SI_MESGQ};

	if (!q->notify.process)
		return NULL;
	info.kill.pid = current->process->pid;
	info.kill.uid = current->process->cred.uid;
	info.kill.value = q->notify.value;
	if (q->notify.kind == EVENT_SIGNAL && q->notify.signo)
		signal_send_process(q->notify.process, q->notify.signo, &info);
	if (q->notify.kind == EVENT_THREAD)
		post_cookie(&q->notify, COOKIE_MESSAGE);
	return forget_notify(q, false);
}

/* Takes n's references when it returns 0; *spent is to be put without the lock. */
static int set_notify(struct mqueue *q, struct mq_notify *n, struct file **spent)
{
	struct process *p = current->process;

	if (!n) {
		if (q->notify.process == p)
			*spent = forget_notify(q, true);
		return 0;
	}
	if (q->notify.process)
		return -EBUSY;
	ref_get(&p->refs);
	q->notify = *n;
	q->notify.process = p;
	return 0;
}

/* EVENT_THREAD: the C library reads from a netlink socket, whose descriptor is in signo, the cookie that value points to. */
static int check_event(const struct user_sigevent *ev, struct mq_notify *n)
{
	struct socket *s;
	struct file *f;

	*n = (struct mq_notify){.value = ev->value, .kind = ev->notify, .signo = ev->signo};
	if (ev->notify == EVENT_SIGNAL)
		return (u32)ev->signo > NSIG_MAX ? -EINVAL : 0;
	if (ev->notify != EVENT_THREAD)
		return ev->notify == EVENT_NONE ? 0 : -EINVAL;
	f = fd_get(ev->signo);
	if (!f)
		return -EBADF;
	if (copy_from_user(n->cookie, (void *)ev->value, MQ_COOKIE)) {
		file_put(f);
		return -EFAULT;
	}
	s = file_socket(f);
	if (s && s->ops->post) {
		n->socket = f;
		return 0;
	}
	file_put(f);
	return s ? -EINVAL : -ENOTSOCK;
}

SYSCALL(mq_notify, int fd, const struct user_sigevent *uev)
{
	struct mq_notify n = {0};
	struct file *f, *spent = NULL;
	struct user_sigevent ev;
	struct mqueue *q;
	int err;

	if (uev) {
		err = copy_from_user(&ev, uev, sizeof(ev));
		if (!err)
			err = check_event(&ev, &n);
		if (err)
			return err;
	}
	f = queue_file(fd, 0);
	if (!f) {
		file_put(n.socket);
		return -EBADF;
	}
	q = mqueue_of(f->inode);
	mutex_lock(&q->lock);
	err = set_notify(q, uev ? &n : NULL, &spent);
	mutex_unlock(&q->lock);
	file_put(err ? n.socket : spent);
	file_put(f);
	return err;
}

/* --- messages --- */

static void insert(struct mqueue *q, struct mq_message *m)
{
	struct list *at = q->messages.prev;

	while (at != &q->messages && list_entry(at, struct mq_message, node)->priority < m->priority)
		at = at->prev;
	list_add(&m->node, at);
	q->count++;
	q->bytes += m->len;
}

static struct mq_message *take_first(struct mqueue *q)
{
	struct mq_message *m = list_first(&q->messages, struct mq_message, node);

	list_del(&m->node);
	q->count--;
	q->bytes -= m->len;
	return m;
}

void mqueue_drain(struct mqueue *q)
{
	while (q->count)
		kfree(take_first(q));
	if (q->notify.process)
		file_put(forget_notify(q, true));
}

static void touch(struct inode *inode)
{
	i64 now = now_real();

	WRITE_ONCE(inode->atime, now);
	WRITE_ONCE(inode->mtime, now);
	WRITE_ONCE(inode->ctime, now);
}

/* Queue locked, and there is room. */
static void post(struct mqueue *q, struct mq_message *m, struct turn_wakes *wakes, struct file **spent)
{
	if (!list_empty(&q->receivers)) {
		struct mq_receiver *r = list_first(&q->receivers, struct mq_receiver, turn.node);

		r->message = m;
		turn_finish(&r->turn, 0, wakes);
		return;
	}
	insert(q, m);
	if (q->count == 1)
		*spent = notify(q);
	waitq_wake_all(&q->waitq, EPOLLIN | EPOLLRDNORM);
}

/* Queue locked, and there is a message.  Its room is that of the first who waits for some. */
static struct mq_message *fetch(struct mqueue *q, struct turn_wakes *wakes)
{
	struct mq_message *m = take_first(q);

	if (list_empty(&q->senders)) {
		waitq_wake_all(&q->waitq, EPOLLOUT | EPOLLWRNORM);
	} else {
		struct mq_sender *s = list_first(&q->senders, struct mq_sender, turn.node);

		insert(q, s->message);
		turn_finish(&s->turn, 0, wakes);
	}
	return m;
}

/* Queue locked; free afterwards. */
static int wait_for_room(struct mqueue *q, struct mq_message *m, i64 deadline)
{
	struct mq_sender *s = kmalloc(sizeof(*s));
	int err;

	if (!s) {
		mutex_unlock(&q->lock);
		return -ENOMEM;
	}
	s->message = m;
	turn_begin(&s->turn, &q->senders);
	mutex_unlock(&q->lock);
	err = turn_wait(&s->turn, &q->lock, deadline);
	kfree(s);
	return err == -EINTR ? -ERESTARTSYS : err;
}

/* Takes m when it returns 0. */
static int send(struct file *f, struct mq_message *m, i64 deadline)
{
	struct mqueue *q = mqueue_of(f->inode);
	struct turn_wakes wakes;
	struct file *spent = NULL;

	wakes.count = 0;
	mutex_lock(&q->lock);
	if (q->count == q->max_count) {
		if (!(READ_ONCE(f->flags) & O_NONBLOCK))
			return wait_for_room(q, m, deadline);
		mutex_unlock(&q->lock);
		return -EAGAIN;
	}
	post(q, m, &wakes, &spent);
	touch(f->inode);
	mutex_unlock(&q->lock);
	file_put(spent);
	turn_wake(&wakes);
	return 0;
}

SYSCALL(mq_timedsend, int fd, const char *umsg, size_t len, unsigned int priority, const struct __kernel_timespec *uts)
{
	struct mq_message *m;
	struct file *f;
	i64 deadline;
	int err = load_deadline(uts, &deadline);

	if (err)
		return err;
	if (priority >= MQ_PRIO_MAX)
		return -EINVAL;
	f = queue_file(fd, 2);
	if (!f)
		return -EBADF;
	if (len > mqueue_of(f->inode)->max_size) {
		file_put(f);
		return -EMSGSIZE;
	}
	m = kmalloc(sizeof(*m) + len);
	err = m ? copy_from_user(m->data, umsg, len) : -ENOMEM;
	if (!err) {
		m->priority = priority;
		m->len = len;
		err = send(f, m, deadline);
	}
	if (err)
		kfree(m);
	file_put(f);
	return err;
}

/* Queue locked; free afterwards. */
static struct mq_message *wait_for_message(struct mqueue *q, i64 deadline)
{
	struct mq_receiver *r = kmalloc(sizeof(*r));
	struct mq_message *m;
	int err;

	if (!r) {
		mutex_unlock(&q->lock);
		return ERR_PTR(-ENOMEM);
	}
	turn_begin(&r->turn, &q->receivers);
	mutex_unlock(&q->lock);
	err = turn_wait(&r->turn, &q->lock, deadline);
	m = err ? ERR_PTR(err == -EINTR ? -ERESTARTSYS : err) : r->message;
	kfree(r);
	return m;
}

static struct mq_message *receive(struct file *f, i64 deadline)
{
	struct mqueue *q = mqueue_of(f->inode);
	struct turn_wakes wakes;
	struct mq_message *m;

	wakes.count = 0;
	mutex_lock(&q->lock);
	if (!q->count) {
		if (!(READ_ONCE(f->flags) & O_NONBLOCK))
			return wait_for_message(q, deadline);
		mutex_unlock(&q->lock);
		return ERR_PTR(-EAGAIN);
	}
	m = fetch(q, &wakes);
	touch(f->inode);
	mutex_unlock(&q->lock);
	turn_wake(&wakes);
	return m;
}

SYSCALL(mq_timedreceive, int fd, char *umsg, size_t len, unsigned int *upriority, const struct __kernel_timespec *uts)
{
	struct mq_message *m;
	struct file *f;
	i64 deadline;
	long ret = load_deadline(uts, &deadline);

	if (ret)
		return ret;
	f = queue_file(fd, 4);
	if (!f)
		return -EBADF;
	if (len < mqueue_of(f->inode)->max_size) {
		file_put(f);
		return -EMSGSIZE;
	}
	m = receive(f, deadline);
	file_put(f);
	if (IS_ERR(m))
		return PTR_ERR(m);
	ret = m->len;
	if ((upriority && put_user(m->priority, upriority)) || copy_to_user(umsg, m->data, m->len))
		ret = -EFAULT;
	kfree(m);
	return ret;
}

SYSCALL(mq_getsetattr, int fd, const struct mq_attr *unew, struct mq_attr *uold)
{
	struct mq_attr new, old = {0};
	struct mqueue *q;
	struct file *f;

	if (unew && copy_from_user(&new, unew, sizeof(new)))
		return -EFAULT;
	if (unew && (new.mq_flags & ~(long)O_NONBLOCK))
		return -EINVAL;
	f = queue_file(fd, 0);
	if (!f)
		return -EBADF;
	q = mqueue_of(f->inode);
	mutex_lock(&f->lock);
	old.mq_flags = f->flags & O_NONBLOCK;
	old.mq_maxmsg = q->max_count;
	old.mq_msgsize = q->max_size;
	old.mq_curmsgs = READ_ONCE(q->count);
	if (unew)
		f->flags = (f->flags & ~(u32)O_NONBLOCK) | new.mq_flags;
	mutex_unlock(&f->lock);
	file_put(f);
	return uold && copy_to_user(uold, &old, sizeof(old)) ? -EFAULT : 0;
}

/* --- a queue as a file --- */

static ssize_t queue_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct mqueue *q = mqueue_of(f->inode);
	struct mq_notify *n = &q->notify;
	char text[80];
	size_t len, done;

	mutex_lock(&q->lock);
	len = snprintf(text, sizeof(text), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", (unsigned long)q->bytes,
		       n->process ? n->kind : 0, n->process && n->kind == EVENT_SIGNAL ? n->signo : 0,
		       n->process ? n->process->pid : 0);
	mutex_unlock(&q->lock);
	if (*pos < 0 || *pos >= (i64)len)
		return 0;
	len = min(len - (size_t)*pos, it->left);
	done = iov_copy_to(it, text + *pos, len);
	*pos += done;
	return done || !len ? (ssize_t)done : -EFAULT;
}

static u32 queue_poll(struct file *f, struct poll_table *pt)
{
	struct mqueue *q = mqueue_of(f->inode);
	u64 count;

	poll_wait(pt, f, &q->waitq);
	count = READ_ONCE(q->count);
	return (count ? EPOLLIN | EPOLLRDNORM : 0) | (count < q->max_count ? EPOLLOUT | EPOLLWRNORM : 0);
}

/* Who closes a descriptor of the queue hears of it no more (mq_close(3)). */
static int queue_flush(struct file *f)
{
	struct mqueue *q = mqueue_of(f->inode);
	struct file *spent = NULL;

	mutex_lock(&q->lock);
	if (q->notify.process == current->process)
		spent = forget_notify(q, true);
	mutex_unlock(&q->lock);
	file_put(spent);
	return 0;
}

const struct file_ops mqueue_fops = {.read = queue_read, .poll = queue_poll, .flush = queue_flush};
