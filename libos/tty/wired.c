/* Terminals of `bartizan exec -t`: pseudo-terminals by name and number, whose master is a stream (wire.c). */
#include "libos/tty/pty.h"
#include "libos/tty/wire.h"

struct wired {
	struct pty pty;	/* first */
	struct wire wire;
};

static struct wired *wired_of(const struct tty *t)
{
	return (struct wired *)t;
}

static void push(struct tty *t)
{
	if (wire_send(&wired_of(t)->wire, t))
		waitq_wake_all(&t->waitq, EPOLLOUT | EPOLLWRNORM);
}

static int wait_output(struct file *f, bool all)
{
	return wire_wait(&wired_of(tty_of(f))->wire, f, all);
}

static void wired_free(struct tty *t)
{
	host->stream_close(wired_of(t)->wire.stream, 0);
	pty_free(t);
}

static const struct tty_driver driver = {
	.push = push, .wait_output = wait_output, .free = wired_free, .open = pty_open_slave, .pty = true};

struct tty *tty_create_wired(bz_stream stream, u16 rows, u16 cols)
{
	struct wired *w = (struct wired *)pty_create(&driver, sizeof(*w));

	if (IS_ERR(w))
		return ERR_PTR(PTR_ERR(w));
	wire_init(&w->wire, stream);
	w->pty.tty.size.rows = rows;
	w->pty.tty.size.cols = cols;
	return &w->pty.tty;
}

u32 tty_wired_index(const struct tty *t)
{
	return wired_of(t)->pty.index;
}

void tty_serve_wired(struct tty *t)
{
	wire_read(&wired_of(t)->wire, t);
	devpts_remove(wired_of(t)->pty.index);
	tty_put(t);
}

void tty_drain_wired(struct tty *t)
{
	struct wire *w = &wired_of(t)->wire;

	while (!READ_ONCE(t->hung_up) && !wire_send(w, t))
		host->stream_wait(w->stream, BZ_WAIT_OUT, now_mono() + NSEC_PER_SEC);
}
