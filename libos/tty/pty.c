/*
 * Pseudo-terminals, pty(7): the slave is a struct tty, the master types into it and reads what it shows. Owns
 * struct pty and the table of them (pty_lock); the slave's tty->lock protects what follows it.  Names are in
 * devpts.c.
 */
#include "libos/tty/pty.h"
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include <linux/tty.h>

static struct pty **ptys; /* PTY_MAX of them, from the first on that is opened */
static struct mutex pty_lock = MUTEX_INIT(RANK_DCACHE);

static struct pty *pty_of(struct tty *t)
{
	return container_of(t, struct pty, tty);
}

/* --- the driver beneath the slave --- */

static void pty_push(struct tty *t)
{
	waitq_wake_all(&t->waitq, ~0u);
}

static int pty_wait_output(struct file *f, bool all)
{
	struct tty *t = tty_of(f);

	if (all)
		return 0;
	return WAIT_EVENT(&t->waitq, tty_writer_room(t) || READ_ONCE(t->hung_up), BZ_NO_DEADLINE)
		   ? -ERESTARTSYS
		   : 0;
}

static void pty_flow(struct tty *t, u8 event)
{
	struct pty *p = pty_of(t);
	static const u8 pairs[] = {TIOCPKT_STOP | TIOCPKT_START, TIOCPKT_DOSTOP | TIOCPKT_NOSTOP};

	if (!p->packet)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(pairs); i++)
		if (event & pairs[i])
			p->status &= ~pairs[i];
	p->status |= event;
}

void pty_free(struct tty *t)
{
	struct pty *p = pty_of(t);

	mutex_lock(&pty_lock);
	ptys[p->index] = NULL;
	mutex_unlock(&pty_lock);
	kfree(p);
}

static void slave_release(struct file *f)
{
	struct tty *t = tty_of(f);
	struct pty *p = pty_of(t);

	mutex_lock(&t->lock);
	if (--p->opens == 0) {
		p->slave_closed = true;
		t->exclusive = false;
	}
	mutex_unlock(&t->lock);
	waitq_wake_all(&t->waitq, ~0u);
	tty_release(f);
}

static const struct file_ops slave_fops = {
    .read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl, .release = slave_release};

int pty_open_slave(struct tty *t, struct file *f)
{
	struct pty *p = pty_of(t);
	int err = p->locked || t->hung_up ? -EIO : tty_open(f, t);

	if (err)
		return err;
	mutex_lock(&t->lock);
	p->opens++;
	p->slave_closed = false;
	mutex_unlock(&t->lock);
	f->ops = &slave_fops;
	if (!(f->flags & O_NOCTTY))
		tty_become_controlling(t, FMODE_CAN_READ(f));
	return 0;
}

static const struct tty_driver pty_driver = {.push = pty_push,
					     .wait_output = pty_wait_output,
					     .flow = pty_flow,
					     .free = pty_free,
					     .open = pty_open_slave,
					     .pty = true};

/* --- the master --- */

static struct pty *master_of(const struct file *f)
{
	return f->priv;
}

static bool master_ready(const struct pty *p)
{
	return tty_out_ready(&p->tty) || p->status || p->slave_closed;
}

/* What there is now: bytes, or 0.  In packet mode a byte tells what follows, or what happened. */
static ssize_t master_take(struct pty *p, struct iov_iter *it)
{
	char part[512];
	u32 n, lead = p->packet ? 1 : 0;
	ssize_t done = 0;

	do {
		mutex_lock(&p->tty.lock);
		part[0] = 0;
		if (lead && p->status) {
			part[0] = p->status;
			p->status = 0;
			n = 0;
		} else {
			n = tty_out_take(&p->tty, part + lead, min(sizeof(part), it->left) - lead);
			if (!n)
				lead = 0;
		}
		mutex_unlock(&p->tty.lock);
		if (iov_copy_to(it, part, n + lead) != n + lead)
			return done ? done : -EFAULT;
		done += n + lead;
		lead = 0;
	} while (n && it->left);
	return done;
}

static ssize_t master_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct pty *p = master_of(f);
	ssize_t n;

	if (!it->left)
		return 0;
	for (;;) {
		n = master_take(p, it);
		if (n) {
			waitq_wake_all(&p->tty.waitq, ~0u);
			return n;
		}
		if (READ_ONCE(p->slave_closed))
			return -EIO;
		if (io_flags(f, it) & O_NONBLOCK)
			return -EAGAIN;
		if (WAIT_EVENT(&p->tty.waitq, master_ready(p), BZ_NO_DEADLINE))
			return -ERESTARTSYS;
	}
}

static ssize_t master_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct pty *p = master_of(f);
	ssize_t done = 0;

	while (it->left) {
		struct iov_iter ahead = *it;
		char part[256];
		u32 n = iov_copy_from(&ahead, part, min(it->left, sizeof(part))), got;

		if (!n)
			return done ? done : -EFAULT;
		got = tty_input(&p->tty, part, n);
		iov_advance(it, got);
		done += got;
		if (got == n)
			continue;
		if (io_flags(f, it) & O_NONBLOCK)
			return done ? done : -EAGAIN;
		if (WAIT_EVENT(&p->tty.waitq, READ_ONCE(p->tty.raw_used) < TTY_RAW, BZ_NO_DEADLINE))
			return done ? done : -ERESTARTSYS;
	}
	return done;
}

