/*
 * Waiting for streams, by epoll sets that the monitor hands out.  stream_wait borrows one from sandbox->poll; a slot
 * knows who has it, so that one whose borrower died is taken back.
 */
#include "host/linux/host.h"

bz_stream waitset_create(void)
{
	struct control_call call = {.request.op = BZ_REQ_WAITSET};
	int ret = control_call(&call);

	if (ret < 0)
		return ret;
	if (call.fd < 0 || call.fd >= (int32_t)HOST_STREAMS) {
		if (call.fd >= 0)
			SYS(close, call.fd);
		return -BZ_EMFILE;
	}
	stream_handles[call.fd] = 0;
	return call.fd;
}

int waitset_change(bz_stream set, uint32_t op, bz_stream s, uint32_t events, uint64_t data)
{
	struct bz_ready event = {events, data};

	if (op < BZ_WAITSET_ADD || op > BZ_WAITSET_CHANGE)
		return -BZ_EINVAL;
	if (!stream_is_descriptor(set) || !stream_is_descriptor(s))
		return -BZ_EBADF;
	return SYS(epoll_ctl, set, op, s, &event);
}

/* Returns how many are ready, 0 at the deadline, -BZ_EINTR if someone interrupted the thread. */
int waitset_wait(bz_stream set, struct bz_ready *ready, uint32_t n, int64_t deadline)
{
	struct host_timespec ts, *timeout;
	long ret;

	for (;;) {
		timeout = NULL;
		if (deadline != BZ_NO_DEADLINE) {
			int64_t left = deadline <= 0 ? 0 : deadline - clock_read(BZ_CLOCK_MONOTONIC);

			if (left < 0)
				left = 0;
			ts = (struct host_timespec){left / BILLION, left % BILLION};
			timeout = &ts;
		}
		ret = SYS_BLOCKING(epoll_pwait2, set, ready, n, timeout, 0, 8);
		if (ret != -BZ_EINTR || READ_ONCE(block_self()->tcb.interrupted))
			return ret;
	}
}

/* A set for the calling thread's use: its slot in *slot, or -1 if it is a spare one, to be closed. */
static int poll_borrow(int *slot)
{
	uint32_t self = block_self()->tcb.tid;

	for (int i = 0; i < POLL_SLOTS; i++) {
		struct poll_slot *p = &sandbox->poll[i];
		uint32_t owner = READ_ONCE(p->owner);

		if (owner && (owner == self || thread_exists(owner)))
			continue;
		if (!__atomic_compare_exchange_n(&p->owner, &owner, self, false, __ATOMIC_SEQ_CST,
						 __ATOMIC_SEQ_CST))
			continue;
		*slot = i;
		if (owner && p->set) {
			/* Its borrower died with a member in it. */
			SYS(close, p->set);
			p->set = 0;
		}
		if (!p->set) {
			int set = waitset_create();

			if (set < 0) {
				__atomic_store_n(&p->owner, 0, __ATOMIC_SEQ_CST);
				return set;
			}
			p->set = set;
		}
		return p->set;
	}
	*slot = -1;
	return waitset_create();
}

static void poll_return(int slot, int set)
{
	if (slot < 0)
		SYS(close, set);
	else
		__atomic_store_n(&sandbox->poll[slot].owner, 0, __ATOMIC_SEQ_CST);
}

int stream_wait(bz_stream s, uint32_t events, int64_t deadline)
{
	struct bz_ready ready = {0};
	int slot, set, ret;

	set = poll_borrow(&slot);
	if (set < 0)
		return set;
	ret = waitset_change(set, BZ_WAITSET_ADD, s, events, 0);
	if (ret == -BZ_EPERM) {
		/* A regular file: always ready. */
		ret = events & (BZ_WAIT_IN | BZ_WAIT_OUT);
	} else if (ret == 0) {
		ret = waitset_wait(set, &ready, 1, deadline);
		if (ret > 0)
			ret = ready.events;
		waitset_change(set, BZ_WAITSET_REMOVE, s, 0, 0);
	}
	poll_return(slot, set);
	return ret;
}

static int control_receive(struct bz_control *ctl)
{
	struct bz_iov iov = {ctl, sizeof(*ctl)};
	long n = SYS(preadv2, BZ_FD_EVENTS, &iov, 1, -1, 0, 0); /* the monitor made it non-blocking */

	if (n == 0)
		return -BZ_EPIPE;
	return n == sizeof(*ctl) ? 1 : 0;
}

/* The stream of changes was made by another picoprocess.  By edges: who waits for changes may read them too. */
static void control_watch_changes(void)
{
	struct bz_ready event = {BZ_WAIT_IN | BZ_WAIT_EDGE, 1};
	int32_t s = __atomic_load_n(&sandbox->changes, __ATOMIC_SEQ_CST);

	if (s && s != host.changes && stream_is_descriptor(s)) {
		SYS(epoll_ctl, host.control_epoll, BZ_WAITSET_ADD, s, &event);
		host.changes = s;
	}
}

/*
 * The template has one thread, which must see a message, a word and deaths at once.  It sleeps in epoll; a wake of
 * the word that sandbox->control_word names sends it an interrupt (wait.c), and so does SIGCHLD.
 */
int control_next(struct bz_control *ctl, uint32_t *word, uint32_t expected, int64_t deadline)
{
	struct bz_ready ready, event = {BZ_WAIT_IN, 0};
	struct block *b = block_self();
	int ret;

	if (!host.is_template)
		return -BZ_EPERM;
	if (!host.control_epoll) {
		ret = waitset_create();
		if (ret < 0)
			return ret;
		host.control_epoll = ret;
		ret = SYS(epoll_ctl, host.control_epoll, BZ_WAITSET_ADD, BZ_FD_EVENTS, &event);
		if (ret < 0)
			return ret;
	}
	control_watch_changes();
	__atomic_store_n(&host.template_watching, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&sandbox->control_word, (uint64_t)word, __ATOMIC_SEQ_CST);
	if (__atomic_exchange_n(&host.template_woken, 0, __ATOMIC_SEQ_CST) ||
	    __atomic_load_n(word, __ATOMIC_SEQ_CST) != expected)
		deadline = 0;
	if (__atomic_load_n(&sandbox->broken, __ATOMIC_SEQ_CST))
		host_die("the sandbox cannot go on");
	ret = waitset_wait(host.control_epoll, &ready, 1, deadline);
	__atomic_store_n(&host.template_watching, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&sandbox->control_word, 0, __ATOMIC_SEQ_CST);
	WRITE_ONCE(b->tcb.interrupted, 0);
	if (ret <= 0)
		return ret == -BZ_EINTR ? 0 : ret;
	if (ready.data)
		return 0;
	ret = control_receive(ctl);
	if (ret == -BZ_EPIPE)
		host_die("the monitor has gone");
	return ret;
}
