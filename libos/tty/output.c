/*
 * What goes to a terminal's screen: programs' output and echo, through output processing (OPOST, termios(3))
 * into one ring that the driver empties.  Nothing here waits with tty->lock held, so that ^C works while
 * output is stuck.
 */
#include "libos/tty/tty.h"
#include "libos/signal/signal.h"
#include <linux/tty.h>

static void put(struct tty *t, char c)
{
	if (t->out_used < TTY_OUT)
		t->out[(t->out_head + t->out_used++) & (TTY_OUT - 1)] = c;
}

void tty_echo_text(struct tty *t, const char *s, u32 n)
{
	while (n--)
		put(t, *s++);
}

/* One byte through OPOST: at most 8 bytes. */
static void post(struct tty *t, u8 c)
{
	u32 flags = t->termios.c_oflag, n;

	if (!(flags & OPOST)) {
		put(t, c);
		return;
	}
	switch (c) {
	case '\n':
		if (flags & ONLRET)
			t->column = 0;
		if (flags & ONLCR) {
			t->column = 0;
			put(t, '\r');
		}
		break;
	case '\r':
		if ((flags & ONOCR) && t->column == 0)
			return;
		if (flags & OCRNL) {
			c = '\n';
			if (flags & ONLRET)
				t->column = 0;
			break;
		}
		t->column = 0;
		break;
	case '\t':
		n = 8 - (t->column & 7);
		t->column += n;
		if ((flags & TABDLY) == XTABS) {
			tty_echo_text(t, "        ", n);
			return;
		}
		break;
	case '\b':
		if (t->column)
			t->column--;
		break;
	default:
		if (c >= 0x20 && c != 0x7f && !((t->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80))
			t->column++;
	}
	put(t, c);
}

void tty_echo(struct tty *t, u8 c)
{
	post(t, c);
}

u32 tty_out_ready(const struct tty *t)
{
	return t->stopped ? min(t->out_before_stop, t->out_used) : t->out_used;
}

u32 tty_out_take(struct tty *t, char *buf, u32 n)
{
	n = min(n, tty_out_ready(t));
	for (u32 i = 0; i < n; i++)
		buf[i] = t->out[(t->out_head + i) & (TTY_OUT - 1)];
	t->out_head = (t->out_head + n) & (TTY_OUT - 1);
	t->out_used -= n;
	t->out_before_stop -= min(n, t->out_before_stop);
	return n;
}

void tty_out_flush(struct tty *t)
{
	t->out_used = t->out_before_stop = 0;
}

void tty_stop(struct tty *t)
{
	if (t->stopped)
		return;
	t->stopped = true;
	t->out_before_stop = t->out_used;
	if (t->driver->flow)
		t->driver->flow(t, TIOCPKT_STOP);
}

void tty_start_output(struct tty *t)
{
	if (!t->stopped || t->stopped_by_call)
		return;
	t->stopped = false;
	if (t->driver->flow)
		t->driver->flow(t, TIOCPKT_START);
}

u32 tty_writer_room(const struct tty *t)
{
	u32 room = t->out_used < TTY_OUT_WRITERS ? TTY_OUT_WRITERS - t->out_used : 0;

	if (t->stopped)
		return 0;
	return t->termios.c_oflag & OPOST ? room / 8 : room; /* a tab may become eight spaces */
}

/* What there is room for; 0: none, -EFAULT. */
static ssize_t put_some(struct tty *t, struct iov_iter *it)
{
	char in[256];
	ssize_t done = 0;

	mutex_lock(&t->lock);
	while (it->left && tty_writer_room(t)) {
		size_t room = min((size_t)tty_writer_room(t), sizeof(in)), want = min(it->left, room);
		size_t n = iov_copy_from(it, in, want);

		if (!n) {
			done = done ? done : -EFAULT;
			break;
		}
		for (size_t i = 0; i < n; i++)
			post(t, in[i]);
		done += n;
	}
	mutex_unlock(&t->lock);
	return done;
}

ssize_t tty_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct tty *t = tty_of(f);
	ssize_t done = 0, n;
	int err;

	if (READ_ONCE(t->hung_up))
		return -EIO;
	if (t->termios.c_lflag & TOSTOP) {
		err = tty_job_control(t, SIGTTOU);
		if (err)
			return err;
	}
	while (it->left) {
		if (READ_ONCE(t->hung_up))
			return done ? done : -EIO;
		n = put_some(t, it);
		if (n < 0)
			return done ? done : n;
		done += n;
		t->driver->push(t);
		if (!n && (io_flags(f, it) & O_NONBLOCK))
			return done ? done : -EAGAIN;
		if (!n && t->driver->wait_output(f, false))
			return done ? done : -ERESTARTSYS;
	}
	t->driver->wait_output(f, true);
	return done;
}
