/*
 * Signals about open files: who is to hear of them, and O_ASYNC, a signal each time there is something to read or room to write
 * (signal(7), fcntl(2)).  A description with O_ASYNC waits on the queues of its file as an epoll set does; a wake runs under
 * such a queue's lock, which comes behind those of signals, so the template sends what a timer tells it to.  What
 * comes meanwhile is told by the same signal.
 */
#include "libos/vfs/owner.h"
#include "libos/signal/signal.h"
#include <asm/siginfo.h>

#define QUEUES 2		/* that one file's poll names at most */
#define BAND_IN 0x41		/* POLLIN | POLLRDNORM */
#define BAND_OUT 0x304		/* POLLOUT | POLLWRNORM | POLLWRBAND */
#define BAND_MSG 0x440		/* POLLIN | POLLRDNORM | POLLMSG, in Linux's order of bits */

struct async {
	struct waiter waiters[QUEUES];
	u32 count;
	u32 happened;		/* atomic: EPOLL bits since the last signal */
	struct ktimer timer;
	struct file *file;	/* not referenced: async_release comes before it goes */
	int fd;
};

void owner_set(struct file *f, u32 type, i32 pid)
{
	const struct cred *c = &current->process->cred;

	f->owner.type = type;
	f->owner.uid = c->uid;
	f->owner.euid = c->euid;
	WRITE_ONCE(f->owner.pid, pid);
	if (pid && f->ops->owned)
		f->ops->owned(f);
}

/* As Linux's sigio_perm. */
static bool may_tell(const struct file_owner *o, const struct process *p)
{
	const struct cred *c = &p->cred;

	return !o->euid || o->euid == c->suid || o->euid == c->uid || o->uid == c->suid || o->uid == c->uid;
}

static void tell_group(const struct file_owner *o, int sig, const struct siginfo_kernel *info)
{
	struct process *p;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		if (p->pgrp == o->pid && may_tell(o, p))
			signal_send_process(p, sig, info);
	mutex_unlock(&tasklist_lock);
}

void owner_signal(const struct file_owner *o, int code, int fd)
{
	int sig = o->sig ? o->sig : SIGIO;
	struct siginfo_kernel info = {.si_signo = sig, .si_code = o->sig ? code : SI_KERNEL};
	struct process *p;
	struct thread *t;

	if (!o->pid)
		return;
	if (o->sig) {
		info.poll.band = code == POLL_IN_CODE ? BAND_IN : code == POLL_OUT_CODE ? BAND_OUT : BAND_MSG;
		info.poll.fd = fd;
	}
	if (o->type == F_OWNER_PGRP) {
		tell_group(o, sig, &info);
	} else if (o->type == F_OWNER_TID) {
		t = thread_find(o->pid);
		if (t && may_tell(o, t->process))
			signal_send_thread(t, sig, &info);
		if (t)
			thread_put(t);
	} else {
		p = process_find(o->pid);
		if (p && may_tell(o, p))
			signal_send_process(p, sig, &info);
		if (p)
			process_put(p);
	}
}

/* --- O_ASYNC --- */

/* Wakes nobody who waits. */
static bool woken(struct waiter *w, u32 events)
{
	struct async *a = w->data;

	__atomic_fetch_or(&a->happened, events, __ATOMIC_SEQ_CST);
	ktimer_set(&a->timer, 1);
	return false;
}

static void tell(struct ktimer *k)
{
	struct async *a = container_of(k, struct async, timer);
	u32 events = __atomic_exchange_n(&a->happened, 0, __ATOMIC_SEQ_CST);
	bool in = events & EPOLLIN && FMODE_CAN_READ(a->file), out = events & EPOLLOUT && FMODE_CAN_WRITE(a->file);

	if (in)
		owner_signal(&a->file->owner, POLL_IN_CODE, a->fd);
	else if (out)
		owner_signal(&a->file->owner, POLL_OUT_CODE, a->fd);
}

struct async_table {
	struct poll_table pt;
	struct async *async;
};

static void join(struct poll_table *pt, struct file *f, struct waitq *q)
{
	struct async *a = container_of(pt, struct async_table, pt)->async;
	struct waiter *w;

	if (a->count == QUEUES)
		return;
	w = &a->waiters[a->count++];
	*w = (struct waiter){.func = woken, .data = a};
	list_init(&w->node);
	waitq_add(q, w);
}

int async_set(struct file *f, int fd, bool on)
{
	struct async_table t = {.pt = {.events = EPOLLIN | EPOLLOUT, .queue = join}};
	struct async *a;

	if (!on) {
		async_release(f);
		return 0;
	}
	if (!f->ops->poll || READ_ONCE(f->async))
		return 0;
	a = kzalloc(sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->file = f;
	a->fd = fd;
	a->timer.fn = tell;
	mutex_lock(&f->lock);
	t.async = f->async ? NULL : a;
	f->async = f->async ? f->async : a;
	mutex_unlock(&f->lock);
	if (t.async)
		f->ops->poll(f, &t.pt);
	else
		kfree(a);
	if (f->ops->owned)
		f->ops->owned(f);
	return 0;
}

void async_release(struct file *f)
{
	struct async *a;

	if (likely(!READ_ONCE(f->async)))
		return;
	mutex_lock(&f->lock);
	a = f->async;
	f->async = NULL;
	mutex_unlock(&f->lock);
	if (!a)
		return;
	for (u32 i = 0; i < a->count; i++)
		waitq_remove(&a->waiters[i]);
	ktimer_cancel(&a->timer);
	kfree(a);
}
