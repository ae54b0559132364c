/*
 * The line discipline, termios(3): canonical editing, echo, signals, flow control.  Bytes are processed when
 * they arrive (tty_input), so that ^C works while nobody reads; what finds no room waits in tty->raw.
 */
#include "libos/tty/tty.h"
#include "libos/signal/signal.h"
#include <linux/tty.h>

#define MASK (TTY_BUF - 1)

static bool lflag(const struct tty *t, u32 flag)
{
	return t->termios.c_lflag & flag;
}

bool tty_is_cc(const struct tty *t, u8 c, int which)
{
	return c && c == t->termios.c_cc[which];
}

static bool is_control(u8 c)
{
	return c < 0x20 || c == 0x7f;
}

/* --- the buffer --- */

static void mark_end(struct tty *t, u32 at)
{
	t->ends[(at & MASK) / 64] |= 1ull << (at & 63);
}

static void append(struct tty *t, u8 c)
{
	t->ends[(t->head & MASK) / 64] &= ~(1ull << (t->head & 63));
	t->buf[t->head++ & MASK] = c;
}

static void end_line(struct tty *t, u8 c)
{
	append(t, c);
	mark_end(t, t->head - 1);
	t->canon = t->head;
}

void tty_flush_input(struct tty *t)
{
	t->tail = t->canon = t->head;
	t->raw_used = 0;
	t->lnext = false;
}

/* What was typed becomes plain input when editing ends, and is a line when it begins. */
void tty_canon_changed(struct tty *t)
{
	memset(t->ends, 0, sizeof(t->ends));
	t->lnext = false;
	t->canon = t->tail;
	if (lflag(t, ICANON) && t->head != t->tail) {
		mark_end(t, t->head - 1);
		t->canon = t->head;
	}
}

bool tty_readable(const struct tty *t, u32 least)
{
	return lflag(t, ICANON) ? t->canon != t->tail : t->head - t->tail >= least;
}

/* --- echo --- */

static void echo(struct tty *t, u8 c)
{
	char text[2] = {'^', c ^ 0x40};

	if (lflag(t, ECHOCTL) && is_control(c) && c != '\t') {
		tty_echo_text(t, text, 2);
		t->column += 2;
	} else {
		tty_echo(t, c);
	}
}

