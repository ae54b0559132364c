/* poll(2), ppoll(2), select(2), pselect6(2).  Waiters are heap objects, never on a stack (section 4 of the design). */
#include "libos/vfs/poll.h"
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/time/time.h"
#include "libos/vfs/fdtable.h"
#include <linux/personality.h>
#include <linux/poll.h>
#include <linux/posix_types.h>

#define FDS_FAST 16
#define READY_BATCH 32

static void queue_one(struct poll_table *pt, struct file *f, struct waitq *q)
{
	struct poll_wait *w = container_of(pt, struct poll_wait, pt);
	struct poll_entry *e;

	if (w->count == w->room) {
		/* Entries are on queues by address, so the array is sized once: the caller said how many files. */
		w->failed = true;
		return;
	}
	e = &w->entries[w->count++];
	e->waiter = (struct waiter){.thread = current};
	e->file = f; /* whose the queue is: another thread may close its descriptor meanwhile */
	file_get(f);
	list_init(&e->waiter.node);
	waitq_add(q, &e->waiter);
}

/* --- streams of the host: in the thread's wait set, where they stay, told once each time that they are asked for --- */

static int arm(struct poll_wait *w, const struct poll_member *m)
{
	u64 data = (u64)w->stamp << 32 | (u32)m->stream;
	int err = host->waitset_change(w->set, BZ_WAITSET_CHANGE, m->stream, m->events | BZ_WAIT_ONCE, data);

	return err == -BZ_ENOENT ? host->waitset_change(w->set, BZ_WAITSET_ADD, m->stream, m->events | BZ_WAIT_ONCE, data) : err;
}

static struct poll_member *member_of(struct poll_wait *w, bz_stream s)
{
	for (u32 i = 0; i < w->stream_count; i++)
		if (w->streams[i].stream == s)
			return &w->streams[i];
	return NULL;
}

static u32 stream_one(struct poll_table *pt, struct file *f, bz_stream s)
{
	struct poll_wait *w = container_of(pt, struct poll_wait, pt);
	struct poll_member *m = member_of(w, s);
	u32 events = pt->events & (BZ_WAIT_IN | BZ_WAIT_OUT | BZ_WAIT_PRI | BZ_WAIT_RDHUP);
	struct thread *t = current;

	if (m && (w->settled || !(events & ~m->events)))
		return m->told;
	if (w->settled)
		return POLL_ASK;
	if (t->waitset < 0)
		t->waitset = waitset_open();
	if (t->waitset < 0 || (!m && w->stream_count == w->stream_room)) {
		w->failed = true;
		return 0;
	}
	w->set = t->waitset;
	if (!m) {
		if (!w->stream_count)
			w->stamp = ++t->poll_stamp;
		m = &w->streams[w->stream_count++];
		*m = (struct poll_member){.stream = s};
	}
	m->events |= events;
	if (!arm(w, m))
		return 0;
	/* What the host cannot wait for (a regular file) is ready by its own poll. */
	w->stream_count--;
	return POLL_ASK;
}

static void collect(struct poll_wait *w, const struct bz_ready *r, int n)
{
	for (int i = 0; i < n; i++) {
		struct poll_member *m = r[i].data >> 32 == w->stamp ? member_of(w, (bz_stream)r[i].data) : NULL;

		if (m)
			m->told |= r[i].events;
	}
}

/* What was told made no file ready: it is waited for again. */
static void arm_again(struct poll_wait *w)
{
	for (u32 i = 0; i < w->stream_count; i++)
		if (w->streams[i].told) {
			w->streams[i].told = 0;
			arm(w, &w->streams[i]);
		}
}

void poll_wait_init(struct poll_wait *w)
{
	*w = (struct poll_wait){.set = -1};
	w->pt.queue = queue_one;
	w->pt.stream = stream_one;
}

static int reserve(struct poll_wait *w, u32 n)
{
	/* A file registers with at most two queues. */
	w->room = 2 * n;
	w->entries = kmalloc(w->room * sizeof(*w->entries));
	w->stream_room = n;
	w->streams = kmalloc(n * sizeof(*w->streams));
	return w->entries && w->streams ? 0 : -ENOMEM;
}

