/*
 * The line discipline, termios(3): canonical editing, echo, signals, flow control, output processing.  Bytes are
 * processed when they arrive (tty_input), so that ^C works while nobody reads.
 */
#include "libos/tty/tty.h"
#include "libos/signal/signal.h"

#define DISABLED 0

static const struct termios2 default_termios = {
	.c_iflag = ICRNL | IXON,
	.c_oflag = OPOST | ONLCR,
	.c_cflag = B38400 | CS8 | CREAD | HUPCL,
	.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.c_cc = {[VINTR] = 3, [VQUIT] = 28, [VERASE] = 127, [VKILL] = 21, [VEOF] = 4, [VTIME] = 0, [VMIN] = 1,
		 [VSTART] = 17, [VSTOP] = 19, [VSUSP] = 26, [VREPRINT] = 18, [VDISCARD] = 15, [VWERASE] = 23, [VLNEXT] = 22},
	.c_ispeed = 38400,
	.c_ospeed = 38400,
};

struct tty *tty_create(ssize_t (*output)(struct tty *, const char *, size_t, bool))
{
	struct tty *t = kzalloc(sizeof(*t));

	if (!t)
		return NULL;
	t->refs = 1;
	mutex_init(&t->lock, RANK_OBJECT);
	waitq_init(&t->waitq);
	t->termios = default_termios;
	t->size = (struct winsize_kernel){24, 80, 0, 0};
	t->output = output;
	return t;
}

void tty_put(struct tty *t)
{
	if (t && ref_put(&t->refs))
		kfree(t);
}

static bool lflag(const struct tty *t, u32 flag)
{
	return t->termios.c_lflag & flag;
}

static bool is_cc(const struct tty *t, u8 c, int which)
{
	return c == t->termios.c_cc[which] && t->termios.c_cc[which] != DISABLED;
}

/* --- output --- */

/* One byte through OPOST into at most 8 bytes; returns how many. */
static u32 post(struct tty *t, u8 c, char *out)
{
	u32 flags = t->termios.c_oflag, n;

	if (!(flags & OPOST)) {
		out[0] = c;
		return 1;
	}
	switch (c) {
	case '\n':
		if (flags & ONLCR) {
			t->column = 0;
			out[0] = '\r';
			out[1] = '\n';
			return 2;
		}
		break;
	case '\r':
		if ((flags & ONOCR) && t->column == 0)
			return 0;
		if (flags & OCRNL) {
			out[0] = '\n';
			return 1;
		}
		t->column = 0;
		break;
	case '\t':
		n = 8 - (t->column & 7);
		t->column += n;
		if ((flags & TABDLY) == XTABS) {
			memset(out, ' ', n);
			return n;
		}
		out[0] = c;
		return 1;
	case '\b':
		if (t->column)
			t->column--;
		break;
	default:
		if (c >= 0x20 && (c & 0xc0) != 0x80)
			t->column++;
	}
	out[0] = c;
	return 1;
}

static void echo_raw(struct tty *t, const char *s, u32 n)
{
	t->output(t, s, n, false);
}

static void echo_byte(struct tty *t, u8 c)
{
	char out[8];
	u32 n;

	if (lflag(t, ECHOCTL) && (c < 0x20 || c == 0x7f) && c != '\t' && c != '\n') {
		out[0] = '^';
		out[1] = c ^ 0x40;
		t->column += 2;
		echo_raw(t, out, 2);
		return;
	}
	n = post(t, c, out);
	echo_raw(t, out, n);
}

/* --- input --- */

static void put_cooked(struct tty *t, u8 c)
{
	if (t->used == TTY_BUF)
		return;
	t->buf[(t->head + t->used++) & (TTY_BUF - 1)] = c;
}

static u32 width_of(const struct tty *t, u8 c)
{
	if ((c & 0xc0) == 0x80)
		return 0;
	return lflag(t, ECHOCTL) && (c < 0x20 || c == 0x7f) && c != '\t' ? 2 : 1;
}