static u32 width(const struct tty *t, u8 c, u32 column)
{
	if (c == '\t')
		return 8 - (column & 7);
	if (is_control(c))
		return lflag(t, ECHOCTL) ? 2 : 0;
	return (t->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80 ? 0 : 1;
}

/* Where the cursor is after the edited line up to `end`. */
static u32 column_at(const struct tty *t, u32 end)
{
	u32 column = t->canon_column;

	for (u32 i = t->canon; i != end; i++)
		column += width(t, t->buf[i & MASK], column);
	return column;
}

static void erase_echo(struct tty *t, u8 c)
{
	u32 column = column_at(t, t->head), n = width(t, c, column);

	for (u32 i = 0; i < n; i++)
		tty_echo_text(t, c == '\t' ? "\b" : "\b \b", c == '\t' ? 1 : 3);
	t->column -= min(n, t->column);
}

/* --- editing --- */

enum erase { ERASE_CHAR, ERASE_WORD, ERASE_LINE };

static bool word_byte(u8 c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

/* The first byte of the last character of the edited line; false: only the rest of one is there. */
static bool last_character(const struct tty *t, u32 *at)
{
	u32 i = t->head;
	u8 c;

	do {
		c = t->buf[--i & MASK];
	} while ((t->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80 && i != t->canon);
	*at = i;
	return !((t->termios.c_iflag & IUTF8) && (c & 0xc0) == 0x80);
}

static void erase(struct tty *t, enum erase what)
{
	bool in_word = false;
	u32 at;

	while (t->head != t->canon && last_character(t, &at)) {
		u8 c = t->buf[at & MASK];

		if (what == ERASE_WORD && !word_byte(c) && in_word)
			return;
		in_word = in_word || word_byte(c);
		t->head = at;
		if (lflag(t, ECHO)) {
			if (what == ERASE_CHAR && !lflag(t, ECHOE))
				echo(t, t->termios.c_cc[VERASE]);
			else
				erase_echo(t, c);
		}
		if (what == ERASE_CHAR)
			return;
	}
}

static void erase_line(struct tty *t)
{
	if (t->head == t->canon)
		return;
	if (lflag(t, ECHO) && lflag(t, ECHOK) && lflag(t, ECHOKE) && lflag(t, ECHOE)) {
		erase(t, ERASE_LINE);
		return;
	}
	t->head = t->canon;
	if (!lflag(t, ECHO))
		return;
	echo(t, t->termios.c_cc[VKILL]);
	if (lflag(t, ECHOK))
		tty_echo(t, '\n');
}

static void reprint(struct tty *t, u8 c)
{
	echo(t, c);
	tty_echo(t, '\n');
	t->canon_column = t->column;
	for (u32 i = t->canon; i != t->head; i++)
		echo(t, t->buf[i & MASK]);
}

/* A byte that edits the line: true if that is all. */
static bool edit_byte(struct tty *t, u8 c)
{
	if (tty_is_cc(t, c, VERASE)) {
		erase(t, ERASE_CHAR);
	} else if (tty_is_cc(t, c, VKILL)) {
		erase_line(t);
	} else if (lflag(t, IEXTEN) && tty_is_cc(t, c, VWERASE)) {
		erase(t, ERASE_WORD);
	} else if (lflag(t, IEXTEN) && tty_is_cc(t, c, VLNEXT)) {
		t->lnext = true;
		if (lflag(t, ECHO) && lflag(t, ECHOCTL))
			tty_echo_text(t, "^\b", 2);
	} else if (lflag(t, IEXTEN) && lflag(t, ECHO) && tty_is_cc(t, c, VREPRINT)) {
		reprint(t, c);
	} else {
		return false;
	}
	return true;
}

/* A byte that ends the line: true if it was one. */
static bool end_byte(struct tty *t, u8 c)
{
	if (c == '\n') {
		if (lflag(t, ECHO) || lflag(t, ECHONL))
			tty_echo(t, c);
		end_line(t, c);
	} else if (tty_is_cc(t, c, VEOF)) {
		end_line(t, 0); /* a marked NUL: it ends the line without being part of it */
	} else if (tty_is_cc(t, c, VEOL) || (lflag(t, IEXTEN) && tty_is_cc(t, c, VEOL2))) {
		if (lflag(t, ECHO))
			echo(t, c);
		end_line(t, c);
	} else {
		return false;
	}
	return true;
}

/* --- bytes as they come --- */

static void plain_byte(struct tty *t, u8 c)
{
	if (t->head == t->canon)
		t->canon_column = t->column;
	if (lflag(t, ECHO)) {
		if (c == '\n')
			tty_echo(t, c);
		else
			echo(t, c);
	}
	append(t, c);
}

static bool flow_control(struct tty *t, u8 c)
{
	if (!(t->termios.c_iflag & IXON))
		return false;
	if (tty_is_cc(t, c, VSTART))
		tty_start_output(t);
	else if (tty_is_cc(t, c, VSTOP))
		tty_stop(t);
	else
		return false;
	return true;
}

static int signal_for(const struct tty *t, u8 c)
{
	if (!lflag(t, ISIG))
		return 0;
	if (tty_is_cc(t, c, VINTR))
		return SIGINT;
	if (tty_is_cc(t, c, VQUIT))
		return SIGQUIT;
	return tty_is_cc(t, c, VSUSP) ? SIGTSTP : 0;
}

static void signal_byte(struct tty *t, u8 c)
{
	if (!lflag(t, NOFLSH)) {
		u32 later = t->raw_used; /* what was typed after it stays */

		tty_flush_input(t);
		t->raw_used = later;
		/* The echo of what is thrown away, and output that nobody has taken for long: of a pty's, a
		 * page is with its reader already. */
		t->out_used = min(t->out_before_input, 4096u);
		if (t->driver->flow)
			t->driver->flow(t, TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
	}
	if (t->termios.c_iflag & IXON)
		tty_start_output(t);
	if (lflag(t, ECHO))
		echo(t, c);
}

/* Returns a signal to send once the lock is free, or 0. */
static int input_byte(struct tty *t, u8 c)
{
	u32 iflag = t->termios.c_iflag;
	int sig;

	if (iflag & ISTRIP)
		c &= 0x7f;
	if (t->lnext) {
		t->lnext = false;
		plain_byte(t, c);
		return 0;
	}
	if (flow_control(t, c))
		return 0;
	sig = signal_for(t, c);
	if (sig) {
		signal_byte(t, c);
		return sig;
	}
	if ((iflag & IXON) && (iflag & IXANY))
		tty_start_output(t);
	if (c == '\r') {
		if (iflag & IGNCR)
			return 0;
		if (iflag & ICRNL)
			c = '\n';
	} else if (c == '\n' && (iflag & INLCR)) {
		c = '\r';
	}
	if (!lflag(t, ICANON) || (!edit_byte(t, c) && !end_byte(t, c)))
		plain_byte(t, c);
	return 0;
}

/*
 * A line may have 4095 bytes and its end.  While no line is whole, more is taken and lost, so that the end
 * can come; once one is, it waits until somebody reads.
 */
static bool make_room(struct tty *t)
{
	u32 used = t->head - t->tail;

	if (used < TTY_BUF - 1)
		return true;
	if (!lflag(t, ICANON) || t->canon != t->tail)
		return false;
	if (used == TTY_BUF)
		t->head--;
	return true;
}

void tty_pump(struct tty *t)
{
	int sig;

	do {
		sig = 0;
		mutex_lock(&t->lock);
		t->out_before_input = t->out_used;
		while (!sig && t->raw_used && make_room(t)) {
			u8 c = t->raw[t->raw_head];

			t->raw_head = (t->raw_head + 1) & (TTY_RAW - 1);
			t->raw_used--;
			sig = input_byte(t, c);
		}
		mutex_unlock(&t->lock);
		if (sig)
			tty_signal(t, sig);
	} while (sig);
	t->driver->push(t);
	waitq_wake_all(&t->waitq, ~0u);
}

u32 tty_input(struct tty *t, const char *buf, u32 n)
{
	u32 done = 0;

	mutex_lock(&t->lock);
	while (done < n && t->raw_used < TTY_RAW)
		t->raw[(t->raw_head + t->raw_used++) & (TTY_RAW - 1)] = buf[done++];
	mutex_unlock(&t->lock);
	tty_pump(t);
	return done;
}

void tty_signal(struct tty *t, int sig)
{
	struct siginfo_kernel info = {.si_signo = sig, .si_code = SI_KERNEL};
	i32 pgrp = READ_ONCE(t->pgrp);

	if (pgrp)
		signal_send_pgrp(pgrp, sig, &info);
}
