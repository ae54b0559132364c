/*
 * top: what runs in a sandbox, as its library OS tells it.  All of it is the guest's word: numbers are shown as they are, names
 * escaped and cut.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/console.h"
#include "cli/tar.h"
#include "monitor/escape.h"

#define INTERVAL_MS 1000

struct sample {
	struct bz_top all;
	struct bz_top_process *list;
	uint32_t count;
};

static void sample_take(struct sample *s, int state, const struct entry *e)
{
	const struct bz_ask what = {.op = BZ_ASK_TOP};
	int monitor = ask_connect(state, e), error, fd = ask(monitor, e->name, &what, NULL, 0, &s->count, &error);

	if (error)
		fail(EXIT_BARTIZAN, "top: %s: %s", e->name, strerror(error));
	if (s->count > BZ_TOP_MAX)
		fail(EXIT_BARTIZAN, "top: %s: the sandbox's answer makes no sense", e->name);
	s->list = must_alloc(s->count * sizeof(*s->list));
	if (!tar_receive(fd, &s->all, sizeof(s->all)) ||
	    !tar_receive(fd, s->list, s->count * sizeof(*s->list)))
		fail(EXIT_BARTIZAN, "%s: the sandbox does not answer", e->name);
	close(fd);
	close(monitor);
}

/* Text of the guest's, of at most `size` bytes. */
static const char *shown(char *out, size_t room, const char *text, size_t size, unsigned int flags)
{
	escape_text(out, room, text, strnlen(text, size), flags);
	return out;
}

static void print_json_process(const struct bz_top_process *p, const struct sample *s)
{
	char name[200], command[2000];

	printf("    {\"pid\": %d, \"ppid\": %d, \"pgrp\": %d, \"session\": %d, \"uid\": %u, \"threads\": %u, "
	       "\"descriptors\": %u, \"tty\": %u, \"nice\": %d, \"state\": \"%c\", \"age_ms\": %" PRId64
	       ", \"cpu_ms\": %" PRIu64 ", \"mapped_bytes\": %" PRIu64 ", \"memory_bytes\": %" PRIu64
	       ", \"name\": \"%s\", \"command\": \"%s\"}",
	       p->pid, p->ppid, p->pgrp, p->session, p->uid, p->threads, p->descriptors, p->tty, p->nice,
	       p->state >= 'A' && p->state <= 'Z' ? (char)p->state : '?', (s->all.now - p->start) / 1000000,
	       p->cpu / 1000000, p->mapped, p->memory, shown(name, sizeof(name), p->name, sizeof(p->name), ESCAPE_JSON),
	       shown(command, sizeof(command), p->command, sizeof(p->command), ESCAPE_JSON));
}

static void print_json(const struct entry *e, const struct sample *s)
{
	printf("{\n  \"name\": \"%s\",\n  \"process_count\": %u,\n  \"thread_count\": %u,\n  \"threads_max\": %u,\n"
	       "  \"descriptor_count\": %u,\n  \"arena_bytes\": %" PRIu64 ",\n  \"memory_limit_bytes\": %" PRIu64
	       ",\n  \"processes\": [",
	       e->name, s->all.processes, s->all.threads, s->all.threads_max, s->all.streams, s->all.memory,
	       s->all.memory_limit);
	for (uint32_t i = 0; i < s->count; i++) {
		fputs(i ? ",\n" : "\n", stdout);
		print_json_process(&s->list[i], s);
	}
	puts("\n  ]\n}");
}

static const char *megabytes(char out[16], uint64_t bytes)
{
	const double m = bytes / 1048576.0;

	if (m < 10)
		snprintf(out, 16, "%.1fM", m);
	else if (m < 10240)
		snprintf(out, 16, "%.0fM", m);
	else
		snprintf(out, 16, "%.0fG", m / 1024);
	return out;
}

/* What of a processor it had since `before`. */
static double share(const struct sample *before, const struct bz_top_process *p, int64_t now)
{
	for (uint32_t i = 0; i < before->count; i++) {
		const struct bz_top_process *q = &before->list[i];

		if (q->pid == p->pid && q->start == p->start && p->cpu >= q->cpu && now > before->all.now)
			return 100.0 * (p->cpu - q->cpu) / (now - before->all.now);
	}
	return now > p->start ? 100.0 * p->cpu / (now - p->start) : 0;
}

