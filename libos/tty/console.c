/*
 * The sandbox's console: a raw pty of the host behind a terminal of the guest (wire.c).
 */
#include "libos/tty/wire.h"
#include "libos/kernel/syscall.h"

static struct tty *console;

static bz_stream console_stream(void)
{
	for (int i = 0; i < 3; i++)
		if (boot->stdio[i].kind == BZ_STDIO_CONSOLE)
			return BZ_STREAM_STDIN + i;
	return -1;
}

static struct wire wire;

static void console_push(struct tty *t)
{
	if (wire_send(&wire, t))
		waitq_wake_all(&t->waitq, EPOLLOUT | EPOLLWRNORM);
}

static int console_wait(struct file *f, bool all)
{
	return wire_wait(&wire, f, all);
}

static void console_free(struct tty *t)
{
	panic("the console was freed");
}

static void reader(void *arg)
{
	wire_read(&wire, console);
	host->thread_exit(NULL);
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
	wire_init(&wire, console_stream());
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

	while (console && !wire_send(&wire, console) && now_mono() < limit)
		host->stream_wait(console_stream(), BZ_WAIT_OUT, limit);
}

void tty_start(void)
{
	if (console)
		host->thread_create(&reader_service);
}
