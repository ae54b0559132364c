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

/* Makes the pty, of the person's terminal's size. */
struct console *console_make(void);
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
