/*
 * -t: the sandbox's console is a pty that the command makes; the person's terminal is raw while the sandbox
 * runs and gets its modes back however the command ends.
 */
#ifndef BARTIZAN_CONSOLE_H
#define BARTIZAN_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <poll.h>

struct pipeline { /* bytes on their way from one descriptor to another */
	char data[16384];
	size_t start, end;
};

struct console {
	int master, slave;
	bool user_is_terminal, input_open, raw;
	uint16_t rows, cols;
	struct pipeline in, out;
};

/* False at the end of what can be read. */
bool pipeline_fill(struct pipeline *p, int fd);
/* Writes what there is; false, and it is dropped, if nobody can read it any more. */
bool pipeline_flush(struct pipeline *p, int fd);
bool pipeline_pending(const struct pipeline *p);

/* Makes the pty, of the person's terminal's size. */
struct console *console_make(void);
/* The relay alone, for a stream whose other end is the library OS's terminal (exec -t). */
struct console *console_of(int stream);
void console_raw(struct console *c);
/* Gives the terminal back; safe to call at any time, and more than once. */
void console_restore(void);
void console_size(struct console *c);

/* Fills two entries, then does what they allow. */
void console_poll(struct console *c, struct pollfd fds[3]);
void console_relay(struct console *c, const struct pollfd fds[3]);
/* What the guest wrote last, after the sandbox's end. */
void console_drain(struct console *c);

#endif
