/* In place of libos/tty: no terminal, and none is asked for (the command refuses -t for such an image). */
#include "libos/tty/tty.h"

struct super *devpts_create(void)
{
	return NULL;
}

struct file *console_file(u32 flags)
{
	return ERR_PTR(-ENXIO);
}

void console_attach(struct process *p)
{
}

void tty_start(void)
{
}

void tty_finish(void)
{
}

void tty_set_winsize(u16 rows, u16 cols)
{
}

void tty_put(struct tty *t)
{
}

struct tty *tty_create_wired(bz_stream stream, u16 rows, u16 cols)
{
	return ERR_PTR(-ENXIO);
}

u32 tty_wired_index(const struct tty *t)
{
	return 0;
}

void tty_serve_wired(struct tty *t)
{
}

void tty_drain_wired(struct tty *t)
{
}

void tty_resize(struct tty *t, const struct winsize_kernel *size)
{
}

void tty_hangup(struct tty *t)
{
}
