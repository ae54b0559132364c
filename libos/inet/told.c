/*
 * Signals about connections beyond the sandbox: SIGURG for who owns a socket with urgent data (fcntl(2), F_SETOWN), and O_ASYNC.  Bytes come by
 * the host, so nobody here notices; a thread of the template waits for those sockets that asked for it.  It begins with the first of them.
 * told_lock protects the list; what is in it is not referenced, but taken out before its stream is closed.
 */
#include "libos/inet/internal.h"
#include "libos/vfs/poll.h"

#define BATCH 8

static struct mutex told_lock = MUTEX_INIT(RANK_DCACHE);
static struct list told = LIST_INIT(told);
static bz_stream set = -1; /* inet_lock */

static struct tcp_sock *find(u64 data)
{
	struct tcp_sock *t, *found = NULL;

	mutex_lock(&told_lock);
	list_for_each(t, &told, told)
		if ((u64)t == data && ref_get_unless_zero(&t->inet.refs))
			found = t;
	mutex_unlock(&told_lock);
	return found;
}

static void tell(struct tcp_sock *t, u32 events)
{
	/* The host tells of the same byte again when more comes: once is enough, until it is read. */
	if ((events & BZ_WAIT_PRI) && !__atomic_exchange_n(&t->urgent_told, true, __ATOMIC_SEQ_CST))
		tcp_tell_owner(t);
	waitq_wake_all(&t->inet.socket.waitq, events);
	tcp_put(t);
}

static void run(void *arg)
{
	struct bz_ready ready[BATCH];
	struct tcp_sock *t;

	for (;;) {
		int n;

		WRITE_ONCE(current_tcb()->interrupted, 0);
		n = host->waitset_wait(set, ready, BATCH, BZ_NO_DEADLINE);
		if (n < 0 && n != -EINTR)
			break;
		for (int i = 0; i < n; i++)
			if ((t = find(ready[i].data)))
				tell(t, ready[i].events);
	}
	host->thread_exit(NULL);
}

/* Threads of the template are its own to make: by a timer, which runs there. */
static void begin(struct ktimer *k)
{
	static struct service service = {.magic = SERVICE_MAGIC, .run = run};

	if (host->thread_create(&service) < 0)
		printk(BZ_LOG_WARN, "network: no thread for SIGURG and SIGIO of connections");
}

static bool open_set(void)
{
	static struct ktimer timer = {.fn = begin};

	if (set < 0) {
		set = waitset_open();
		if (set >= 0)
			ktimer_set(&timer, 1);
	}
	return set >= 0;
}

void tcp_told_begin(struct tcp_sock *t)
{
	const struct file *f = t->inet.file;
	u32 events = BZ_WAIT_EDGE | BZ_WAIT_PRI;
	bool is_in;

	if (t->stream < 0 || !f || (!f->owner.pid && !f->async) || !open_set())
		return;
	if (f->async)
		events |= BZ_WAIT_IN | BZ_WAIT_OUT | BZ_WAIT_RDHUP;
	mutex_lock(&told_lock);
	is_in = !list_empty(&t->told);
	if (!is_in)
		list_add(&t->told, &told);
	mutex_unlock(&told_lock);
	host->waitset_change(set, is_in ? BZ_WAITSET_CHANGE : BZ_WAITSET_ADD, t->stream, events, (u64)t);
}

void tcp_told_end(struct tcp_sock *t)
{
	bool is_in;

	mutex_lock(&told_lock);
	is_in = !list_empty(&t->told);
	list_del(&t->told);
	mutex_unlock(&told_lock);
	if (is_in)
		host->waitset_change(set, BZ_WAITSET_REMOVE, t->stream, 0, 0);
}
