/*
 * exec: a process more in a running sandbox.  The library OS starts it (abi/bartizan_ask.h); this command relays its standard
 * streams, signals and terminal, and ends as it did.  What comes back is the guest's: bytes for standard output as they are,
 * texts of errors escaped.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/ask.h"
#include "cli/console.h"
#include "cli/tar.h"
#include "monitor/escape.h"

struct exec {
	const char *sandbox, *user, *workdir;
	bool interactive, tty, detach;
	struct strings env;
	char **argv;
	int monitor, control;
	int stream[3];		   /* -1: /dev/null in the sandbox, or at its end */
	struct pipeline pipe[3];
	bool input_open;
	struct console *console;
	struct bz_exec_end end;
};

static void options(struct exec *x, int argc, char **argv)
{
	static const struct option list[] = {{"interactive", no_argument, NULL, 'i'}, {"tty", no_argument, NULL, 't'},
					     {"detach", no_argument, NULL, 'd'}, {"env", required_argument, NULL, 'e'},
					     {"workdir", required_argument, NULL, 'w'}, {"user", required_argument, NULL, 'u'},
					     {"help", no_argument, NULL, 'h'}, {0}};
	int id;

	opterr = 0;
	while ((id = getopt_long(argc, argv, "+:itde:w:u:h", list, NULL)) >= 0) {
		switch (id) {
		case 'i': x->interactive = true; break;
		case 't': x->tty = true; break;
		case 'd': x->detach = true; break;
		case 'w': x->workdir = optarg; break;
		case 'u': x->user = optarg; break;
		case 'e':
			if (strchr(optarg, '=') && *optarg != '=')
				strings_set(&x->env, optarg);
			else if (*optarg != '=' && getenv(optarg))
				strings_set(&x->env, must_format("%s=%s", optarg, getenv(optarg)));
			break;
		case 'h':
			help_print("exec");
			exit(0);
		case ':':
			fail(EXIT_BARTIZAN, "exec: %s needs a value", argv[optind - 1]);
		default:
			fail(EXIT_BARTIZAN, "exec: unknown option '%s'; see 'bartizan exec --help'", argv[optind - 1]);
		}
	}
	if (argc - optind < 2)
		fail(EXIT_BARTIZAN, "exec: name a sandbox, and a program to run in it; see 'bartizan exec --help'");
	x->sandbox = argv[optind];
	x->argv = argv + optind + 1;
	if (x->workdir && *x->workdir != '/')
		fail(EXIT_BARTIZAN, "-w: '%s' must begin with a slash", x->workdir);
	if (x->tty && x->interactive && !x->detach && !isatty(STDIN_FILENO))
		fail(EXIT_BARTIZAN, "-t: standard input is not a terminal");
	if (x->tty && !strings_get(&x->env, "TERM"))
		strings_set(&x->env, must_format("TERM=%s", getenv("TERM") ? getenv("TERM") : "xterm"));
}

/* --- the request --------------------------------------------------------------------------------------- */

static uint32_t wanted_streams(const struct exec *x)
{
	if (x->detach)
		return x->tty ? 1 : 0;
	return x->tty ? 1 : x->interactive ? 7 : 6;
}

/* struct bz_exec and the strings behind it. */
static void *join(const struct exec *x, struct bz_exec wish, size_t *len)
{
	size_t size = strlen(x->user) + 1;
	char *all, *p;

	for (int i = 0; x->argv[i]; i++, wish.argc++)
		size += strlen(x->argv[i]) + 1;
	for (size_t i = 0; i < x->env.count; i++, wish.envc++)
		size += strlen(x->env.item[i]) + 1;
	if (size > BZ_EXEC_MAX)
		fail(EXIT_BARTIZAN, "exec: arguments and environment are more than 1 MiB");
	wish.size = size;
	*len = sizeof(wish) + size;
	all = must_alloc(*len);
	memcpy(all, &wish, sizeof(wish));
	p = stpcpy(all + sizeof(wish), x->user) + 1;
	for (int i = 0; x->argv[i]; i++)
		p = stpcpy(p, x->argv[i]) + 1;
	for (size_t i = 0; i < x->env.count; i++)
		p = stpcpy(p, x->env.item[i]) + 1;
	return all;
}

static void refused(const struct exec *x, int error)
{
	if (error == ESRCH)
		fail(EXIT_BARTIZAN, "-u: %s: no such user or group in the sandbox", x->user);
	if (error == EAGAIN)
		fail(EXIT_BARTIZAN, "exec: %s: too many others run there by exec just now", x->sandbox);
	if (error == ENOSYS)
		fail(EXIT_BARTIZAN, "exec: %s: its image was built without the component 'ask'", x->sandbox);
	if (error)
		fail(EXIT_BARTIZAN, "exec: %s: %s", x->sandbox, strerror(error));
}

static void request(struct exec *x)
{
	struct bz_exec wish = {.streams = wanted_streams(x),
			       .flags = (x->tty ? BZ_EXEC_TTY : 0) | (x->detach ? BZ_EXEC_DETACH : 0)};
	struct bz_ask what = {.op = BZ_ASK_EXEC};
	uint32_t number, none;
	size_t len;
	void *all;
	int error;

	if (x->console) {
		wish.rows = x->console->rows;
		wish.cols = x->console->cols;
	}
	if (x->workdir && strlen(x->workdir) >= sizeof(what.path))
		fail(EXIT_BARTIZAN, "-w: the path is too long");
	strcpy(what.path, x->workdir ? x->workdir : "");
	all = join(x, wish, &len);
	x->control = ask(x->monitor, x->sandbox, &what, all, len, &number, &error);
	refused(x, error);
	free(all);
	for (uint32_t i = 0; i < 3; i++) {
		what = (struct bz_ask){.op = BZ_ASK_STREAM, .flags = number << 2 | i};
		x->stream[i] = -1;
		if (!(wish.streams & 1u << i))
			continue;
		x->stream[i] = ask(x->monitor, x->sandbox, &what, NULL, 0, &none, &error);
		refused(x, error);
		fcntl(x->stream[i], F_SETFL, O_NONBLOCK);
	}
}

