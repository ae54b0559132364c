/*
 * Serves one sandbox until its end: shows what the monitor says, relays signals and the terminal, and turns
 * the end into an exit code.  All text that comes from a sandbox was escaped by the monitor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/log.h"
#include "cli/record.h"
#include "cli/cgroup.h"
#include "cli/host.h"
#include "cli/session.h"
#include "monitor/escape.h"

#define DENIALS_MAX 20
#define MISSING_MAX 64
#define STATISTICS_MAX (256u << 10)

static const int relayed[] = {SIGHUP,  SIGINT,	SIGQUIT, SIGTERM, SIGUSR1,
			      SIGUSR2, SIGALRM, SIGCONT, SIGTSTP, SIGWINCH};

/* Signals that the command was started to ignore (nohup, a shell's background) stay ignored. */
int session_signals(void)
{
	struct sigaction old;
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(relayed) / sizeof(relayed[0]); i++)
		if (relayed[i] > SIGQUIT || sigaction(relayed[i], NULL, &old) < 0 ||
		    old.sa_handler != SIG_IGN)
			sigaddset(&set, relayed[i]);
	sigaddset(&set, SIGPIPE); /* never read: a closed standard error ends nothing */
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGPIPE);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void take_signal(struct session *s, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH && s->console) {
		console_size(s->console);
		sandbox_tell(&s->sandbox, MONITOR_WINSIZE, 0, s->console->rows, s->console->cols);
		return;
	}
	if (info.ssi_signo == SIGWINCH)
		return;
	/*
	 * A terminal signals all of a job, and `fg` continues all of it; a person who uses kill(1) means the program.  The
	 * command itself stops when it hears that the guest did.
	 */
	sandbox_tell(&s->sandbox, MONITOR_SIGNAL, info.ssi_signo,
		     info.ssi_code == SI_KERNEL || info.ssi_signo == SIGCONT, 0);
}

/*
 * The guest's first process was stopped, and so is the command, as if it were the program itself.  With a console of the
 * sandbox's own the terminal has told nobody: then the rest of the job stops, too.  Where no shell could continue it
 * (the group is orphaned) the host ignores the signal, and so does the guest then.
 */
static void stop_with_guest(struct session *s, bool by_sigstop)
{
	sigset_t stop, pending;

	if (s->log)
		return;
	console_restore();
	signal(SIGTSTP, SIG_DFL);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	kill(s->console ? 0 : getpid(), SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &stop, NULL);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	if (s->console)
		console_raw(s->console);
	sigpending(&pending);
	if (!sigismember(&pending, SIGCONT) && !by_sigstop)
		sandbox_tell(&s->sandbox, MONITOR_SIGNAL, SIGCONT, true, 0);
}

static void show(const struct session *s, const char *prefix, const char *text, size_t len)
{
	if (s->log) {
		log_line(s->log, prefix, text, len);
		return;
	}
	/* A raw terminal needs its carriage returns. */
	fprintf(stderr, "%s%.*s%s", prefix, (int)len, text, s->console && s->console->raw ? "\r\n" : "\n");
}

void session_say(const struct session *s, const char *text)
{
	char line[4096]; /* names of this host are in it, which somebody else may have chosen */

	show(s, "bartizan: ", line, escape_text(line, sizeof(line), text, strlen(text), ESCAPE_KEEP_BACKSLASH));
}

