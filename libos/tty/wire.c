/*
 * Terminals whose other end is a stream: the sandbox's console, and those of `bartizan exec -t`.  A thread of the template
 * reads it, so that ^C reaches a program that does not read.  Owns struct wire.
 */
#include "libos/tty/wire.h"
#include "libos/kernel/syscall.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"

void wire_init(struct wire *w, bz_stream stream)
{
	w->stream = stream;
	mutex_init(&w->lock, RANK_OBJECT);
}

bool wire_send(struct wire *w, struct tty *t)
{
	bool ok = true;

	mutex_lock(&w->lock);
	for (;;) {
		struct bz_iov iov;
		i64 n;

		if (w->sent == w->have) {
			mutex_lock(&t->lock);
			w->have = tty_out_take(t, w->part, sizeof(w->part));
			mutex_unlock(&t->lock);
			w->sent = 0;
			if (!w->have)
				break;
		}
		iov = (struct bz_iov){w->part + w->sent, w->have - w->sent};
		/* It does not wait, so no signal is kept waiting: an interrupt's mark would only keep bytes back. */
		WRITE_ONCE(current_tcb()->interrupted, 0);
		n = host->stream_write(w->stream, &iov, 1, BZ_OFFSET_NONE, BZ_IO_NOWAIT);
		if (n == -EINTR)
			continue;
		if (n == -EAGAIN) {
			ok = false;
			break;
		}
		w->sent = n < 0 ? w->have : w->sent + n; /* a terminal that is gone swallows it */
	}
	mutex_unlock(&w->lock);
	return ok;
}

int wire_wait(struct wire *w, struct file *f, bool all)
{
	struct tty *t = tty_of(f);

	while (!wire_send(w, t)) {
		__atomic_store_n(&current->sleep_kind, SLEEP_HOST, __ATOMIC_SEQ_CST);
		if (!signal_is_pending())
			host->stream_wait(w->stream, BZ_WAIT_OUT, now_mono() + NSEC_PER_SEC);
		__atomic_store_n(&current->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
		if (signal_is_pending())
			return -ERESTARTSYS;
	}
	if (!all && WAIT_EVENT(&t->waitq, tty_writer_room(t) || READ_ONCE(t->hung_up), BZ_NO_DEADLINE))
		return -ERESTARTSYS;
	return 0;
}

static void type(struct tty *t, const char *buf, u32 n)
{
	static u32 word;

	for (u32 done = 0; done < n && !READ_ONCE(t->hung_up);) {
		u32 got = tty_input(t, buf + done, n - done);

		done += got;
		if (!got) /* nobody reads: the rest waits, as in a host's terminal */
			host->wait(&word, 0, ~0u, 0, BZ_CLOCK_MONOTONIC, now_mono() + NSEC_PER_SEC / 50);
	}
}

void wire_read(struct wire *w, struct tty *t)
{
	char buf[256];

	for (;;) {
		struct bz_iov iov = {buf, sizeof(buf)};
		i64 n = host->stream_read(w->stream, &iov, 1, BZ_OFFSET_NONE, BZ_IO_NOWAIT);

		if (n > 0)
			type(t, buf, n);
		else if (n == -EAGAIN) /* Echo that did not go out goes when it can. */
			host->stream_wait(w->stream, wire_send(w, t) ? BZ_WAIT_IN : BZ_WAIT_IN | BZ_WAIT_OUT, BZ_NO_DEADLINE);
		else if (n == -EINTR)
			WRITE_ONCE(current_tcb()->interrupted, 0);
		else
			break;
	}
	tty_hangup(t);
}
