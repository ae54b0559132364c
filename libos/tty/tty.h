/*
 * Terminals: the line discipline (ldisc.c), what a program reads and writes (file.c, output.c), control (ioctl.c), and beneath
 * them two drivers: the sandbox's console (console.c) and pseudo-terminals (pty.c).  Standard streams that are no terminal are
 * in stdio.c.
 */
#ifndef LIBOS_TTY_H
#define LIBOS_TTY_H

#include "libos/vfs/vfs.h"
#include <asm/termbits.h>
#include <asm/ioctls.h>

struct winsize_kernel {
	u16 rows, cols, xpixel, ypixel;
};

#define TTY_BUF 4096u		/* of input that was processed: Linux's limit of a line */
#define TTY_RAW 8192u		/* of input that waits for room in it, as in Linux's ptys */
#define TTY_OUT 16384u		/* of output on its way */
#define TTY_OUT_WRITERS 8192u	/* what programs may fill of it; the rest is for echo */

struct tty;

struct tty_driver {
	void (*push)(struct tty *t);	/* output is in the ring: let it go out, without waiting; no lock held */
	/* Until there may be room (or, if `all`, nothing left): 0 or -ERESTARTSYS.  No lock held. */
	int (*wait_output)(struct file *f, bool all);
	void (*flow)(struct tty *t, u8 event);	/* TIOCPKT_*: somebody may watch; lock held; may be null */
	void (*free)(struct tty *t);
	int (*open)(struct tty *t, struct file *f); /* another description of it, for /dev/tty */
	bool pty;
};

/*
 * A terminal as the guest sees it.  Typed bytes go through `raw` (tty_input), the line discipline, and `buf`:
 *
 *   tail ........ canon ........ head        indices without end, taken modulo TTY_BUF
 *     whole lines       the line being edited
 *
 * A bit in `ends` marks a byte of buf that ends a line; a marked NUL is an end of file, a NUL without a mark is data.  What
 * programs write and what is echoed goes through OPOST into `out`, which the driver empties.
 */
struct tty {
	ref_t refs;
	struct mutex lock;		/* all that follows; RANK_DCACHE, so that it may be taken under the tasklist lock */
	struct waitq waitq;
	struct termios2 termios;
	struct winsize_kernel size;
	i32 session, pgrp;		/* of the controlling session; 0: none.  Changed under the tasklist lock */
	char buf[TTY_BUF];
	u64 ends[TTY_BUF / 64];
	u32 tail, canon, head;
	char raw[TTY_RAW];
	u32 raw_head, raw_used;
	char out[TTY_OUT];
	u32 out_head, out_used;
	u32 out_before_input;		/* what of it was there before the bytes that are processed now */
	u32 out_before_stop;		/* what of it was there at ^S, and still goes out */
	u32 column, canon_column;	/* of the cursor; where the line being edited began */
	bool lnext;			/* the next byte is literal */
	bool stopped;			/* ^S, or TCOOFF */
	bool stopped_by_call;		/* TCOOFF: only TCOON starts it again */
	bool exclusive;			/* TIOCEXCL: no further open but by CAP_SYS_ADMIN */
	bool hung_up;			/* the other end is gone for good */
	const struct tty_driver *driver;
	u32 major, minor;
};

struct tty *tty_create(const struct tty_driver *driver, size_t size, u32 major, u32 minor); /* size: of what it is the head of */
void tty_put(struct tty *t);
int tty_open(struct file *f, struct tty *t);		/* references it in file->priv; the caller sets the ops */
void tty_release(struct file *f);
static inline struct tty *tty_of(const struct file *f)
{
	return f->priv;
}

/* --- input (ldisc.c) --- */
u32 tty_input(struct tty *t, const char *buf, u32 n);	/* what was typed; returns how much there was room for */
void tty_pump(struct tty *t);				/* after room was made */
bool tty_readable(const struct tty *t, u32 least);
void tty_flush_input(struct tty *t);			/* lock held */
void tty_canon_changed(struct tty *t);			/* ICANON was switched; lock held */
void tty_signal(struct tty *t, int sig);		/* to the foreground group */
bool tty_is_cc(const struct tty *t, u8 c, int which);

/* --- output (output.c); lock held --- */
void tty_echo(struct tty *t, u8 c);			/* through OPOST */
void tty_echo_text(struct tty *t, const char *s, u32 n); /* as it is */
u32 tty_writer_room(const struct tty *t);		/* for programs */
u32 tty_out_ready(const struct tty *t);			/* what the driver may take */
u32 tty_out_take(struct tty *t, char *buf, u32 n);
void tty_out_flush(struct tty *t);
void tty_stop(struct tty *t);
void tty_start_output(struct tty *t);

/* --- sessions --- */
/* A process of the background must not touch the terminal (job control): 0, -ERESTARTSYS or -EIO. */
int tty_job_control(struct tty *t, int sig);
void tty_become_controlling(struct tty *t, bool readable); /* open without O_NOCTTY */
void tty_hangup(struct tty *t);				/* for good: the other end is gone */
void tty_resize(struct tty *t, const struct winsize_kernel *size);

/* The calls of a terminal file. */
ssize_t tty_read(struct file *f, struct iov_iter *it, i64 *pos);
ssize_t tty_write(struct file *f, struct iov_iter *it, i64 *pos);
u32 tty_poll(struct file *f, struct poll_table *pt);
long tty_ioctl(struct file *f, u32 cmd, u64 arg);
/* For a description of either end: `real` is what modes, sizes and groups belong to; `own`: f is that terminal's. */
long tty_control(struct file *f, struct tty *real, bool own, u32 cmd, u64 arg);

/* From the template: begin to read the console; let out what a signal kept a writer from waiting for. */
void tty_start(void);
void tty_finish(void);
void tty_set_winsize(u16 rows, u16 cols);
struct file *console_file(u32 flags);
void console_attach(struct process *p);	/* the first process gets it as its controlling terminal */

/* A pseudo-terminal whose other end is a stream of the operator's, which becomes the terminal's; or ERR_PTR. */
struct tty *tty_create_wired(bz_stream stream, u16 rows, u16 cols);
u32 tty_wired_index(const struct tty *t);	/* its number in /dev/pts */
/* Types what comes in, up to the stream's end; then hangs up, and drops the caller's reference. */
void tty_serve_wired(struct tty *t);
/* What was shown goes out, whatever signals come, unless the other end goes away. */
void tty_drain_wired(struct tty *t);

#endif