static int exit_code(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void keep_positions(const struct monitor_msg *m)
{
	/* Where guest and command share an offset, it may be behind by now what was said meanwhile. */
	for (int i = 0; i < 3; i++)
		if (m->stdio_pos[i] > lseek(i, 0, SEEK_CUR))
			lseek(i, m->stdio_pos[i], SEEK_SET);
}

static void ended(struct session *s, const struct monitor_msg *m)
{
	s->ended = true;
	s->status = exit_code(m->status);
	s->signalled = WIFSIGNALED(m->status);
	s->reason = m->reason;
	s->elapsed_ns = m->elapsed_ns;
	s->requests = m->requests;
	s->denied = m->denied;
	s->peak_memory = m->peak_memory;
	snprintf(s->why, sizeof(s->why), "%.*s", (int)m->len, m->text);
	if (!s->log)
		keep_positions(m);
}

static void tell_starter(struct session *s, const char *text, size_t len)
{
	if (s->started_fd < 0)
		return;
	if (write(s->started_fd, text, len) < 0)
		warn("the command that waited for the start is gone");
	close(s->started_fd);
	s->started_fd = -1;
}

/* They come in parts: of the library OS, the host layer, the monitor.  A later number replaces an earlier
 * one. */
static void add_statistics(struct session *s, const char *text, size_t len)
{
	size_t have = s->statistics ? strlen(s->statistics) : 0;
	char *all;

	if (have > STATISTICS_MAX) /* who sends so much means no good: only the latest counts */
		have = 0;
	all = must_format("%.*s\n%.*s", (int)have, s->statistics ? s->statistics : "", (int)len, text);
	free(s->statistics);
	s->statistics = all;
}

/* Each thing once, and not without end; all of them can be read in the record. */
static void add_denial(struct session *s, struct strings *list, size_t max, const char *prefix,
		       const struct monitor_msg *m)
{
	char *line = must_format("%.*s", (int)m->len, m->text);

	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->item[i], line) || i + 1 == max) {
			free(line);
			return;
		}
	strings_add(list, line);
	record_denied(s->record, prefix, line);
}

/* A step of the start failed.  Where this host cannot run sandboxes at all, which step it was says little. */
static void tell_failure(struct session *s, const struct monitor_msg *m)
{
	const char *lacks = host_lacks();
	char *text = lacks ? must_format("no sandbox runs on this host: %s", lacks)
		     : !strncmp(m->text, "no user namespace", m->len < 17 ? m->len : 17)
			 ? must_format("no user namespace: %s: %s; or use --no-userns", strerror(m->arg),
				       user_namespace_remedy(m->arg))
			 : must_format("%.*s", (int)m->len, m->text);

	if (s->started_fd >= 0)
		tell_starter(s, text, strlen(text));
	else
		session_say(s, text);
	free(text);
}

static void failed(struct session *s, const struct monitor_msg *m)
{
	s->ended = s->failed = true;
	s->status = EXIT_BARTIZAN;
	s->reason = ENDED_BY_GUEST;
	tell_failure(s, m);
}

static void take_message(struct session *s, const struct monitor_msg *m)
{
	switch (m->kind) {
	case MONITOR_STARTED:
		s->start_ns = m->elapsed_ns;
		s->sandbox.template_pid = m->status;
		tell_starter(s, "+", 1);
		break;
	case MONITOR_LOG:
		if (m->arg == BZ_LOG_DENIED && m->len && *m->text == '/')
			add_denial(s, &s->missing, MISSING_MAX, DENIED_MISSING, m);
		else if (m->arg == BZ_LOG_DENIED)
			add_denial(s, &s->denials, DENIALS_MAX, "", m);
		else if (m->arg == BZ_LOG_STOPPED)
			stop_with_guest(s, m->len == 2 && !memcmp(m->text, "19", 2)); /* SIGSTOP */
		else if (m->arg != BZ_LOG_PANIC)
			show(s, m->arg == BZ_LOG_TRACE ? "" : "bartizan: ", m->text, m->len);
		break;
	case MONITOR_DENIED:
		add_denial(s, &s->denials, DENIALS_MAX, "", m);
		break;
	case MONITOR_STATISTICS:
		add_statistics(s, m->text, m->len);
		break;
	case MONITOR_ENDED:
		ended(s, m);
		/* The host layer looks at some things once the library OS may run already (clock_setup). */
		if (m->reason == ENDED_PANIC && host_lacks())
			failed(s, m);
		break;
	case MONITOR_FAILED:
		failed(s, m);
		break;
	}
}