void poll_wait_free(struct poll_wait *w)
{
	for (u32 i = 0; i < w->count; i++) {
		waitq_remove(&w->entries[i].waiter);
		file_put(w->entries[i].file);
	}
	kfree(w->entries);
	kfree(w->streams);
	w->count = w->stream_count = 0;
	w->entries = NULL;
	w->streams = NULL;
}

int poll_set_sleep(bz_stream set, struct bz_ready *ready, u32 room, u32 seq, i64 deadline)
{
	struct thread *t = current;
	bool woken = false;
	int n;

	WRITE_ONCE(current_tcb()->interrupted, 0);
	__atomic_store_n(&t->sleep_kind, SLEEP_HOST, __ATOMIC_SEQ_CST);
	if (signal_is_pending())
		n = -EINTR;
	else if (__atomic_load_n(&t->wake_word, __ATOMIC_SEQ_CST) != seq)
		woken = true;
	else
		n = host->waitset_wait(set, ready, room, deadline);
	__atomic_store_n(&t->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
	if (woken)
		return 0;
	if (n == -EINTR)
		return signal_is_pending() ? -EINTR : 0;
	return n == 0 ? -ETIMEDOUT : n;
}

int poll_wait_sleep(struct poll_wait *w, u32 seq, i64 deadline)
{
	struct bz_ready ready[READY_BATCH];
	int n;

	if (!w->stream_count)
		return deadline ? thread_sleep(seq, deadline) : -ETIMEDOUT;
	n = deadline ? poll_set_sleep(w->set, ready, READY_BATCH, seq, deadline)
		     : host->waitset_wait(w->set, ready, READY_BATCH, 0);
	collect(w, ready, n);
	while (n == READY_BATCH) {
		n = host->waitset_wait(w->set, ready, READY_BATCH, 0);
		collect(w, ready, n);
	}
	return deadline ? min(n, 0) : -ETIMEDOUT;
}

/* Asks all files by `scan` until one is ready: how many are, or an error. */
static int poll_until(struct poll_wait *w, int (*scan)(void *arg, struct poll_table *pt), void *arg, i64 deadline)
{
	int err = 0;

	for (;;) {
		u32 seq = thread_wake_seq();
		int ready = scan(arg, &w->pt);

		if (!w->settled) {
			w->settled = true;
			w->pt.queue = NULL;
			/* Streams tell whether they are ready only now. */
			if (w->stream_count && !w->failed && (ready || !deadline)) {
				poll_wait_sleep(w, seq, 0);
				ready = scan(arg, &w->pt);
			}
			if (!deadline)
				return ready;
		}
		if (ready || err)
			return ready ? ready : err;
		if (w->failed)
			return -ENOMEM;
		arm_again(w);
		err = poll_wait_sleep(w, seq, deadline);
	}
}

struct one_file {
	struct file *file;
	u32 events;
};

static int scan_one(void *arg, struct poll_table *pt)
{
	const struct one_file *one = arg;

	pt->events = one->events;
	return (one->file->ops->poll(one->file, pt) & one->events) != 0;
}

int poll_file_wait(struct file *f, u32 events, i64 deadline)
{
	struct one_file one = {f, events};
	struct poll_wait w;
	int ret;

	poll_wait_init(&w);
	ret = reserve(&w, 1) ? -ENOMEM : poll_until(&w, scan_one, &one, deadline);
	poll_wait_free(&w);
	return min(ret, 0);
}

/* --- poll(2) --- */

static u32 poll_one(struct pollfd *p, struct poll_table *pt)
{
	u32 mask, want = (u16)p->events | EPOLLERR | EPOLLHUP;
	struct fd_use use;
	struct file *f;

	if (p->fd < 0)
		return 0;
	use = fd_use(p->fd);
	f = use.file;
	if (!f)
		return POLLNVAL;
	if (pt)
		pt->events = want;
	mask = f->ops->poll ? f->ops->poll(f, pt) : EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
	fd_unuse(use);
	return mask & want;
}

struct polled {
	struct pollfd *fds;
	u32 n;
};

static int poll_scan(void *arg, struct poll_table *pt)
{
	const struct polled *p = arg;
	int ready = 0;

	for (u32 i = 0; i < p->n; i++) {
		p->fds[i].revents = poll_one(&p->fds[i], pt);
		ready += p->fds[i].revents != 0;
	}
	return ready;
}

/* Without a stream of the host's among them, and something ready or no time to wait, nothing need be registered. */
struct glance {
	struct poll_table pt;
	bool streams;
};

static u32 glance_stream(struct poll_table *pt, struct file *f, bz_stream s)
{
	container_of(pt, struct glance, pt)->streams = true;
	return 0;
}

static int poll_loop(int (*scan)(void *arg, struct poll_table *pt), void *arg, u32 n, i64 deadline)
{
	struct glance glance = {.pt.stream = glance_stream};
	struct poll_wait w;
	int ready = scan(arg, &glance.pt);

	if (ready < 0 || (!glance.streams && (ready || !deadline)))
		return ready;
	poll_wait_init(&w);
	ready = reserve(&w, n ? n : 1) ? -ENOMEM : poll_until(&w, scan, arg, deadline);
	poll_wait_free(&w);
	return ready == -ETIMEDOUT ? 0 : ready;
}

static long poll_user(struct pollfd *ufds, unsigned int n, i64 deadline)
{
	struct pollfd fast[FDS_FAST], *fds = fast;
	long ret;

	if (n > fd_limit())
		return -EINVAL;
	if (n > FDS_FAST) {
		fds = kmalloc(n * sizeof(*fds));
		if (!fds)
			return -ENOMEM;
	}
	ret = copy_from_user(fds, ufds, n * sizeof(*fds));
	if (!ret)
		ret = poll_loop(poll_scan, &(struct polled){fds, n}, n, deadline);
	/* revents alone: the guest's `events` are its own. */
	for (unsigned int i = 0; ret >= 0 && i < n; i++)
		if (put_user(fds[i].revents, &ufds[i].revents))
			ret = -EFAULT;
	if (fds != fast)
		kfree(fds);
	return ret;
}

static long poll_restart(struct thread *t)
{
	long ret = poll_user((void *)t->restart_args[0], t->restart_args[1], t->restart_args[2]);

	return ret == -EINTR ? -ERESTART_RESTARTBLOCK : ret;
}

SYSCALL(poll, struct pollfd *ufds, unsigned int n, int timeout)
{
	struct thread *t = current;

	t->restart = poll_restart;
	t->restart_args[0] = (u64)ufds;
	t->restart_args[1] = n;
	t->restart_args[2] = timeout < 0 ? BZ_NO_DEADLINE : timeout ? deadline_after(timeout * 1000000ll) : 0;
	return poll_restart(t);
}

static int load_deadline(const struct __kernel_timespec *uts, i64 *deadline)
{
	i64 ns;
	int err;

	*deadline = BZ_NO_DEADLINE;
	if (!uts)
		return 0;
	err = timespec_load(uts, &ns);
	if (!err)
		*deadline = ns ? deadline_after(ns) : 0;
	return err;
}

/* The time left is written back, even when nothing else can be told (select(2), NOTES). */
static void store_left(struct __kernel_timespec *uts, i64 deadline)
{
	if (uts && deadline != BZ_NO_DEADLINE && !(current->personality & STICKY_TIMEOUTS))
		timespec_store(uts, deadline ? max(deadline - now_mono(), 0ll) : 0);
}

static long finish_masked(long ret)
{
	if (ret == -EINTR)
		return -ERESTARTNOHAND;	/* the handler runs with the temporary mask; delivery restores it */
	signal_temp_mask_done(false);
	return ret;
}

SYSCALL(ppoll, struct pollfd *ufds, unsigned int n, struct __kernel_timespec *uts, const sigset_kernel *umask, size_t size)
{
	i64 deadline;
	long ret = load_deadline(uts, &deadline);

	if (!ret)
		ret = signal_temp_mask(umask, size);
	if (ret)
		return ret;
	ret = poll_user(ufds, n, deadline);
	store_left(uts, deadline);
	return finish_masked(ret);
}

/* --- select(2) --- */

#define BITS_PER_LONG 64
#define SET_IN (EPOLLIN | EPOLLRDNORM | EPOLLHUP | EPOLLERR)
#define SET_OUT (EPOLLOUT | EPOLLWRNORM | EPOLLERR)
#define SET_EX EPOLLPRI

struct sets {
	u64 *in[3], *out[3];
	u32 words;
	int n;
};

static bool bit(const u64 *set, int i)
{
	return set[i / BITS_PER_LONG] >> (i % BITS_PER_LONG) & 1;
}

/* One pass: bits that hold go to out.  Their number, or -EBADF. */
static int select_scan(void *arg, struct poll_table *pt)
{
	struct sets *s = arg;
	static const u32 wanted[3] = {SET_IN, SET_OUT, SET_EX};
	int ready = 0;

	memset(s->out[0], 0, s->words * 8 * 3);
	for (int i = 0; i < s->n; i++) {
		u32 events = 0, mask;
		struct file *f;

		for (int k = 0; k < 3; k++)
			if (bit(s->in[k], i))
				events |= wanted[k];
		if (!events)
			continue;
		f = fd_get(i);
		if (!f)
			return -EBADF;
		if (pt)
			pt->events = events;
		mask = f->ops->poll ? f->ops->poll(f, pt) : EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
		file_put(f);
		for (int k = 0; k < 3; k++)
			if (bit(s->in[k], i) && (mask & wanted[k])) {
				s->out[k][i / BITS_PER_LONG] |= 1ull << (i % BITS_PER_LONG);
				ready++;
			}
	}
	return ready;
}

static long do_select(int n, u64 *uin, u64 *uout, u64 *uex, i64 deadline)
{
	u64 *user[3] = {uin, uout, uex}, *mem;
	struct sets s;
	long ret = 0;

	if (n < 0)
		return -EINVAL;
	/* Beyond the table there is nothing to look at. */
	s.n = min(n, (int)READ_ONCE(current->process->files->size));
	s.words = (s.n + BITS_PER_LONG - 1) / BITS_PER_LONG;
	if (!s.words)
		s.words = 1;
	mem = kzalloc(s.words * 8 * 6);
	if (!mem)
		return -ENOMEM;
	for (int k = 0; k < 3; k++) {
		s.in[k] = mem + k * s.words;
		s.out[k] = mem + (3 + k) * s.words;
		if (user[k] && s.n && copy_from_user(s.in[k], user[k], s.words * 8))
			ret = -EFAULT;
	}
	if (!ret)
		ret = poll_loop(select_scan, &s, s.n, deadline);
	for (int k = 0; k < 3 && ret >= 0; k++)
		if (user[k] && s.n && copy_to_user(user[k], s.out[k], s.words * 8))
			ret = -EFAULT;
	kfree(mem);
	return ret;
}

SYSCALL(select, int n, u64 *in, u64 *out, u64 *ex, struct __kernel_old_timeval *utv)
{
	struct __kernel_old_timeval tv;
	i64 deadline = BZ_NO_DEADLINE, left;
	long ret;

	if (utv) {
		if (get_user(tv, utv))
			return -EFAULT;
		if (tv.tv_sec < 0 || tv.tv_usec < 0)
			return -EINVAL;
		left = tv.tv_sec > INT64_MAX / NSEC_PER_SEC - 1 ? -1 : tv.tv_sec * NSEC_PER_SEC + tv.tv_usec * 1000;
		deadline = left ? deadline_after(left) : 0;
	}
	ret = do_select(n, in, out, ex, deadline);
	if (utv && deadline != BZ_NO_DEADLINE && !(current->personality & STICKY_TIMEOUTS)) {
		left = deadline ? max(deadline - now_mono(), 0ll) : 0;
		tv.tv_sec = left / NSEC_PER_SEC;
		tv.tv_usec = left % NSEC_PER_SEC / 1000;
		if (copy_to_user(utv, &tv, sizeof(tv)) && ret >= 0)
			return ret;
	}
	return ret == -EINTR ? -ERESTARTNOHAND : ret;
}

SYSCALL(pselect6, int n, u64 *in, u64 *out, u64 *ex, struct __kernel_timespec *uts, const u64 *usig)
{
	u64 sig[2] = {0, 0};
	i64 deadline;
	long ret = load_deadline(uts, &deadline);

	if (!ret && usig && copy_from_user(sig, usig, sizeof(sig)))
		ret = -EFAULT;
	if (!ret)
		ret = signal_temp_mask((void *)sig[0], sig[1]);
	if (ret)
		return ret;
	ret = do_select(n, in, out, ex, deadline);
	store_left(uts, deadline);
	return finish_masked(ret);
}
