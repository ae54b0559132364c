/* Terminal control, ioctl_tty(2): modes, sizes, sessions and foreground groups, flushing. */
#include "libos/tty/tty.h"
#include "libos/signal/signal.h"

static long get_termios(struct tty *t, u64 arg, bool v2)
{
	struct termios2 copy;

	mutex_lock(&t->lock);
	copy = t->termios;
	mutex_unlock(&t->lock);
	/* struct termios is the head of struct termios2. */
	return copy_to_user((void *)arg, &copy, v2 ? sizeof(struct termios2) : sizeof(struct termios));
}

static long set_termios(struct tty *t, u64 arg, bool v2, bool flush)
{
	struct termios2 copy = t->termios;
	bool was_canon;

	if (copy_from_user(&copy, (void *)arg, v2 ? sizeof(struct termios2) : sizeof(struct termios)))
		return -EFAULT;
	mutex_lock(&t->lock);
	was_canon = t->termios.c_lflag & ICANON;
	t->termios = copy;
	if (flush)
		t->head = t->used = t->lines = t->edit_len = 0;
	/* A half-typed line becomes plain input when editing ends; what is there counts as a line when it begins. */
	if (was_canon && !(copy.c_lflag & ICANON)) {
		for (u32 i = 0; i < t->edit_len && t->used < TTY_BUF; i++)
			t->buf[(t->head + t->used++) & (TTY_BUF - 1)] = t->edit[i];
		t->edit_len = 0;
		t->lines = 0;
	} else if (!was_canon && (copy.c_lflag & ICANON)) {
		t->lines = t->used ? 1 : 0;
	}
	mutex_unlock(&t->lock);
	waitq_wake_all(&t->waitq, ~0u);
	return 0;
}

static long set_winsize(struct tty *t, u64 arg)
{
	struct winsize_kernel w;

	if (copy_from_user(&w, (void *)arg, sizeof(w)))
		return -EFAULT;
	t->size.xpixel = w.xpixel;
	t->size.ypixel = w.ypixel;
	tty_resize(t, w.rows, w.cols);
	return 0;
}

static long set_pgrp(struct tty *t, u64 arg)
{
	struct process *p = current->process, *q;
	i32 pgrp;
	bool ok = false;

	if (get_user(pgrp, (i32 *)arg))
		return -EFAULT;
	if (p->tty != t || p->session != t->session)
		return -ENOTTY;
	if (pgrp < 0)
		return -EINVAL;
	mutex_lock(&tasklist_lock);
	list_for_each(q, &all_processes, hash)
		ok = ok || (q->pgrp == pgrp && q->session == p->session);
	mutex_unlock(&tasklist_lock);
	if (!ok)
		return -EPERM;
	t->pgrp = pgrp;
	return 0;
}

static long set_controlling(struct tty *t)
{
	struct process *p = current->process;

	if (p->pid != p->session)
		return -EPERM;
	if (p->tty == t)
		return 0;
	if (p->tty || t->session)
		return -EPERM;
	ref_get(&t->refs);
	p->tty = t;
	t->session = p->session;
	t->pgrp = p->pgrp;
	return 0;
}

static long drop_controlling(struct tty *t)
{
	struct process *p = current->process;

	if (p->tty != t)
		return -ENOTTY;
	if (p->pid == p->session)
		t->session = t->pgrp = 0;
	p->tty = NULL;
	tty_put(t);
	return 0;
}

static long flush(struct tty *t, u64 what)
{
	if (what > TCIOFLUSH)
		return -EINVAL;
	if (what == TCIFLUSH || what == TCIOFLUSH) {
		mutex_lock(&t->lock);
		t->head = t->used = t->lines = t->edit_len = 0;
		mutex_unlock(&t->lock);
	}
	return 0;
}

static long flow(struct tty *t, u64 what)
{
	if (what > TCION)
		return -EINVAL;
	if (what == TCOOFF || what == TCOON) {
		t->stopped = what == TCOOFF;
		waitq_wake_all(&t->waitq, ~0u);
	}
	return 0;
}

long tty_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct tty *t = f->priv;
	u32 ready;

	switch (cmd) {
	case TCGETS:
		return get_termios(t, arg, false);
	case TCGETS2:
		return get_termios(t, arg, true);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_termios(t, arg, false, cmd == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_termios(t, arg, true, cmd == TCSETSF2);
	case TIOCGWINSZ:
		return copy_to_user((void *)arg, &t->size, sizeof(t->size));
	case TIOCSWINSZ:
		return set_winsize(t, arg);
	case TIOCGPGRP:
		return current->process->tty != t ? -ENOTTY : put_user(t->pgrp, (i32 *)arg);
	case TIOCSPGRP:
		return set_pgrp(t, arg);
	case TIOCGSID:
		return current->process->tty != t ? -ENOTTY : put_user(t->session, (i32 *)arg);
	case TIOCSCTTY:
		return set_controlling(t);
	case TIOCNOTTY:
		return drop_controlling(t);
	case FIONREAD:
		ready = t->termios.c_lflag & ICANON && !t->lines ? 0 : t->used;
		return put_user((i32)ready, (i32 *)arg);
	case TIOCOUTQ:
		return put_user(0, (i32 *)arg);
	case TCFLSH:
		return flush(t, arg);
	case TCXONC:
		return flow(t, arg);
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
		/* Output has left when a write returns, and a pty has no line to break. */
		return 0;
	case TIOCEXCL:
	case TIOCNXCL:
		t->exclusive = cmd == TIOCEXCL;
		return 0;
	case TIOCGEXCL:
		return put_user((i32)t->exclusive, (i32 *)arg);
	case TIOCSTI:
		return -EPERM;
	case TIOCGETD:
		return put_user(0, (i32 *)arg);
	}
	return -ENOTTY;
}
