/* Terminal control, ioctl_tty(2): modes, sizes, sessions and foreground groups, flushing. */
#include "libos/tty/tty.h"
#include "libos/signal/signal.h"
#include <linux/capability.h>
#include <asm/termios.h>
#include <linux/tty.h>

static long get_termios(struct tty *t, u64 arg, bool v2)
{
	struct termios2 copy;

	mutex_lock(&t->lock);
	copy = t->termios;
	mutex_unlock(&t->lock);
	/* struct termios is the head of struct termios2. */
	return copy_to_user((void *)arg, &copy, v2 ? sizeof(struct termios2) : sizeof(struct termios));
}

/* ^S and ^Q stop and start, as who relays a terminal (packet mode) wants to know. */
static bool usual_flow_control(const struct tty *t)
{
	return (t->termios.c_iflag & IXON) && t->termios.c_cc[VSTOP] == 19 && t->termios.c_cc[VSTART] == 17;
}

static void change_termios(struct tty *t, const struct termios2 *wanted, bool flush)
{
	bool flow;
	u32 changed;

	mutex_lock(&t->lock);
	flow = usual_flow_control(t);
	changed = t->termios.c_lflag ^ wanted->c_lflag;
	t->termios = *wanted;
	if (t->driver->pty) /* a pseudo-terminal has eight bits and no parity, whatever is asked for */
		t->termios.c_cflag = (wanted->c_cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
	if (flush)
		tty_flush_input(t);
	if (changed & ICANON)
		tty_canon_changed(t);
	if (!(wanted->c_iflag & IXON))
		tty_start_output(t);
	if (t->driver->flow && flow != usual_flow_control(t))
		t->driver->flow(t, flow ? TIOCPKT_NOSTOP : TIOCPKT_DOSTOP);
	mutex_unlock(&t->lock);
	tty_pump(t);
}

static long set_termios(struct tty *t, u64 arg, bool v2, bool flush)
{
	struct termios2 copy = t->termios;

	if (copy_from_user(&copy, (void *)arg, v2 ? sizeof(struct termios2) : sizeof(struct termios)))
		return -EFAULT;
	change_termios(t, &copy, flush);
	return 0;
}

/* System V's struct, of which TCSETA and its kin change the lower halves. */
static long get_termio(struct tty *t, u64 arg)
{
	struct termio old = {0};

	mutex_lock(&t->lock);
	old.c_iflag = t->termios.c_iflag;
	old.c_oflag = t->termios.c_oflag;
	old.c_cflag = t->termios.c_cflag;
	old.c_lflag = t->termios.c_lflag;
	old.c_line = t->termios.c_line;
	memcpy(old.c_cc, t->termios.c_cc, NCC);
	mutex_unlock(&t->lock);
	return copy_to_user((void *)arg, &old, sizeof(old));
}

static u32 lower_half(u32 now, u16 wanted)
{
	return (now & 0xffff0000u) | wanted;
}

static long set_termio(struct tty *t, u64 arg, bool flush)
{
	struct termios2 copy = t->termios;
	struct termio wanted;

	if (copy_from_user(&wanted, (void *)arg, sizeof(wanted)))
		return -EFAULT;
	copy.c_iflag = lower_half(copy.c_iflag, wanted.c_iflag);
	copy.c_oflag = lower_half(copy.c_oflag, wanted.c_oflag);
	copy.c_cflag = lower_half(copy.c_cflag, wanted.c_cflag);
	copy.c_lflag = lower_half(copy.c_lflag, wanted.c_lflag);
	copy.c_line = wanted.c_line;
	memcpy(copy.c_cc, wanted.c_cc, NCC);
	change_termios(t, &copy, flush);
	return 0;
}

static long set_winsize(struct tty *t, u64 arg)
{
	struct winsize_kernel w;

	if (copy_from_user(&w, (void *)arg, sizeof(w)))
		return -EFAULT;
	tty_resize(t, &w);
	return 0;
}

static long set_pgrp(struct tty *t, u64 arg)
{
	struct process *p = current->process, *q;
	bool known = false, ours = false;
	i32 pgrp;

	if (p->tty != t || p->session != t->session)
		return -ENOTTY;
	if (get_user(pgrp, (i32 *)arg))
		return -EFAULT;
	if (pgrp < 0)
		return -EINVAL;
	mutex_lock(&tasklist_lock);
	list_for_each(q, &all_processes, hash) {
		known = known || q->pgrp == pgrp;
		ours = ours || (q->pgrp == pgrp && q->session == p->session);
	}
	if (ours)
		t->pgrp = pgrp;
	mutex_unlock(&tasklist_lock);
	return ours ? 0 : known ? -EPERM : -ESRCH;
}

/* Take the terminal from the session that has it.  Tasklist locked. */
static void take_from_session(struct tty *t)
{
	struct process *q;

	list_for_each(q, &all_processes, hash)
		if (q->tty == t && q->session == t->session) {
			q->tty = NULL;
			tty_put(t); /* never the last: the caller's description holds one */
		}
	t->session = t->pgrp = 0;
}

static long set_controlling(struct file *f, struct tty *t, u64 force)
{
	struct process *p = current->process;
	bool may_steal = force == 1 && capable(CAP_SYS_ADMIN);
	struct tty *old = NULL;
	long ret = 0;

	mutex_lock(&tasklist_lock);
	if (p->tty && p->tty != t && p->tty->hung_up) {
		old = p->tty;
		p->tty = NULL;
	}
	if (p->pid == p->session && t->session == p->session) {
		ret = 0;
	} else if (p->pid != p->session || p->tty || (t->session && !may_steal) || !FMODE_CAN_READ(f)) {
		ret = -EPERM;
	} else {
		if (t->session)
			take_from_session(t);
		ref_get(&t->refs);
		p->tty = t;
		t->session = p->session;
		t->pgrp = p->pgrp;
	}
	mutex_unlock(&tasklist_lock);
	tty_put(old);
	return ret;
}

static long drop_controlling(struct tty *t)
{
	struct process *p = current->process;
	i32 pgrp = 0;

	mutex_lock(&tasklist_lock);
	if (p->tty != t) {
		mutex_unlock(&tasklist_lock);
		return -ENOTTY;
	}
	if (p->pid == p->session) {
		pgrp = t->pgrp;
		take_from_session(t);
	} else {
		p->tty = NULL;
		tty_put(t);
	}
	mutex_unlock(&tasklist_lock);
	if (pgrp > 0) {
		signal_send_pgrp(pgrp, SIGHUP, NULL);
		signal_send_pgrp(pgrp, SIGCONT, NULL);
	}
	return 0;
}

/* `own`: from the terminal's side; a master's input is the terminal's output. */
static long flush(struct tty *t, u64 what, bool own)
{
	bool in = what == TCIFLUSH || what == TCIOFLUSH, out = what == TCOFLUSH || what == TCIOFLUSH;

	if (what > TCIOFLUSH)
		return -EINVAL;
	mutex_lock(&t->lock);
	if (own ? in : out)
		tty_flush_input(t);
	if (own ? out : in)
		tty_out_flush(t);
	if (own && t->driver->flow)
		t->driver->flow(t, (in ? TIOCPKT_FLUSHREAD : 0) | (out ? TIOCPKT_FLUSHWRITE : 0));
	mutex_unlock(&t->lock);
	tty_pump(t);
	return 0;
}

static long flow(struct tty *t, u64 what)
{
	char c;

	if (what > TCION)
		return -EINVAL;
	mutex_lock(&t->lock);
	if (what == TCOOFF) {
		tty_stop(t);
		t->stopped_by_call = true;
	} else if (what == TCOON) {
		t->stopped_by_call = false;
		tty_start_output(t);
	} else {
		c = t->termios.c_cc[what == TCIOFF ? VSTOP : VSTART];
		if (c)
			tty_echo_text(t, &c, 1);
	}
	mutex_unlock(&t->lock);
	tty_pump(t);
	return 0;
}

/* Calls that a process of the background may not make unasked. */
static bool changes_terminal(u32 cmd)
{
	switch (cmd) {
	case TCSETA: case TCSETAW: case TCSETAF: case TCSETS: case TCSETSW: case TCSETSF: case TCSETS2: case TCSETSW2: case TCSETSF2: case TIOCSPGRP:
	case TCXONC: case TCFLSH: case TCSBRK: case TCSBRKP: case TIOCSBRK: case TIOCCBRK: case TIOCSETD:
		return true;
	}
	return false;
}

static long input_waiting(struct tty *t, u64 arg)
{
	u32 n = 0;

	mutex_lock(&t->lock);
	if (!(t->termios.c_lflag & ICANON))
		n = t->head - t->tail;
	else
		for (u32 i = t->tail; i != t->canon; i++) /* marks of an end of file are not read as bytes */
			n += !(!t->buf[i & (TTY_BUF - 1)] && (t->ends[(i & (TTY_BUF - 1)) / 64] >> (i & 63) & 1));
	mutex_unlock(&t->lock);
	return put_user((i32)n, (i32 *)arg);
}

long tty_control(struct file *f, struct tty *t, bool own, u32 cmd, u64 arg)
{
	int err = changes_terminal(cmd) ? tty_job_control(t, SIGTTOU) : 0;

	if (err)
		return err == -EIO && cmd == TIOCSPGRP ? -ENOTTY : err;
	switch (cmd) {
	case TCGETS:
	case TCGETS2:
		return get_termios(t, arg, cmd == TCGETS2);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(t, arg, false, cmd == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_termios(t, arg, true, cmd == TCSETSF2);
	case TCGETA:
		return get_termio(t, arg);
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return set_termio(t, arg, cmd == TCSETAF);
	case TIOCGWINSZ:
		return copy_to_user((void *)arg, &t->size, sizeof(t->size));
	case TIOCSWINSZ:
		return set_winsize(t, arg);
	case TIOCGPGRP:
		return own && current->process->tty != t ? -ENOTTY : put_user(t->pgrp, (i32 *)arg);
	case TIOCSPGRP:
		return set_pgrp(t, arg);
	case TIOCGSID:
		if ((own && current->process->tty != t) || !t->session)
			return -ENOTTY;
		return put_user(t->session, (i32 *)arg);
	case TIOCSCTTY:
		return set_controlling(f, t, arg);
	case TIOCNOTTY:
		return drop_controlling(t);
	case FIONREAD:
		return input_waiting(t, arg);
	case TIOCOUTQ:
		return put_user(0, (i32 *)arg);
	case TCFLSH:
		return flush(t, arg, own);
	case TCXONC:
		return flow(t, arg);
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
		/* Output has left when a write returns, and neither a console nor a pty has a line to break. */
		return 0;
	case TIOCEXCL:
	case TIOCNXCL:
		t->exclusive = cmd == TIOCEXCL;
		return 0;
	case TIOCGEXCL:
		return put_user((i32)t->exclusive, (i32 *)arg);
	case TIOCSTI: /* as with dev.tty.legacy_tiocsti=0 */
		return -EIO;
	case TIOCGETD:
		return put_user(0, (i32 *)arg);
	}
	return -ENOTTY;
}

long tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	if (tty_of(f)->hung_up)
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	return tty_control(f, tty_of(f), true, cmd, arg);
}
