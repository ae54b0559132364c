/*
 * The relay between the person's terminal and the sandbox's pty.  The line discipline is the library OS's:
 * the pty is raw on our side, and so is the person's terminal, so that Ctrl-C and Ctrl-Z are bytes for the
 * guest.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/console.h"

static struct termios saved;
static int saved_fd = -1;

void console_restore(void)
{
	if (saved_fd >= 0)
		tcsetattr(saved_fd, TCSADRAIN, &saved);
	saved_fd = -1;
}

void console_size(struct console *c)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	c->rows = size.ws_row;
	c->cols = size.ws_col;
	ioctl(c->master, TIOCSWINSZ, &size);
}

struct console *console_of(int stream)
{
	struct console *c = must_alloc(sizeof(*c));

	c->rows = 24;
	c->cols = 80;
	c->master = stream;
	c->slave = -1;
	if (stream >= 0)
		fcntl(stream, F_SETFL, O_NONBLOCK);
	c->input_open = true;
	c->user_is_terminal = isatty(STDIN_FILENO);
	console_size(c);
	return c;
}

struct console *console_make(void)
{
	struct console *c;
	struct termios raw;
	int unlock = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		fail(EXIT_BARTIZAN, "-t: cannot make a terminal: %s", strerror(errno));
	c = console_of(master);
	c->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (c->slave < 0)
		fail(EXIT_BARTIZAN, "-t: cannot make a terminal: %s", strerror(errno));
	if (tcgetattr(c->slave, &raw) == 0) {
		cfmakeraw(&raw);
		tcsetattr(c->slave, TCSANOW, &raw);
	}
	return c;
}

void console_raw(struct console *c)
{
	struct termios raw;

	if (!c->user_is_terminal || tcgetattr(STDIN_FILENO, &saved) < 0)
		return;
	if (saved_fd < 0)
		atexit(console_restore);
	saved_fd = STDIN_FILENO;
	raw = saved;
	cfmakeraw(&raw);
	tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	c->raw = true;
}

/* False at the end of what can be read. */
bool pipeline_fill(struct pipeline *p, int fd)
{
	ssize_t n;

	p->start = p->end = 0;
	n = read(fd, p->data, sizeof(p->data));
	if (n > 0)
		p->end = n;
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

bool pipeline_flush(struct pipeline *p, int fd)
{
	ssize_t n = write(fd, p->data + p->start, p->end - p->start);

	if (n > 0) {
		p->start += n;
		return true;
	}
	if (errno == EAGAIN || errno == EINTR)
		return true;
	p->start = p->end;
	return false;
}

bool pipeline_pending(const struct pipeline *p)
{
	return p->start < p->end;
}

void console_poll(struct console *c, struct pollfd fds[3])
{
	fds[0] =
	    (struct pollfd){.fd = c->input_open && !pipeline_pending(&c->in) ? STDIN_FILENO : -1, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = c->master};
	fds[2] = (struct pollfd){.fd = pipeline_pending(&c->out) ? STDOUT_FILENO : -1, .events = POLLOUT};
	if (pipeline_pending(&c->in))
		fds[1].events |= POLLOUT;
	if (!pipeline_pending(&c->out))
		fds[1].events |= POLLIN;
	if (!fds[1].events)
		fds[1].fd = -1;
}

void console_relay(struct console *c, const struct pollfd fds[3])
{
	if (fds[0].revents && !pipeline_fill(&c->in, STDIN_FILENO)) {
		c->input_open = false;
		c->in.data[0] = 4; /* the end of input reaches a terminal's reader as Ctrl-D */
		c->in.start = 0;
		c->in.end = 1;
	}
	if ((fds[1].revents & POLLIN) && !pipeline_pending(&c->out))
		pipeline_fill(&c->out, c->master);
	if ((fds[1].revents & POLLOUT) || (pipeline_pending(&c->in) && !fds[1].events))
		pipeline_flush(&c->in, c->master);
	if (fds[2].revents)
		pipeline_flush(&c->out, STDOUT_FILENO);
}

void console_drain(struct console *c)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	for (;;) {
		while (pipeline_pending(&c->out)) {
			poll(&out, 1, 1000);
			pipeline_flush(&c->out, STDOUT_FILENO);
		}
		if (!pipeline_fill(&c->out, c->master) || !pipeline_pending(&c->out))
			break;
	}
}
