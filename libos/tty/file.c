/* Open terminals: making and ending them, reading (MIN and TIME of termios(3)), polling, job control, hanging
 * up. */
#include "libos/tty/tty.h"
#include "libos/signal/signal.h"
#include <linux/capability.h>
#include <linux/tty.h>

static const struct termios2 default_termios = {
    .c_iflag = ICRNL | IXON,
    .c_oflag = OPOST | ONLCR,
    .c_cflag = B38400 | CS8 | CREAD,
    .c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
    .c_cc = {[VINTR] = 3,
	     [VQUIT] = 28,
	     [VERASE] = 127,
	     [VKILL] = 21,
	     [VEOF] = 4,
	     [VTIME] = 0,
	     [VMIN] = 1,
	     [VSTART] = 17,
	     [VSTOP] = 19,
	     [VSUSP] = 26,
	     [VREPRINT] = 18,
	     [VDISCARD] = 15,
	     [VWERASE] = 23,
	     [VLNEXT] = 22},
    .c_ispeed = 38400,
    .c_ospeed = 38400,
};

struct tty *tty_create(const struct tty_driver *driver, size_t size, u32 major, u32 minor)
{
	struct tty *t = kzalloc(size);

	if (!t)
		return NULL;
	t->refs = 1;
	mutex_init(&t->lock, RANK_DCACHE);
	waitq_init(&t->waitq);
	t->termios = default_termios;
	t->driver = driver;
	t->major = major;
	t->minor = minor;
	return t;
}

void tty_put(struct tty *t)
{
	if (t && ref_put(&t->refs))
		t->driver->free(t);
}

int tty_open(struct file *f, struct tty *t)
{
	if (t->exclusive && !capable(CAP_SYS_ADMIN))
		return -EBUSY;
	ref_get(&t->refs);
	f->priv = t;
	return 0;
}

void tty_release(struct file *f)
{
	tty_put(tty_of(f));
}

/* --- sessions --- */

static bool group_orphaned(i32 pgrp)
{
	struct process *p;
	bool orphaned = true;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash) if (p->pgrp == pgrp && !p->zombie && p->parent &&
						   p->parent->session == p->session &&
						   p->parent->pgrp != pgrp) orphaned = false;
	mutex_unlock(&tasklist_lock);
	return orphaned;
}

int tty_job_control(struct tty *t, int sig)
{
	struct process *p = current->process;
	struct siginfo_kernel info = {.si_signo = sig, .si_code = SI_KERNEL};

	if (p->tty != t || !t->pgrp || p->pgrp == t->pgrp)
		return 0;
	if ((current->blocked & SIG_BIT(sig)) || p->sighand->action[sig - 1].handler == (u64)SIG_IGN)
		return sig == SIGTTIN ? -EIO : 0;
	if (group_orphaned(p->pgrp))
		return -EIO;
	signal_send_pgrp(p->pgrp, sig, &info);
	return -ERESTARTSYS;
}

void tty_become_controlling(struct tty *t, bool readable)
{
	struct process *p = current->process;

	mutex_lock(&tasklist_lock);
	if (readable && p->pid == p->session && !p->tty && !t->session) {
		ref_get(&t->refs);
		p->tty = t;
		t->session = p->session;
		t->pgrp = p->pgrp;
	}
	mutex_unlock(&tasklist_lock);
}

/* The leader of its session hears of it; the foreground does when the leader ends. */
void tty_hangup(struct tty *t)
{
	struct process *leader;
	i32 session = READ_ONCE(t->session);

	mutex_lock(&t->lock);
	t->hung_up = true;
	tty_flush_input(t);
	t->stopped = t->stopped_by_call = false;
	mutex_unlock(&t->lock);
	leader = session ? process_find(session) : NULL;
	if (leader) {
		signal_send_process(leader, SIGHUP, NULL);
		signal_send_process(leader, SIGCONT, NULL);
		process_put(leader);
	}
	waitq_wake_all(&t->waitq, ~0u);
}

void tty_resize(struct tty *t, const struct winsize_kernel *size)
{
	bool changed;

	mutex_lock(&t->lock);
	changed = memcmp(&t->size, size, sizeof(*size)) != 0;
	t->size = *size;
	mutex_unlock(&t->lock);
	if (changed)
		tty_signal(t, SIGWINCH);
}

/* --- reading --- */

/* Take what one read gives, at most a line.  Lock held.  *end: a line's end was among it. */
static ssize_t take(struct tty *t, struct iov_iter *it, bool *end)
{
	bool canon = t->termios.c_lflag & ICANON;
	u32 limit = canon ? t->canon : t->head;
	ssize_t done = 0;

	*end = false;
	while (!*end && t->tail != limit) {
		u32 at = t->tail & (TTY_BUF - 1);
		char c = t->buf[at];

		*end = canon && (t->ends[at / 64] >> (at & 63) & 1);
		/* The mark of an end of file is taken even when the buffer is full: the next read is the next
		 * line's. */
		if (!(*end && !c)) {
			if (!it->left) {
				*end = false;
				break;
			}
			if (iov_copy_to(it, &c, 1) != 1)
				return done ? done : -EFAULT;
			done++;
		}
		t->tail++;
	}
	if (!canon)
		t->canon = t->tail;
	return done;
}

/* Until when to wait for the next byte, with `done` bytes read. */
static i64 read_deadline(const struct tty *t, ssize_t done)
{
	u8 least = t->termios.c_cc[VMIN], tenths = t->termios.c_cc[VTIME];

	if ((t->termios.c_lflag & ICANON) || !tenths || (least && !done))
		return BZ_NO_DEADLINE;
	return now_mono() + tenths * 100000000ll;
}

static bool read_can_end(const struct tty *t, ssize_t done, bool end)
{
	if (t->termios.c_lflag & ICANON)
		return end || done;
	return done >= max((ssize_t)t->termios.c_cc[VMIN], (ssize_t)1) ||
	       (!t->termios.c_cc[VMIN] && !t->termios.c_cc[VTIME]);
}

ssize_t tty_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct tty *t = tty_of(f);
	ssize_t done = 0, n;
	bool end;
	int err;

	if (READ_ONCE(t->hung_up) || !it->left)
		return 0;
	err = tty_job_control(t, SIGTTIN);
	if (err)
		return err;
	for (;;) {
		mutex_lock(&t->lock);
		n = take(t, it, &end);
		mutex_unlock(&t->lock);
		tty_pump(t);
		if (n < 0)
			return done ? done : n;
		done += n;
		if (!it->left || read_can_end(t, done, end) || READ_ONCE(t->hung_up))
			return done;
		if (io_flags(f, it) & O_NONBLOCK)
			return done ? done : -EAGAIN;
		err = WAIT_EVENT(&t->waitq, tty_readable(t, 1) || READ_ONCE(t->hung_up),
				 read_deadline(t, done));
		if (err == -ETIMEDOUT)
			return done;
		if (err)
			return done ? done : -ERESTARTSYS;
		err = tty_job_control(t, SIGTTIN);
		if (err)
			return done ? done : err;
	}
}

u32 tty_poll(struct file *f, struct poll_table *pt)
{
	struct tty *t = tty_of(f);
	u32 mask = 0, least = t->termios.c_cc[VTIME] ? 1 : max((u32)t->termios.c_cc[VMIN], 1u);

	poll_wait(pt, f, &t->waitq);
	if (READ_ONCE(t->hung_up))
		return EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLERR | EPOLLHUP;
	if (tty_readable(t, least))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (!t->stopped && t->out_used < TTY_OUT_WRITERS - 256)
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}
