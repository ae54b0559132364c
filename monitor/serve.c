/*
 * The monitor's loop: waits for the sandbox, its death, its filter's notifications, and its operator.
 *
 * HOSTILE INPUT.  Requests and log messages come from a guest, notifications carry a guest's arguments.  A
 * packet is read into a buffer of the largest size that is allowed; a longer one is malformed.  No answer is
 * waited for: whoever does not take his answer ends.  Text is escaped before it goes on.  Control messages
 * come from the operator, but by a socket, so their size and kind are checked all the same.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/process.h"

#define HELLO_TIMEOUT_NS 10000000000ull
#define LOG_MAX (MONITOR_TEXT_MAX + 1)
#define LOG_BURST 200
#define LOG_A_SECOND 100
#define BATCH 16       /* of one kind before the loop looks elsewhere */
#define DRAIN_MAX 4096 /* log messages read behind the sandbox's end */

enum { AT_CONTROL, AT_TEMPLATE, AT_LOG, AT_NOTIFY, AT_LISTEN, AT_CLIENTS };

static struct {
	bool running; /* BZ_HELLO was taken */
	bool ended;
	char why[1024];
	uint64_t timeout_ns, grace_ns; /* absolute; 0: none */
	uint64_t log_tokens, log_filled_ns, log_dropped;
	char panic[512];
	struct rusage usage; /* of the template, once it was waited for */
} run;

static struct monitor_msg ended; /* MONITOR_ENDED, being filled */

/* --- Ending -------------------------------------------------------------------------------------------- */

static void sandbox_kill(struct monitor *m)
{
	syscall(SYS_pidfd_send_signal, m->template_pidfd, SIGKILL, NULL, 0);
	/* Without a pid namespace its clones are found by their process group, which they cannot leave. */
	if (!m->plan.namespaces)
		kill(-m->template_pid, SIGKILL);
}