static void take_messages(struct session *s)
{
	static union {
		struct monitor_msg msg;
		char room[sizeof(struct monitor_msg) + MONITOR_TEXT_MAX];
	} packet;
	ssize_t n;

	while (!s->ended) {
		n = recv(s->sandbox.control, &packet, sizeof(packet), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		/* It ended before it had read all that we sent.  The kernel says so once, and before what it sent (net/unix/af_unix.c,
		 * unix_release_sock; __skb_try_recv_datagram). */
		if (n < 0 && errno == ECONNRESET)
			continue;
		if (n <= 0) {
			s->ended = true;
			s->status = EXIT_BARTIZAN;
			show(s, "bartizan: ", "the security monitor died", 25);
			return;
		}
		if ((size_t)n < sizeof(packet.msg) || packet.msg.len > n - sizeof(packet.msg))
			continue;
		take_message(s, &packet.msg);
	}
}

static void explain_end(struct session *s)
{
	static const char *const reasons[] = {
	    [ENDED_KILLED] = "killed",
	    [ENDED_TIMEOUT] = "killed",
	    [ENDED_FORBIDDEN_CALL] = "ended: it made a forbidden host call",
	    [ENDED_PROTOCOL] = "ended: it broke the monitor's protocol",
	    [ENDED_PANIC] = "ended: its library OS gave up",
	    [ENDED_DIED] = "ended: its template died",
	};
	char line[700];
	int n;

	if (s->solo5 && s->reason == ENDED_BY_GUEST && s->status > 128 && s->signalled) {
		n = snprintf(line, sizeof(line), "the guest was ended by %s", signal_name(s->status - 128));
		show(s, "bartizan: ", line, n);
	}
	if (s->reason == ENDED_BY_GUEST || s->reason >= sizeof(reasons) / sizeof(reasons[0]))
		return;
	n = snprintf(line, sizeof(line), "the sandbox was %s%s%s", reasons[s->reason], *s->why ? ": " : "",
		     s->why);
	show(s, "bartizan: ", line, n < (int)sizeof(line) ? n : (int)sizeof(line) - 1);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

/* Returns how long to wait until there is something to do without being told; -1: for ever. */
static int settle(struct session *s, uint64_t since)
{
	uint64_t passed;

	if (!s->settled)
		return -1;
	passed = now_ms() - since;
	if (passed < SETTLED_MS)
		return SETTLED_MS - passed;
	s->settled(s);
	s->settled = NULL;
	return -1;
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

int session_serve(struct session *s, int signals)
{
	struct pollfd fds[8];
	uint64_t since = now_ms();

	if (s->console)
		console_raw(s->console);
	while (!s->ended) {
		for (size_t i = 0; i < 7; i++)
			fds[i] = (struct pollfd){.fd = -1};
		fds[0] = (struct pollfd){.fd = s->sandbox.control, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = signals, .events = POLLIN};
		for (int i = 0; i < 2; i++)
			fds[2 + i] = (struct pollfd){.fd = s->output[i], .events = POLLIN};
		if (s->console && !s->log)
			console_poll(s->console, fds + 4);
		if (poll(fds, 8, sooner(settle(s, since), names_poll(s->names, fds + 7))) < 0)
			continue;
		names_serve(s->names);
		for (int i = 0; i < 2; i++)
			if (fds[2 + i].revents && !log_take(s->log, s->output[i]))
				s->output[i] = -1;
		if (s->console && !s->log)
			console_relay(s->console, fds + 4);
		if (fds[1].revents)
			take_signal(s, signals);
		if (fds[0].revents)
			take_messages(s);
	}
	close(signals);
	if (s->console && !s->log)
		console_drain(s->console);
	console_restore();
	for (size_t i = 0; i < s->denials.count; i++)
		show(s, "bartizan: ", s->denials.item[i], strlen(s->denials.item[i]));
	sandbox_forget(&s->sandbox); /* behind it nobody holds the other end of what the guest wrote to */
	if (cgroup_end())
		session_say(s, "out of memory: the sandbox's control group reached its limit (-m)");
	for (int i = 0; i < 2; i++)
		while (s->output[i] >= 0 && log_take(s->log, s->output[i]))
			;
	explain_end(s);
	return s->status;
}