struct row {
	const struct bz_top_process *p;
	double share;
};

static int by_share(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->share < y->share ? 1 : x->share > y->share ? -1 : x->p->pid - y->p->pid;
}

static void print_table(const struct entry *e, const struct sample *s, const struct sample *before, int rows, int cols)
{
	struct row *list = must_alloc((s->count + 1) * sizeof(*list));
	char line[1400], name[400], a[16], b[16];
	const char *end = rows ? "\x1b[K\n" : "\n";

	for (uint32_t i = 0; i < s->count; i++)
		list[i] = (struct row){&s->list[i], share(before, &s->list[i], s->all.now)};
	qsort(list, s->count, sizeof(*list), by_share);
	printf("%s: %u process%s, %u thread%s (at most %u), %u descriptors, %s in the arena of %s%s", e->name, s->all.processes,
	       s->all.processes == 1 ? "" : "es", s->all.threads, s->all.threads == 1 ? "" : "s", s->all.threads_max,
	       s->all.streams, megabytes(a, s->all.memory), megabytes(b, s->all.memory_limit), end);
	printf("%7s %7s %5s S %4s %4s %6s %7s %6s %10s  COMMAND%s", "PID", "PPID", "UID", "THR", "FDS", "MEM", "MAPPED", "CPU%",
	       "TIME", end);
	for (uint32_t i = 0; i < s->count && (!rows || (int)i < rows - 3); i++) {
		const struct bz_top_process *p = list[i].p;
		const bool plain = *p->command;
		const char *text = plain ? shown(name, sizeof(name), p->command, sizeof(p->command), 0)
					 : shown(name, sizeof(name), p->name, sizeof(p->name), 0);
		int n = snprintf(line, sizeof(line), "%7d %7d %5u %c %4u %4u %6s %7s %6.1f %7" PRIu64 ".%02u  %s%s%s", p->pid,
				 p->ppid, p->uid, p->state >= 'A' && p->state <= 'Z' ? (char)p->state : '?', p->threads,
				 p->descriptors, megabytes(a, p->memory), megabytes(b, p->mapped), list[i].share,
				 p->cpu / 1000000000, (unsigned int)(p->cpu / 10000000 % 100), plain ? "" : "[", text,
				 plain ? "" : "]");

		printf("%.*s%s", cols && n > cols ? cols : n, line, end);
	}
	free(list);
}

/* --- on a terminal: once a second, until q ---------------------------------------------------------------- */

static struct termios cooked;

static void leave(void)
{
	fputs("\x1b[?25h\x1b[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &cooked);
}

static void live(int state, const char *sandbox)
{
	struct sample now = {0}, before = {0};
	struct termios modes;
	struct entry e;

	tcgetattr(STDIN_FILENO, &cooked);
	modes = cooked;
	modes.c_lflag &= ~(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &modes);
	atexit(leave);
	fputs("\x1b[?1049h\x1b[?25l", stdout);
	for (;;) {
		struct pollfd key = {STDIN_FILENO, POLLIN, 0};
		struct winsize size = {24, 80, 0, 0};
		char c = 0;

		entry_find(&e, state, sandbox);
		if (!e.running)
			break;
		sample_take(&now, state, &e);
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
		fputs("\x1b[H", stdout);
		print_table(&e, &now, &before, size.ws_row, size.ws_col);
		fputs("q: leave\x1b[J", stdout);
		fflush(stdout);
		free(before.list);
		before = now;
		if (poll(&key, 1, INTERVAL_MS) > 0 && (read(STDIN_FILENO, &c, 1) <= 0 || c == 'q' || c == 3))
			break;
	}
}

int command_top(int argc, char **argv)
{
	int state = state_open();
	struct sample s = {0}, none = {0};
	struct entry e;
	struct args a;

	args_parse(&a, "top", argc, argv, 1, 1);
	entry_find(&e, state, a.rest[0]);
	if (!e.running)
		fail(EXIT_BARTIZAN, "%s: is not running", e.name);
	if (!a.json && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
		live(state, a.rest[0]);
		return 0;
	}
	sample_take(&s, state, &e);
	if (a.json)
		print_json(&e, &s);
	else
		print_table(&e, &s, &none, 0, 0);
	return 0;
}