static void end(struct monitor *m, enum monitor_reason reason, int status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void end(struct monitor *m, enum monitor_reason reason, int status, const char *format, ...)
{
	va_list args;

	if (run.ended)
		return;
	run.ended = true;
	ended.kind = MONITOR_ENDED;
	ended.reason = reason;
	ended.status = status;
	va_start(args, format);
	vsnprintf(run.why, sizeof(run.why), format, args);
	va_end(args);
}

/* --- Log messages of the sandbox ----------------------------------------------------------------------- */

static bool log_allowed(uint64_t now)
{
	uint64_t add = (now - run.log_filled_ns) * LOG_A_SECOND / 1000000000ull;

	if (add) {
		run.log_tokens = run.log_tokens + add > LOG_BURST ? LOG_BURST : run.log_tokens + add;
		run.log_filled_ns = now;
	}
	if (!run.log_tokens) {
		run.log_dropped++;
		return false;
	}
	run.log_tokens--;
	return true;
}

static void log_tell_dropped(struct monitor *m)
{
	char line[96];

	if (!run.log_dropped || !run.log_tokens)
		return;
	snprintf(line, sizeof(line), "%" PRIu64 " log lines of the sandbox were dropped: too many a second",
		 run.log_dropped);
	run.log_dropped = 0;
	clients_line(m, MONITOR_LOG, BZ_LOG_WARN, line, strlen(line));
}

static void log_one(struct monitor *m, const char *message, size_t len)
{
	static char text[MONITOR_TEXT_MAX];
	uint32_t level = (unsigned char)message[0];
	bool word;
	size_t n;

	if (level > BZ_LOG_STOPPED || (level == BZ_LOG_TRACE && !(m->spec->flags & SANDBOX_TRACE)))
		level = BZ_LOG_INFO;
	word = level == BZ_LOG_PANIC && !run.panic[0];
	/* A trace is wanted whole: its reader's pace is its limit. */
	if (level != BZ_LOG_TRACE && level != BZ_LOG_STATS && !word && !log_allowed(now_ns()))
		return;
	log_tell_dropped(m);
	while (len > 1 && message[len - 1] == '\n')
		len--;
	n = escape_text(text, sizeof(text), message + 1, len - 1,
			level == BZ_LOG_TRACE ? ESCAPE_KEEP_BACKSLASH : ESCAPE_KEEP_NEWLINE);
	if (word) /* those that follow it have no better reason than that the sandbox ends */
		snprintf(run.panic, sizeof(run.panic), "%.*s", (int)sizeof(run.panic) - 1, text);
	clients_line(m, level == BZ_LOG_STATS ? MONITOR_STATISTICS : MONITOR_LOG, level, text, n);
}

/* Returns how many messages were read. */
static int log_read(struct monitor *m, int most)
{
	static char message[LOG_MAX];
	struct iovec iov = {message, sizeof(message)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int n = 0;

	while (n < most && !clients_blocked(m)) {
		ssize_t len = recvmsg(m->log, &msg, MSG_DONTWAIT);

		if (len <= 0)
			break;
		n++;
		log_one(m, message, len);
	}
	return n;
}

static void told_denied(void *arg, const char *line)
{
	struct monitor *m = arg;

	clients_line(m, MONITOR_DENIED, BZ_LOG_DENIED, line, strlen(line));
}

/* --- The control channel ------------------------------------------------------------------------------- */

/* The descriptor that came with a message, or -1. */
static int passed_fd(struct msghdr *msg)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS && cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

/* A guest without a library OS has closed, or is about to close, its ends. */
static void channels_close(struct monitor *m)
{
	close(m->control);
	close(m->events);
	close(m->log);
	m->control = m->events = m->log = -1;
}

/* In the host layer's own words, if it had any. */
static void hello_failed(struct monitor *m, int error) __attribute__((noreturn));
static void hello_failed(struct monitor *m, int error)
{
	log_read(m, BATCH);
	if (run.panic[0])
		monitor_fail(m, 0, run.panic);
	monitor_fail(m, error, "the host layer did not start");
}

/* At first: BZ_HELLO with the filter's listener, or the template's word on why it cannot start. */
static void control_hello(struct monitor *m)
{
	struct template_failure message = {0};
	struct iovec iov = {&message, sizeof(message)};
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct msghdr msg = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
	ssize_t len;
	struct monitor_msg started = {.kind = MONITOR_STARTED, .status = m->template_pid};

	do /* of one who ended and had not read all, the kernel says so once, before it gives what he said */
		len = recvmsg(m->control, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (len < 0 && errno == ECONNRESET);
	if (len < 0 && errno == EAGAIN)
		return;
	if (len == sizeof(message) && message.head.op == 0) {
		message.what[sizeof(message.what) - 1] = 0;
		monitor_fail(m, message.head.mode, message.what);
	}
	if (len != sizeof(message.head) || message.head.op != BZ_HELLO)
		hello_failed(m, EPROTO);
	m->notify = passed_fd(&msg);
	run.running = true;
	if (m->spec->guest)
		channels_close(m);
	started.elapsed_ns = now_ns() - m->started_ns;
	clients_send(m, &started, "", 0);
}

static void answer_send(struct monitor *m, struct answer *answer)
{
	struct iovec iov[2] = {{&answer->reply, sizeof(answer->reply)},
			       {answer->payload, answer->reply.payload_len}};
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = answer->reply.payload_len ? 2 : 1};
	struct cmsghdr *cmsg;

	if (answer->fd >= 0) {
		msg.msg_control = space;
		msg.msg_controllen = sizeof(space);
		cmsg = CMSG_FIRSTHDR(&msg);
		*cmsg = (struct cmsghdr){
		    .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(cmsg), &answer->fd, sizeof(int));
	}
	/* One outstanding request a channel: an answer always fits, unless answers are not taken. */
	if (sendmsg(m->control, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		end(m, ENDED_PROTOCOL, SIGKILL, "the sandbox does not take the monitor's answers: %s",
		    strerror(errno));
}

static void control_serve(struct monitor *m)
{
	static char message[REQUEST_MAX + 1];
	static struct answer answer;
	struct iovec iov = {message, sizeof(message)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1}; /* no room for descriptors: none is taken */

	for (int i = 0; i < BATCH && !run.ended; i++) {
		ssize_t len = recvmsg(m->control, &msg, MSG_DONTWAIT);

		if (len <= 0)
			return;
		request_serve(&m->server, message, len, &answer);
		ended.requests++;
		if (answer.exit) {
			end(m, run.panic[0] ? ENDED_PANIC : ENDED_BY_GUEST, answer.status, "%s", run.panic);
			return;
		}
		if (!answer.silent)
			answer_send(m, &answer);
		if (answer.fd >= 0 && !answer.keep)
			close(answer.fd);
	}
}

/* We are confined; if nobody is there any more, control_hello will know. */
static void give_go(struct monitor *m)
{
	struct bz_reply go = {.result = BZ_GO};
	struct iovec iov = {&go, sizeof(go)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	sendmsg(m->control, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* --- A call outside the filter ------------------------------------------------------------------------- */

static void notify_serve(struct monitor *m)
{
	struct seccomp_notif call;
	const char *name;
	char text[32];

	memset(&call, 0, sizeof(call));
	if (ioctl(m->notify, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
		return;
	name = call.data.arch == AUDIT_ARCH_X86_64 ? syscall_name(call.data.nr) : NULL;
	if (!name) {
		snprintf(text, sizeof(text), "number %d%s", call.data.nr,
			 call.data.arch == AUDIT_ARCH_X86_64 ? "" : " (32-bit)");
		name = text;
	}
	/* Never continued: its arguments could change behind the check, and nobody legitimate makes it. */
	end(m, ENDED_FORBIDDEN_CALL, SIGSYS,
	    "forbidden system call %s(0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64 ", 0x%" PRIx64
	    ", 0x%" PRIx64 ") at 0x%" PRIx64,
	    name, (uint64_t)call.data.args[0], (uint64_t)call.data.args[1], (uint64_t)call.data.args[2],
	    (uint64_t)call.data.args[3], (uint64_t)call.data.args[4], (uint64_t)call.data.args[5],
	    (uint64_t)call.data.instruction_pointer);
}

/* --- The operator -------------------------------------------------------------------------------------- */

#define SIGNAL_BIT(n) (1ull << (n))

/* What Linux does by default with a signal is done to a guest that cannot hear of one. */
static void signal_default(struct monitor *m, uint32_t sig)
{
	static const uint64_t stop = SIGNAL_BIT(SIGSTOP) | SIGNAL_BIT(SIGTSTP) | SIGNAL_BIT(SIGTTIN) | SIGNAL_BIT(SIGTTOU),
			      ignore = SIGNAL_BIT(SIGCHLD) | SIGNAL_BIT(SIGURG) | SIGNAL_BIT(SIGWINCH);

	if (sig < 64 && stop >> sig & 1)
		syscall(SYS_pidfd_send_signal, m->template_pidfd, SIGSTOP, NULL, 0);
	else if (sig == SIGCONT)
		syscall(SYS_pidfd_send_signal, m->template_pidfd, SIGCONT, NULL, 0);
	else if (sig >= 64 || !(ignore >> sig & 1))
		end(m, ENDED_BY_GUEST, sig, "%s", "");
}

static void event_send(struct monitor *m, uint32_t kind, uint32_t arg, uint16_t rows, uint16_t cols)
{
	struct bz_control control = {.kind = kind, .arg = arg, .rows = rows, .cols = cols};
	struct iovec iov = {&control, sizeof(control)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (m->spec->guest && kind == BZ_CTL_SIGNAL)
		signal_default(m, arg);
	sendmsg(m->events, &msg, MSG_DONTWAIT | MSG_NOSIGNAL); /* a sandbox that does not listen misses it */
}

/* A socket, and nothing else that a careless command might pass: no directory ever enters a sandbox. */
static bool take_ask(struct monitor *m, int fd)
{
	socklen_t len = sizeof(int);

	if (m->server.ask >= 0 || m->spec->guest || getsockopt(fd, SOL_SOCKET, SO_TYPE, &(int){0}, &len) < 0)
		return false;
	m->server.ask = fd;
	event_send(m, BZ_CTL_ASK, 0, 0, 0);
	return true;
}

static void client_message(struct monitor *m, const struct monitor_msg *msg)
{
	switch (msg->kind) {
	case MONITOR_SIGNAL:
		if (msg->arg >= 1 && msg->arg <= 64)
			event_send(m, BZ_CTL_SIGNAL, msg->arg, msg->rows, 0);
		break;
	case MONITOR_WINSIZE:
		event_send(m, BZ_CTL_WINSIZE, 0, msg->rows, msg->cols);
		break;
	case MONITOR_STOP:
		event_send(m, BZ_CTL_SIGNAL, SIGTERM, 0, 0);
		run.grace_ns = now_ns() + msg->arg * 1000000ull;
		break;
	case MONITOR_LISTEN:
		m->listening = m->listen >= 0;
		break;
	case MONITOR_STATS:
		event_send(m, BZ_CTL_STATS, 0, 0, 0);
		break;
	case MONITOR_KILL:
		end(m, ENDED_KILLED, SIGKILL, "killed by its operator");
		break;
	}
}

static void client_read(struct monitor *m, uint32_t i)
{
	struct monitor_msg in;
	struct iovec iov = {&in, sizeof(in)};
	char space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	ssize_t len;

	for (int n = 0, fd; n < BATCH; n++) {
		struct msghdr msg = {
		    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};

		len = recvmsg(m->clients[i], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (len < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (len <= 0)
			break;
		fd = passed_fd(&msg);
		if (fd >= 0 && (len != sizeof(in) || in.kind != MONITOR_ASK || !take_ask(m, fd)))
			close(fd);
		else if (fd < 0 && len == sizeof(in))
			client_message(m, &in);
	}
	if (len > 0)
		return;
	if (i == 0 && !(m->spec->flags & SANDBOX_DETACHED))
		end(m, ENDED_KILLED, SIGKILL, "the command that started it went away");
	clients_drop(m, i);
}

/* --- The end ------------------------------------------------------------------------------------------- */

_Static_assert(BZ_OP_COUNT == 27, "send_statistics names each request");

static void send_statistics(struct monitor *m)
{
	static const char *const names[BZ_OP_COUNT - BZ_REQ_OPEN] = {
	    "open",	 "getattr", "setattr", "resize", "flush",   "rename", "link", "remove", "readlink",
	    "enumerate", "lock",    "xattr",   "forget", "waitset", "event",  "exit", "random", "ask",
	    "changes", "watch", "unwatch", "connect", "listen", "names"};
	char text[1024];
	size_t n = 0;

	for (uint32_t op = BZ_REQ_OPEN; op < BZ_OP_COUNT; op++)
		if (m->server.requests[op])
			n += snprintf(text + n, sizeof(text) - n, "monitor %s %" PRIu64 "\n",
				      names[op - BZ_REQ_OPEN], m->server.requests[op]);
	n += snprintf(text + n, sizeof(text) - n, "monitor_requests %" PRIu64 "\n", ended.requests);
	clients_flush(m, 1000);
	clients_line(m, MONITOR_STATISTICS, BZ_LOG_STATS, text, n);
}

static void finish(struct monitor *m) __attribute__((noreturn));
static void finish(struct monitor *m)
{
	sandbox_kill(m);
	while ((m->spec->flags & SANDBOX_STATS) && wait4(m->template_pid, NULL, __WALL, &run.usage) < 0 && errno == EINTR)
		;
	for (int n = 0; n < DRAIN_MAX; n++) { /* what it said last */
		clients_flush(m, 1000);
		if (!log_read(m, 1))
			break;
	}
	if (m->spec->flags & SANDBOX_STATS)
		send_statistics(m);
	for (int i = 0; i < 3; i++)
		ended.stdio_pos[i] = m->stdio_fd[i] >= 0 ? lseek(m->stdio_fd[i], 0, SEEK_CUR) : -1;
	ended.elapsed_ns = now_ns() - m->started_ns;
	ended.denied = m->server.denied_total;
	ended.peak_memory = run.usage.ru_maxrss * 1024ull;
	clients_flush(m, 2000);
	clients_send(m, &ended, run.why, strlen(run.why));
	clients_flush(m, 2000);
	sched_yield(); /* the template's end takes longer than ours, and the caller, who reaps it, waits for both */
	_exit(0);
}

static void template_died(struct monitor *m)
{
	int status = 0;

	control_serve(m); /* its last request may say why */
	log_read(m, DRAIN_MAX);
	if (run.ended)
		return;
	if (!run.running)
		monitor_fail(m, ECHILD, "the sandbox's first process died while it was starting");
	if (wait4(m->template_pid, &status, WNOHANG | __WALL, &run.usage) != m->template_pid)
		status = SIGKILL;
	if (m->spec->guest && status != SIGKILL) /* an exit, or a fault */
		end(m, ENDED_BY_GUEST, status, "%s", "");
	else if (run.panic[0])
		end(m, ENDED_PANIC, status & 0x7f ? status & 0x7f : SIGABRT, "%s", run.panic);
	else
		end(m, ENDED_DIED, status & 0x7f ? status & 0x7f : SIGKILL,
		    "the sandbox's first process %s %d",
		    status & 0x7f ? "was killed by signal" : "ended with",
		    status & 0x7f ? status & 0x7f : status >> 8);
}

/* --- The loop ------------------------------------------------------------------------------------------ */

/* Nanoseconds until something has to happen by itself; -1: never. */
static int64_t time_left(struct monitor *m)
{
	uint64_t at = run.timeout_ns ? run.timeout_ns : UINT64_MAX, now;

	if (run.grace_ns && run.grace_ns < at)
		at = run.grace_ns;
	if (!run.running && m->started_ns + HELLO_TIMEOUT_NS < at)
		at = m->started_ns + HELLO_TIMEOUT_NS;
	if (at == UINT64_MAX)
		return -1;
	now = now_ns();
	return at > now ? (int64_t)(at - now) : 0;
}

static void check_times(struct monitor *m)
{
	uint64_t now;

	if (!run.timeout_ns && !run.grace_ns && run.running)
		return;
	now = now_ns();
	if (!run.running && now > m->started_ns + HELLO_TIMEOUT_NS)
		hello_failed(m, ETIMEDOUT);
	if (run.timeout_ns && now >= run.timeout_ns)
		end(m, ENDED_TIMEOUT, SIGKILL, "its time was over (--timeout)");
	if (run.grace_ns && now >= run.grace_ns)
		end(m, ENDED_KILLED, SIGKILL, "it did not stop in time");
}

/* SIGTERM to the monitor is for its guest; a command that waits for the sandbox got one too, and passes it
 * on. */
static volatile sig_atomic_t term_caught;

static void on_term(int sig)
{
	term_caught = 1;
}

static void check_term(struct monitor *m)
{
	if (!term_caught)
		return;
	term_caught = 0;
	if (m->clients[0] < 0 || m->spec->flags & SANDBOX_DETACHED)
		event_send(m, BZ_CTL_SIGNAL, SIGTERM, 0, 0);
}

static nfds_t fill_poll(struct monitor *m, struct pollfd *fds)
{
	short in = POLLIN;

	fds[AT_CONTROL] = (struct pollfd){m->control, in, 0};
	fds[AT_TEMPLATE] = (struct pollfd){m->template_pidfd, in, 0};
	fds[AT_LOG] = (struct pollfd){clients_blocked(m) ? -1 : m->log, in, 0};
	fds[AT_NOTIFY] = (struct pollfd){m->notify, in, 0};
	fds[AT_LISTEN] = (struct pollfd){m->listening ? m->listen : -1, in, 0};
	for (uint32_t i = 0; i < m->client_count; i++)
		fds[AT_CLIENTS + i] = (struct pollfd){m->clients[i], in, 0};
	if (clients_blocked(m))
		fds[AT_CLIENTS].events |= POLLOUT;
	return AT_CLIENTS + m->client_count;
}

/* Nobody has the other end any more; asked again it would say so at once, for as long as the sandbox takes to end. */
static void forget_ended(const struct pollfd *at, int *fd)
{
	if (!(at->revents & (POLLHUP | POLLERR)) || at->revents & POLLIN || *fd < 0)
		return;
	close(*fd);
	*fd = -1;
}

static void serve_ready(struct monitor *m, const struct pollfd *fds)
{
	/* First of all, though it may be late: whoever is told of the start has not heard from the guest before. */
	if (!run.running && fds[AT_CONTROL].revents & POLLIN) {
		control_hello(m);
		return;
	}
	if (fds[AT_CLIENTS].revents & POLLOUT)
		clients_flush(m, 0);
	if (fds[AT_LOG].revents & POLLIN)
		log_read(m, BATCH);
	if (fds[AT_NOTIFY].revents & POLLIN)
		notify_serve(m);
	forget_ended(&fds[AT_LOG], &m->log);
	forget_ended(&fds[AT_NOTIFY], &m->notify);
	if (fds[AT_CONTROL].revents & POLLIN) {
		control_serve(m);
	} else if (fds[AT_CONTROL].revents & POLLHUP && !run.ended) {
		/* All ends closed: the sandbox dies, or has closed its way to us and cannot go on. */
		sandbox_kill(m);
		template_died(m);
	}
	if (fds[AT_TEMPLATE].revents && !run.ended)
		template_died(m);
	/* From the back, since dropping moves the last one forward. */
	for (uint32_t i = m->client_count; i-- > 0;)
		if (fds[AT_CLIENTS + i].revents & (POLLIN | POLLHUP | POLLERR))
			client_read(m, i);
	if (fds[AT_LISTEN].revents & POLLIN)
		clients_accept(m);
}

/* Before the monitor is confined: its filter has no call for what is done here. */
void serve_prepare(struct monitor *m)
{
	signal(SIGTERM, on_term);
	m->server.denied = told_denied;
	m->server.denied_arg = m;
	run.log_tokens = LOG_BURST;
	run.log_filled_ns = m->started_ns;
	if (m->spec->timeout.value)
		run.timeout_ns = m->started_ns + m->spec->timeout.value * 1000000ull;
}

void serve_loop(struct monitor *m)
{
	struct pollfd fds[AT_CLIENTS + CLIENTS_MAX];

	give_go(m);
	while (!run.ended) {
		nfds_t n = fill_poll(m, fds);
		int64_t left = time_left(m);
		struct timespec wait = {left / 1000000000, left % 1000000000};
		int ready = ppoll(fds, n, left < 0 ? NULL : &wait, NULL);

		if (ready > 0)
			serve_ready(m, fds);
		check_term(m);
		check_times(m);
	}
	finish(m);
}