static void erase_echo(struct tty *t, u8 c)
{
	if (!lflag(t, ECHO))
		return;
	if (!lflag(t, ECHOE)) {
		echo_byte(t, t->termios.c_cc[VERASE]);
		return;
	}
	for (u32 w = width_of(t, c); w; w--) {
		echo_raw(t, "\b \b", 3);
		if (t->column)
			t->column--;
	}
}

static void erase_one(struct tty *t)
{
	u8 c;

	/* With IUTF8 a whole character goes. */
	do {
		c = t->edit[--t->edit_len];
		erase_echo(t, c);
	} while ((t->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80 && t->edit_len);
}

static bool word_byte(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static void erase_word(struct tty *t)
{
	while (t->edit_len && !word_byte(t->edit[t->edit_len - 1]))
		erase_one(t);
	while (t->edit_len && word_byte(t->edit[t->edit_len - 1]))
		erase_one(t);
}

static void erase_line(struct tty *t)
{
	if (lflag(t, ECHOKE) && lflag(t, ECHOE)) {
		while (t->edit_len)
			erase_one(t);
		return;
	}
	t->edit_len = 0;
	if (lflag(t, ECHO)) {
		echo_byte(t, t->termios.c_cc[VKILL]);
		if (lflag(t, ECHOK))
			echo_byte(t, '\n');
	}
}

static void finish_line(struct tty *t)
{
	for (u32 i = 0; i < t->edit_len; i++)
		put_cooked(t, t->edit[i]);
	t->edit_len = 0;
	t->lines++;
}

static void flush_input(struct tty *t)
{
	t->head = t->used = t->lines = t->edit_len = 0;
}

/* A signal character: to the foreground group, with what was typed thrown away.  The signal itself is sent by the caller,
 * once the lock is free. */
static int signal_for(struct tty *t, u8 c)
{
	if (!lflag(t, ISIG))
		return 0;
	if (is_cc(t, c, VINTR))
		return SIGINT;
	if (is_cc(t, c, VQUIT))
		return SIGQUIT;
	return is_cc(t, c, VSUSP) ? SIGTSTP : 0;
}

static bool edit_byte(struct tty *t, u8 c)
{
	if (is_cc(t, c, VERASE) || (c == '\b' && t->termios.c_cc[VERASE] == '\b')) {
		if (t->edit_len)
			erase_one(t);
		return true;
	}
	if (lflag(t, IEXTEN) && is_cc(t, c, VWERASE)) {
		erase_word(t);
		return true;
	}
	if (is_cc(t, c, VKILL)) {
		erase_line(t);
		return true;
	}
	if (lflag(t, IEXTEN) && is_cc(t, c, VLNEXT)) {
		t->lnext = true;
		if (lflag(t, ECHO) && lflag(t, ECHOCTL))
			echo_raw(t, "^\b", 2);
		return true;
	}
	if (lflag(t, IEXTEN) && is_cc(t, c, VREPRINT)) {
		echo_byte(t, c);
		echo_byte(t, '\n');
		for (u32 i = 0; i < t->edit_len; i++)
			echo_byte(t, t->edit[i]);
		return true;
	}
	return false;
}

static void canonical(struct tty *t, u8 c)
{
	bool eof = !t->lnext && is_cc(t, c, VEOF);

	if (!t->lnext && edit_byte(t, c))
		return;
	if (!t->lnext && (c == '\n' || eof || is_cc(t, c, VEOL) || (lflag(t, IEXTEN) && is_cc(t, c, VEOL2)))) {
		if (!eof && (lflag(t, ECHO) || (c == '\n' && lflag(t, ECHONL))))
			echo_byte(t, c);
		if (!eof && t->edit_len < TTY_BUF)
			t->edit[t->edit_len++] = c;
		/* ^D ends the line without being part of it; the mark keeps an empty one apart from nothing. */
		if (eof) {
			if (t->edit_len < TTY_BUF)
				t->edit[t->edit_len++] = 0;
			finish_line(t);
			t->buf[(t->head + t->used - 1) & (TTY_BUF - 1)] = 0;
			t->eof_pending = true;
			return;
		}
		finish_line(t);
		return;
	}
	t->lnext = false;
	if (t->edit_len >= TTY_BUF - 1)
		return;
	t->edit[t->edit_len++] = c;
	if (lflag(t, ECHO))
		echo_byte(t, c);
}

static bool flow_control(struct tty *t, u8 c)
{
	if (!(t->termios.c_iflag & IXON))
		return false;
	if (is_cc(t, c, VSTOP)) {
		t->stopped = true;
		return true;
	}
	if (is_cc(t, c, VSTART)) {
		t->stopped = false;
		return true;
	}
	if (t->stopped && (t->termios.c_iflag & IXANY))
		t->stopped = false;
	return false;
}

/* Returns a signal to send, or 0. */
static int input_byte(struct tty *t, u8 c)
{
	u32 iflag = t->termios.c_iflag;
	int sig;

	if (iflag & ISTRIP)
		c &= 0x7f;
	if (!t->lnext) {
		if (flow_control(t, c))
			return 0;
		sig = signal_for(t, c);
		if (sig) {
			if (!lflag(t, NOFLSH))
				flush_input(t);
			if (lflag(t, ECHO))
				echo_byte(t, c);
			t->stopped = false;
			return sig;
		}
		if (c == '\r') {
			if (iflag & IGNCR)
				return 0;
			if (iflag & ICRNL)
				c = '\n';
		} else if (c == '\n' && (iflag & INLCR)) {
			c = '\r';
		}
	}
	if (lflag(t, ICANON)) {
		canonical(t, c);
		return 0;
	}
	t->lnext = false;
	if (lflag(t, ECHO))
		echo_byte(t, c);
	put_cooked(t, c);
	return 0;
}

static void send_foreground(struct tty *t, int sig)
{
	struct siginfo_kernel info = {.si_signo = sig, .si_code = SI_KERNEL};
	i32 pgrp = READ_ONCE(t->pgrp);

	if (pgrp)
		signal_send_pgrp(pgrp, sig, &info);
}

void tty_input(struct tty *t, const char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int sig;

		mutex_lock(&t->lock);
		sig = input_byte(t, buf[i]);
		mutex_unlock(&t->lock);
		if (sig)
			send_foreground(t, sig);
	}
	waitq_wake_all(&t->waitq, ~0u);
}

void tty_hangup(struct tty *t)
{
	mutex_lock(&t->lock);
	t->hung_up = true;
	mutex_unlock(&t->lock);
	send_foreground(t, SIGHUP);
	send_foreground(t, SIGCONT);
	waitq_wake_all(&t->waitq, ~0u);
}

void tty_resize(struct tty *t, u16 rows, u16 cols)
{
	bool changed;

	mutex_lock(&t->lock);
	changed = t->size.rows != rows || t->size.cols != cols;
	t->size.rows = rows;
	t->size.cols = cols;
	mutex_unlock(&t->lock);
	if (changed)
		send_foreground(t, SIGWINCH);
}

/* --- reading and writing --- */

/* A background process must not touch the terminal (job control): 0, or -ERESTARTSYS / -EIO. */
static int job_control(struct tty *t, int sig)
{
	struct process *p = current->process;
	struct siginfo_kernel info = {.si_signo = sig, .si_code = SI_KERNEL};
	bool blocked;

	if (p->tty != t || !t->pgrp || p->pgrp == t->pgrp)
		return 0;
	blocked = (current->blocked & SIG_BIT(sig)) || p->sighand->action[sig - 1].handler == (u64)SIG_IGN;
	if (blocked)
		return sig == SIGTTIN ? -EIO : 0;
	signal_send_pgrp(p->pgrp, sig, &info);
	return -ERESTARTSYS;
}

static bool readable(struct tty *t)
{
	if (t->termios.c_lflag & ICANON)
		return t->lines;
	return t->used >= max((u32)t->termios.c_cc[VMIN], 1u) || (t->used && t->termios.c_cc[VTIME]);
}

/* Take what one read gives.  Lock held. */
static ssize_t take(struct tty *t, struct iov_iter *it)
{
	bool canon = t->termios.c_lflag & ICANON;
	ssize_t done = 0;

	while (it->left && t->used) {
		char c = t->buf[t->head];
		bool end = canon && (c == '\n' || (c == 0 && t->eof_pending) || is_cc(t, c, VEOL) || is_cc(t, c, VEOL2));

		t->head = (t->head + 1) & (TTY_BUF - 1);
		t->used--;
		if (end && c == 0) {
			t->eof_pending = false;
			t->lines--;
			break;
		}
		if (iov_copy_to(it, &c, 1) != 1)
			return done ? done : -EFAULT;
		done++;
		if (end) {
			t->lines--;
			break;
		}
	}
	return done;
}

static i64 read_deadline(const struct tty *t)
{
	if ((t->termios.c_lflag & ICANON) || !t->termios.c_cc[VTIME])
		return BZ_NO_DEADLINE;
	/* With VMIN the clock starts at the first byte. */
	if (t->termios.c_cc[VMIN] && !t->used)
		return BZ_NO_DEADLINE;
	return now_mono() + t->termios.c_cc[VTIME] * 100000000ll;
}

ssize_t tty_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct tty *t = f->priv;
	bool polling, timed_out = false;
	ssize_t n;
	int err;

	if (!it->left)
		return 0;
	for (;;) {
		err = job_control(t, SIGTTIN);
		if (err)
			return err;
		mutex_lock(&t->lock);
		polling = !(t->termios.c_lflag & ICANON) && !t->termios.c_cc[VMIN] && !t->termios.c_cc[VTIME];
		if (readable(t) || polling || timed_out) {
			n = take(t, it);
			mutex_unlock(&t->lock);
			return n;
		}
		mutex_unlock(&t->lock);
		if (t->hung_up)
			return 0;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = WAIT_EVENT(&t->waitq, readable(t) || t->hung_up, read_deadline(t));
		if (err == -EINTR)
			return -ERESTARTSYS;
		timed_out = err == -ETIMEDOUT;
	}
}

