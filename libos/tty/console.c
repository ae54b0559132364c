/*
 * The sandbox's console: a raw pty of the host behind a terminal of the guest.  A thread of the template
 * reads it, so that ^C reaches a program that does not read.
 */
#include "libos/tty/tty.h"
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"

static struct tty *console;

static bz_stream console_stream(void)
{
	for (int i = 0; i < 3; i++)
		if (boot->stdio[i].kind == BZ_STDIO_CONSOLE)
			return BZ_STREAM_STDIN + i;
	return -1;
}

/* One after the other, so that output keeps its order; held during host writes that do not wait. */
static struct mutex out_lock = MUTEX_INIT(RANK_OBJECT);

/* False if something is left that the host does not take now. */
static bool send(struct tty *t)
{
	static char part[1024]; /* under out_lock */
	static u32 have, sent;
	bool ok = true;

	mutex_lock(&out_lock);
	for (;;) {
		struct bz_iov iov;
		i64 n;

		if (sent == have) {
			mutex_lock(&t->lock);
			have = tty_out_take(t, part, sizeof(part));
			mutex_unlock(&t->lock);
			sent = 0;
			if (!have)
				break;
		}
		iov = (struct bz_iov){part + sent, have - sent};
		n = host->stream_write(console_stream(), &iov, 1, BZ_OFFSET_NONE, 0);
		if (n == -EAGAIN || n == -EINTR) {
			ok = false;
			break;
		}
		sent = n < 0 ? have : sent + n; /* a terminal that is gone swallows it */
	}
	mutex_unlock(&out_lock);
	return ok;
}

static void console_push(struct tty *t)
{
	if (send(t))
		waitq_wake_all(&t->waitq, EPOLLOUT | EPOLLWRNORM);
}

static int console_wait(struct file *f, bool all)
{
	struct tty *t = tty_of(f);

	while (!send(t)) {
		__atomic_store_n(&current->sleep_kind, SLEEP_HOST, __ATOMIC_SEQ_CST);
		if (!signal_is_pending())
			host->stream_wait(console_stream(), BZ_WAIT_OUT, now_mono() + NSEC_PER_SEC);
		__atomic_store_n(&current->sleep_kind, SLEEP_NONE, __ATOMIC_SEQ_CST);
		if (signal_is_pending())
			return -ERESTARTSYS;
	}
	if (!all && WAIT_EVENT(&t->waitq, tty_writer_room(t) || READ_ONCE(t->hung_up), BZ_NO_DEADLINE))
		return -ERESTARTSYS;
	return 0;
}

static void console_free(struct tty *t)
{
	panic("the console was freed");
}

static void type(const char *buf, u32 n)
{
	static u32 word;

	for (u32 done = 0; done < n;) {
		u32 got = tty_input(console, buf + done, n - done);

		done += got;
		if (!got) /* nobody reads: the rest waits, as in a host's terminal */
			host->wait(&word, 0, ~0u, 0, BZ_CLOCK_MONOTONIC, now_mono() + NSEC_PER_SEC / 50);
	}
}

static void reader(void *arg)
{
	static char buf[256]; /* in the arena, this thread's alone */
	bz_stream s = console_stream();

	for (;;) {
		struct bz_iov iov = {buf, sizeof(buf)};
		i64 n = host->stream_read(s, &iov, 1, BZ_OFFSET_NONE, 0);

		if (n > 0) {
			type(buf, n);
		} else if (n == -EAGAIN) {
			/* Echo that did not go out goes when it can. */
			host->stream_wait(s, send(console) ? BZ_WAIT_IN : BZ_WAIT_IN | BZ_WAIT_OUT,
					  BZ_NO_DEADLINE);
		} else if (n != -EINTR) {
			tty_hangup(console);
			host->thread_exit(NULL);
		}
	}
}

static const struct file_ops console_fops = {
    .read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl, .release = tty_release};

static int open_as(struct tty *t, struct file *f)
{
	int err = tty_open(f, t);

	if (!err)
		f->ops = &console_fops;
	return err;
}

static const struct tty_driver console_driver = {
    .push = console_push, .wait_output = console_wait, .free = console_free, .open = open_as};

static int open_console(struct file *f)
{
	return console ? open_as(console, f) : -ENODEV;
}

static const struct file_ops console_dev_fops = {.open = open_console};

static void console_init(void)
{
	chrdev_register(5, 1, "console", 0620, &console_dev_fops);
	if (console_stream() < 0)
		return;
	console = tty_create(&console_driver, sizeof(*console), 5, 1);
	if (!console)
		panic("no memory for the console");
	console->size.rows = boot->rows;
	console->size.cols = boot->cols;
}
INITCALL(INIT_CORE + 1, console_init);

struct file *console_file(u32 flags)
{
	return file_open(AT_FDCWD, "/dev/console", flags, 0);
}

void console_attach(struct process *p)
{
	if (!console || !(boot->flags & BZ_START_TTY))
		return;
	ref_get(&console->refs);
	p->tty = console;
	console->session = p->session;
	console->pgrp = p->pgrp;
}

void tty_set_winsize(u16 rows, u16 cols)
{
	struct winsize_kernel size = {.rows = rows, .cols = cols};

	if (console)
		tty_resize(console, &size);
}

/* The upcall thread_start of the template's own thread (kernel/entry.c) gets a service, not a guest thread.
 */
static struct service reader_service = {.magic = SERVICE_MAGIC, .run = reader};

/* The sandbox ends: what a writer left that did not wait, for at most a second. */
void tty_finish(void)
{
	i64 limit = now_mono() + NSEC_PER_SEC;

	while (console && !send(console) && now_mono() < limit)
		host->stream_wait(console_stream(), BZ_WAIT_OUT, limit);
}

void tty_start(void)
{
	if (console)
		host->thread_create(&reader_service);
}
