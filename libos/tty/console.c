/*
 * The sandbox's console: a raw pty of the host behind a terminal of the guest.  A thread of the template reads it, so that
 * ^C reaches a program that does not read.
 */
#include "libos/tty/tty.h"
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include <linux/capability.h>

static struct tty *console;

static bz_stream console_stream(void)
{
	for (int i = 0; i < 3; i++)
		if (boot->stdio[i].kind == BZ_STDIO_CONSOLE)
			return BZ_STREAM_STDIN + i;
	return -1;
}

static ssize_t console_output(struct tty *t, const char *buf, size_t n, bool wait)
{
	bz_stream s = console_stream();
	size_t done = 0;

	while (done < n) {
		struct bz_iov iov = {(char *)buf + done, n - done};
		i64 ret = host->stream_write(s, &iov, 1, BZ_OFFSET_NONE, 0);

		if (ret == -EAGAIN || ret == -EINTR) {
			/* Echo is small and must not be lost; a writer that may not wait gets what went out. */
			if (current && signal_is_pending())
				return done ? (ssize_t)done : -ERESTARTSYS;
			host->stream_wait(s, BZ_WAIT_OUT, now_mono() + NSEC_PER_SEC);
			continue;
		}
		if (ret < 0)
			return ret == -EIO ? -EIO : ret;
		done += ret;
	}
	return done;
}

static void reader(void *arg)
{
	static char buf[256];	/* in the arena, this thread's alone */
	bz_stream s = console_stream();

	for (;;) {
		struct bz_iov iov = {buf, sizeof(buf)};
		i64 n = host->stream_read(s, &iov, 1, BZ_OFFSET_NONE, 0);

		if (n > 0) {
			tty_input(console, buf, n);
		} else if (n == -EAGAIN) {
			host->stream_wait(s, BZ_WAIT_IN, BZ_NO_DEADLINE);
		} else if (n != -EINTR) {
			tty_hangup(console);
			host->thread_exit(NULL);
		}
	}
}

static ssize_t dev_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	return f->priv ? tty_read(f, it, pos) : -EIO;
}

static const struct file_ops console_fops = {
	.read = dev_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl};

static int open_as(struct file *f, struct tty *t)
{
	if (t->exclusive && !capable(CAP_SYS_ADMIN))
		return -EBUSY;
	f->priv = t;
	f->ops = &console_fops;
	return 0;
}

/* /dev/tty: the process's controlling terminal; /dev/console: the console, if there is one. */
static int open_tty(struct file *f)
{
	struct tty *t = current ? current->process->tty : NULL;

	return t ? open_as(f, t) : -ENXIO;
}

static int open_console(struct file *f)
{
	return console ? open_as(f, console) : -ENODEV;
}

static const struct file_ops tty_dev_fops = {.open = open_tty};
static const struct file_ops console_dev_fops = {
	.open = open_console, .read = dev_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl};

static void console_init(void)
{
	chrdev_register(5, 0, "tty", 0666, &tty_dev_fops);
	chrdev_register(5, 1, "console", 0620, &console_dev_fops);
	if (console_stream() < 0)
		return;
	console = tty_create(console_output);
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
	if (console)
		tty_resize(console, rows, cols);
}

/* The upcall thread_start of the template's own thread (kernel/entry.c) gets a service, not a guest thread. */
static struct service reader_service = {.magic = SERVICE_MAGIC, .run = reader};

void tty_start(void)
{
	if (console)
		host->thread_create(&reader_service);
}