ssize_t tty_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct tty *t = f->priv;
	char in[256], out[8 * 256];
	ssize_t done = 0, n;
	int err;

	if (t->termios.c_lflag & TOSTOP) {
		err = job_control(t, SIGTTOU);
		if (err)
			return err;
	}
	while (it->left) {
		size_t want = min(it->left, sizeof(in)), got;
		u32 len = 0;

		if (t->hung_up)
			return done ? done : -EIO;
		if (t->stopped) {
			if (f->flags & O_NONBLOCK)
				return done ? done : -EAGAIN;
			if (WAIT_EVENT(&t->waitq, !READ_ONCE(t->stopped) || t->hung_up, BZ_NO_DEADLINE))
				return done ? done : -ERESTARTSYS;
			continue;
		}
		got = iov_copy_from(it, in, want);
		if (!got)
			return done ? done : -EFAULT;
		mutex_lock(&t->lock);
		for (size_t i = 0; i < got; i++)
			len += post(t, in[i], out + len);
		mutex_unlock(&t->lock);
		n = t->output(t, out, len, !(f->flags & O_NONBLOCK));
		if (n < 0)
			return done ? done : n;
		done += got;
	}
	return done;
}

u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = f->priv;
	u32 mask = 0;

	poll_wait(pt, f, &t->waitq);
	if (readable(t))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (t->hung_up)
		return mask | EPOLLHUP | EPOLLIN | EPOLLERR;
	if (!t->stopped)
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}
