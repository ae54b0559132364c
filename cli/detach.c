/*
 * run -d: a keeper, a process of its own session, starts the sandbox, writes its log and its record, and ends
 * with it.  The command waits until the sandbox runs, prints the name and goes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cgroup.h"
#include "cli/record.h"
#include "cli/run.h"

static void make_stdio(struct run *r)
{
	struct session *s = &r->session;
	int pipe_ends[2], null = open("/dev/null", O_RDWR | O_CLOEXEC);

	s->output[0] = s->output[1] = -1;
	if (r->options.tty) {
		struct console *c = console_make();

		for (int i = 0; i < 3; i++)
			r->spec.stdio[i] = c->slave;
		r->spec.rows = c->rows;
		r->spec.cols = c->cols;
		r->spec.flags |= SANDBOX_TTY;
		s->output[0] = c->master;
		return;
	}
	if (null < 0 || pipe2(pipe_ends, O_CLOEXEC) < 0)
		fail(EXIT_BARTIZAN, "-d: %s", strerror(errno));
	r->spec.stdio[0] = null;
	r->spec.stdio[1] = r->spec.stdio[2] = pipe_ends[1]; /* one pipe: the log keeps the order */
	s->output[0] = pipe_ends[0];
}

static void leave_terminal(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	close(null);
}

static void keeper(struct run *r, struct record *record)
{
	struct session *s = &r->session;
	char err[512];
	int error, code, signals;

	setsid();
	s->log = record_log(record);
	r->spec.flags |= SANDBOX_DETACHED;
	signals = session_signals();
	names_own(r->options.net.names);
	error = cgroup_start(&r->spec, &s->sandbox, err, sizeof(err));
	leave_terminal();
	if (error < 0) {
		record_discard(record);
		if (write(s->started_fd, err, strlen(err)) < 0)
			_exit(EXIT_BARTIZAN);
		_exit(EXIT_BARTIZAN);
	}
	for (int i = 1; i < 3; i++)
		close(r->spec.stdio[i]); /* the same one with -t and without: the second close does no harm */
	close(r->spec.listen_fd);
	record_running(record, r, &s->sandbox);
	s->record = record;
	hosttext_begin(r);
	code = session_serve(s, signals);
	if (!s->failed)
		hints_show(r, code);
	if (s->failed)
		record_discard(record);
	else
		record_ended(record, code, s->why);
	if (r->options.stats)
		stats_report(s);
	hosttext_end(r);
	_exit(code);
}

int run_detached(struct run *r)
{
	struct record *record = record_begin(r->id, true, !r->options.rm, &r->spec.listen_fd);
	char answer[1024];
	size_t len = 0;
	ssize_t n;
	int started[2];
	pid_t pid;

	record_must_claim(record);
	make_stdio(r);
	if (pipe2(started, O_CLOEXEC) < 0)
		fail(EXIT_BARTIZAN, "-d: %s", strerror(errno));
	r->session.started_fd = started[1];
	pid = fork();
	if (pid < 0)
		fail(EXIT_BARTIZAN, "-d: fork: %s", strerror(errno));
	if (!pid)
		keeper(r, record);
	close(started[1]);
	while (len < sizeof(answer) - 1 && (n = read(started[0], answer + len, sizeof(answer) - 1 - len)) > 0)
		len += n;
	answer[len] = 0;
	if (len != 1 || *answer != '+')
		fail(EXIT_BARTIZAN, "%s", len ? answer : "the sandbox's keeper died");
	puts(r->id);
	return 0;
}