static void tell(const struct exec *x, uint32_t kind, uint32_t arg)
{
	struct bz_exec_tell t = {.kind = kind, .arg = arg};

	if (x->console) {
		t.rows = x->console->rows;
		t.cols = x->console->cols;
	}
	tar_send(x->control, &t, sizeof(t));
}

/* --- the relay ----------------------------------------------------------------------------------------- */

static int signals_open(void)
{
	static const int relayed[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
	struct sigaction old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(relayed) / sizeof(relayed[0]); i++)
		if (sigaction(relayed[i], NULL, &old) < 0 || old.sa_handler != SIG_IGN)
			sigaddset(&set, relayed[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signal(struct exec *x, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo != SIGWINCH) {
		tell(x, BZ_EXEC_SIGNAL, info.ssi_signo);
	} else if (x->console) {
		console_size(x->console);
		tell(x, BZ_EXEC_WINSIZE, 0);
	}
}

/* Descriptor 0 goes in, 1 and 2 come out; a stream waits in poll either for bytes or for room. */
static void pipes_poll(const struct exec *x, struct pollfd *fds)
{
	for (int i = 0; i < 3; i++) {
		const bool pending = pipeline_pending(&x->pipe[i]);
		const bool from = i ? x->stream[i] >= 0 : x->input_open;
		const int source = i ? x->stream[i] : 0, sink = i ? i : x->stream[i];

		fds[i] = (struct pollfd){pending ? sink : from ? source : -1, pending ? POLLOUT : POLLIN, 0};
	}
}

static void stream_end(struct exec *x, int i)
{
	if (i) {
		close(x->stream[i]);
		x->stream[i] = -1;
	} else {
		x->input_open = false;
		shutdown(x->stream[0], SHUT_WR);
	}
}

static void pipes_relay(struct exec *x, const struct pollfd *fds)
{
	for (int i = 0; i < 3; i++) {
		struct pipeline *p = &x->pipe[i];

		if (!fds[i].revents)
			continue;
		/* Either end may be gone; the other one is to hear of it. */
		if (pipeline_pending(p) ? !pipeline_flush(p, i ? i : x->stream[0]) :
					  !pipeline_fill(p, i ? x->stream[i] : 0))
			stream_end(x, i);
	}
}

/* What was written before the end. */
static void pipes_drain(struct exec *x)
{
	for (int i = 1; i < 3; i++) {
		struct pipeline *p = &x->pipe[i];
		struct pollfd out = {i, POLLOUT, 0};

		do {
			while (pipeline_pending(p)) {
				poll(&out, 1, 1000);
				pipeline_flush(p, i);
			}
		} while (x->stream[i] >= 0 && pipeline_fill(p, x->stream[i]) && pipeline_pending(p));
	}
}

static void relay(struct exec *x, int signals)
{
	struct pollfd fds[5];

	if (x->console)
		console_raw(x->console);
	x->input_open = x->stream[0] >= 0;
	for (;;) {
		fds[0] = (struct pollfd){x->control, POLLIN, 0};
		fds[1] = (struct pollfd){signals, POLLIN, 0};
		if (x->console)
			console_poll(x->console, fds + 2);
		else
			pipes_poll(x, fds + 2);
		if (poll(fds, 5, -1) < 0)
			continue;
		if (x->console)
			console_relay(x->console, fds + 2);
		else
			pipes_relay(x, fds + 2);
		if (fds[1].revents)
			take_signal(x, signals);
		if (fds[0].revents)
			break;
	}
	if (!tar_receive(x->control, &x->end, sizeof(x->end)))
		x->end.status = SIGKILL; /* the sandbox ended, and this process with it */
	if (x->console)
		console_drain(x->console);
	else
		pipes_drain(x);
	console_restore();
}

static int finish(struct exec *x)
{
	char text[1100];

	if (x->end.error) {
		escape_text(text, sizeof(text), x->end.text, strnlen(x->end.text, sizeof(x->end.text)), 0);
		warn("%s", *text ? text : "the program could not be run");
	}
	return WIFSIGNALED(x->end.status) ? 128 + WTERMSIG(x->end.status) : WEXITSTATUS(x->end.status);
}

int command_exec(int argc, char **argv)
{
	struct exec *x = must_alloc(sizeof(*x));
	int state = state_open();
	struct entry e;
	int signals;

	x->user = "";
	options(x, argc, argv);
	entry_find(&e, state, x->sandbox);
	x->monitor = ask_connect(state, &e);
	signal(SIGPIPE, SIG_IGN);
	if (x->tty && !x->detach)
		x->console = console_of(-1);
	request(x);
	if (x->console) {
		x->console->master = x->stream[0];
		x->console->input_open = x->interactive;
	}
	signals = x->detach ? -1 : signals_open();
	tell(x, BZ_EXEC_START, 0);
	if (!x->detach)
		relay(x, signals);
	else if (!tar_receive(x->control, &x->end, sizeof(x->end)))
		fail(EXIT_BARTIZAN, "%s: the sandbox ended", x->sandbox);
	return finish(x);
}
