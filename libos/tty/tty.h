/* Terminals: the sandbox's console (console.c), the line discipline (ldisc.c), standard streams that are none (stdio.c). */
#ifndef LIBOS_TTY_H
#define LIBOS_TTY_H

#include "libos/vfs/vfs.h"
#include <asm/termbits.h>
#include <asm/ioctls.h>

struct winsize_kernel {
	u16 rows, cols, xpixel, ypixel;
};

#define TTY_BUF 4096

/*
 * A terminal as the guest sees it.  Input bytes come through tty_input (from the console's reader or a pty's master),
 * pass the line discipline, and are read; output goes through OPOST to `output`.  tty->lock protects all fields.
 */
struct tty {
	ref_t refs;
	struct mutex lock;		/* RANK_OBJECT */
	struct waitq waitq;
	struct termios2 termios;
	struct winsize_kernel size;
	i32 session, pgrp;		/* of the controlling session; 0: none */
	char buf[TTY_BUF];		/* cooked input, a ring */
	u32 head, used;
	u32 lines;			/* complete lines in buf (canonical mode) */
	char edit[TTY_BUF];		/* the line being edited */
	u32 edit_len;
	u32 column;			/* of the cursor, for tabs and erasing */
	bool lnext;			/* the next byte is literal */
	bool stopped;			/* ^S */
	bool hung_up;
	bool exclusive;			/* TIOCEXCL: no further open but by CAP_SYS_ADMIN */
	bool eof_pending;
	ssize_t (*output)(struct tty *t, const char *buf, size_t n, bool wait);
	void *priv;
	u32 major, minor;
};

struct tty *tty_create(ssize_t (*output)(struct tty *, const char *, size_t, bool));
void tty_put(struct tty *t);
void tty_input(struct tty *t, const char *buf, size_t n);	/* what was typed */
void tty_hangup(struct tty *t);
void tty_resize(struct tty *t, u16 rows, u16 cols);
/* The calls of a terminal file whose priv is a struct tty. */
ssize_t tty_read(struct file *f, struct iov_iter *it, i64 *pos);
ssize_t tty_write(struct file *f, struct iov_iter *it, i64 *pos);
u32 tty_poll(struct file *f, struct poll_table *pt);
long tty_ioctl(struct file *f, u32 cmd, u64 arg);

/* Standard stream n of the first process, from boot->stdio[n]; or ERR_PTR. */
struct file *stdio_file(unsigned n);
/* From the template: begin to read the console. */
void tty_start(void);
void tty_set_winsize(u16 rows, u16 cols);
struct file *console_file(u32 flags);
void console_attach(struct process *p);	/* the first process gets it as its controlling terminal */

#endif
