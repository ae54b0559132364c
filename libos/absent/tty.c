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
