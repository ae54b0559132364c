/* Pseudo-terminals and their names in /dev/pts. */
#ifndef LIBOS_PTY_H
#define LIBOS_PTY_H

#include "libos/tty/tty.h"

#define PTY_MAX 4096	/* as Linux's kernel.pty.max */
#define PTS_MAJOR 136

struct pty {
	struct tty tty;		/* first: the slave */
	u32 index;
	u32 opens;		/* descriptions of the slave */
	bool locked;		/* TIOCSPTLCK */
	bool slave_closed;	/* it was open and is no more */
	bool packet;		/* TIOCPKT */
	u8 status;		/* TIOCPKT_*: what the master is to be told */
};

/* With a number and a name; size: of what it is the head of.  Or ERR_PTR. */
struct pty *pty_create(const struct tty_driver *driver, size_t size);
int pty_open_slave(struct tty *t, struct file *f);	/* a driver's open */
void pty_free(struct tty *t);				/* a driver's free, at its end */

int devpts_add(u32 index);
void devpts_remove(u32 index);

#endif