static u32 master_poll(struct file *f, struct poll_table *pt)
{
	struct pty *p = master_of(f);
	u32 mask = 0;

	poll_wait(pt, f, &p->tty.waitq);
	if (tty_out_ready(&p->tty) || p->status)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (p->status)
		mask |= EPOLLPRI;
	if (p->slave_closed)
		mask |= EPOLLHUP;
	if (p->tty.raw_used < TTY_RAW)
		mask |= EPOLLOUT | EPOLLWRNORM;
	return mask;
}

static void master_release(struct file *f)
{
	struct pty *p = master_of(f);

	devpts_remove(p->index);
	tty_hangup(&p->tty);
	tty_put(&p->tty);
}

static long send_signal(struct pty *p, int sig)
{
	if (sig != SIGINT && sig != SIGQUIT && sig != SIGTSTP)
		return -EINVAL;
	tty_signal(&p->tty, sig);
	return 0;
}

static long open_peer(struct pty *p, u32 flags)
{
	char name[32];
	struct file *f;

	if (flags & ~(O_ACCMODE | O_NOCTTY | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	snprintf(name, sizeof(name), "/dev/pts/%u", p->index);
	f = file_open(AT_FDCWD, name, flags, 0);
	return fd_publish(f, flags & O_CLOEXEC);
}

static long set_packet(struct pty *p, int on)
{
	mutex_lock(&p->tty.lock);
	p->packet = on;
	p->status = 0;
	mutex_unlock(&p->tty.lock);
	return 0;
}

static long master_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct pty *p = master_of(f);
	int value = 0;

	switch (cmd) {
	case TIOCGPTN:
		return put_user(p->index, (u32 *)arg);
	case TIOCGPTLCK:
		return put_user((int)p->locked, (int *)arg);
	case TIOCGPKT:
		return put_user((int)p->packet, (int *)arg);
	case TIOCSPTLCK:
		if (get_user(value, (int *)arg))
			return -EFAULT;
		p->locked = value;
		return 0;
	case TIOCPKT:
		return get_user(value, (int *)arg) ? -EFAULT : set_packet(p, value);
	case TIOCGPTPEER:
		return open_peer(p, arg);
	case TIOCSIG:
		return send_signal(p, arg);
	case FIONREAD:
		return put_user((int)tty_out_ready(&p->tty), (int *)arg);
	}
	return tty_control(f, &p->tty, false, cmd, arg);
}

static const struct file_ops master_fops = {.read = master_read,
					    .write = master_write,
					    .poll = master_poll,
					    .ioctl = master_ioctl,
					    .release = master_release};

struct pty *pty_create(const struct tty_driver *driver, size_t size)
{
	struct pty *p = (struct pty *)tty_create(driver, size, PTS_MAJOR, 0);
	u32 i = 0;
	int err;

	if (!p)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&pty_lock);
	if (!ptys)
		ptys = kzalloc(PTY_MAX * sizeof(*ptys));
	while (ptys && i < PTY_MAX && ptys[i])
		i++;
	if (!ptys)
		i = PTY_MAX;
	else if (i < PTY_MAX)
		ptys[i] = p;
	mutex_unlock(&pty_lock);
	if (i == PTY_MAX) {
		kfree(p);
		return ERR_PTR(-ENOSPC);
	}
	p->index = p->tty.minor = i;
	err = devpts_add(i);
	if (err) {
		tty_put(&p->tty);
		return ERR_PTR(err);
	}
	return p;
}

static int ptmx_open(struct file *f)
{
	struct pty *p = pty_create(&pty_driver, sizeof(*p));

	if (IS_ERR(p))
		return PTR_ERR(p);
	p->locked = true;
	f->priv = p;
	f->ops = &master_fops;
	return 0;
}

static int pts_open(struct file *f)
{
	u64 rdev = f->inode->rdev, i = (rdev & 0xff) | (rdev >> 12 & 0xfff00);
	struct pty *p = NULL;
	int err;

	mutex_lock(&pty_lock);
	if (ptys && i < PTY_MAX && ptys[i] && ref_get_unless_zero(&ptys[i]->tty.refs))
		p = ptys[i];
	mutex_unlock(&pty_lock);
	if (!p)
		return -EIO;
	err = pty_open_slave(&p->tty, f);
	tty_put(&p->tty);
	return err;
}

/* /dev/tty: the process's controlling terminal. */
static int tty_dev_open(struct file *f)
{
	struct tty *t = NULL;
	int err;

	mutex_lock(&tasklist_lock);
	if (current && current->process->tty && !current->process->tty->hung_up) {
		t = current->process->tty;
		ref_get(&t->refs);
	}
	mutex_unlock(&tasklist_lock);
	if (!t)
		return -ENXIO;
	err = t->driver->open(t, f);
	tty_put(t);
	return err;
}

static const struct file_ops ptmx_dev_fops = {.open = ptmx_open};
static const struct file_ops pts_dev_fops = {.open = pts_open};
static const struct file_ops tty_dev_fops = {.open = tty_dev_open};

static void pty_init(void)
{
	chrdev_register(5, 0, "tty", 0666, &tty_dev_fops);
	chrdev_register(5, 2, "ptmx", 0666, &ptmx_dev_fops);
	chrdev_register(PTS_MAJOR, CHRDEV_ANY_MINOR, NULL, 0, &pts_dev_fops);
}
INITCALL(INIT_CORE + 1, pty_init);
