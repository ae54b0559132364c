/*
 * Starting a sandbox: the monitor's way from fork to its serving loop (launch/ has the caller's side).
 * The order of the steps is drawn in process.h.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monitor/process.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

void monitor_fail(struct monitor *m, int error, const char *what)
{
	struct monitor_msg msg = {.kind = MONITOR_FAILED, .arg = error};
	char text[1024];
	struct iovec iov[2] = {{&msg, sizeof(msg)}, {text, 0}};
	struct msghdr packet = {.msg_iov = iov, .msg_iovlen = 2};

	snprintf(text, sizeof(text), "%s%s%s", what, error ? ": " : "", error ? strerror(error) : "");
	msg.len = iov[1].iov_len = strlen(text);
	sendmsg(m->clients[0], &packet, MSG_NOSIGNAL);
	if (m->template_pid > 0)
		syscall(SYS_pidfd_send_signal, m->template_pidfd, SIGKILL, NULL, 0); /* its filter has no kill */
	_exit(125);
}

void monitor_must(struct monitor *m, int error, const char *what)
{
	if (error < 0)
		monitor_fail(m, -error, what);
}

/* --- Descriptors: the monitor keeps what is on a list and closes everything else it inherited ---------- */

struct keeping {
	int fd[SANDBOX_MOUNTS_MAX + SANDBOX_PORTS_MAX * (NET_PEERS + 1) + 16];
	unsigned int count;
};

static int keep(struct monitor *m, struct keeping *list, int fd)
{
	int own;

	if (fd < 0)
		return -1;
	own = fcntl(fd, F_DUPFD_CLOEXEC, FD_LOWEST);
	if (own < 0)
		monitor_fail(m, errno, "cannot keep a descriptor");
	list->fd[list->count++] = own;
	return own;
}

static int ascending(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void close_others(struct keeping *list)
{
	unsigned int next = 0;

	qsort(list->fd, list->count, sizeof(list->fd[0]), ascending);
	for (unsigned int i = 0; i < list->count; i++) {
		if ((unsigned int)list->fd[i] > next)
			syscall(SYS_close_range, next, list->fd[i] - 1, 0);
		next = list->fd[i] + 1;
	}
	syscall(SYS_close_range, next, ~0u, 0);
}

static void keep_needed(struct monitor *m)
{
	const struct sandbox_spec *spec = m->spec;
	struct keeping list;
	int fd, root;

	list.count = 0;
	stdio_reopen(m);
	m->clients[0] = keep(m, &list, m->clients[0]);
	m->libos_fd = keep(m, &list, spec->libos_fd);
	m->image_fd = keep(m, &list, spec->image_fd);
	for (int i = BZ_FD_LIBOS + 1; i < m->table_size; i++)
		m->table[i] = keep(m, &list, spec->guest->fds[i - BZ_FD_LIBOS - 1]);
	m->listen = keep(m, &list, spec->listen_fd);
	getsockopt(m->listen, SOL_SOCKET, SO_ACCEPTCONN, &m->listening, &(socklen_t){sizeof(m->listening)});
	m->control = keep(m, &list, m->control);
	m->template_pidfd = keep(m, &list, m->template_pidfd);
	for (int i = 0; i < 3; i++)
		m->stdio_fd[i] = keep(m, &list, m->stdio_fd[i]);
	for (size_t i = 0; i < spec->mount_count; i++) {
		fd = keep(m, &list, spec->mounts[i].fd);
		if (fd < 0)
			continue;
		root = server_grant(&m->server, fd, spec->mounts[i].flags & BZ_MOUNT_READONLY,
				    spec->mounts[i].is_file, spec->mounts[i].guest_path);
		if (root < 0)
			monitor_fail(m, -root,
				     spec->mounts[i].host_path ? spec->mounts[i].host_path
							       : spec->mounts[i].guest_path);
		/* Not what nobody changes, nor what lies beneath an overlay, where no change would be seen. */
		if (!(spec->mounts[i].flags & (BZ_MOUNT_IMMUTABLE | BZ_MOUNT_OVERLAY | BZ_MOUNT_UPPER)))
			monitor_must(m, server_watchable(&m->server, root), "cannot prepare the monitor");
	}
	for (; m->server.port_count < spec->port_count; m->server.port_count++) {
		m->server.ports[m->server.port_count] = keep(m, &list, spec->port_fds[m->server.port_count]);
		if (spec->ports[m->server.port_count].scheme == BZ_UNIX)
			m->server.unix_ports |= 1ull << m->server.port_count;
		for (int i = 0; i < NET_PEERS; i++)
			m->server.peers[m->server.port_count][i].fd = keep(m, &list, spec->peer_fds[m->server.port_count * NET_PEERS + i]);
	}
	if (spec->rule_count)
		memcpy(m->server.rules, spec->rules, spec->rule_count * sizeof(spec->rules[0]));
	m->server.rule_count = spec->rule_count;
	if (spec->names_fd) {
		m->server.names_fd = keep(m, &list, spec->names_fd);
		m->server.names = mmap(NULL, BZ_NAMES_MAX * sizeof(struct bz_host), PROT_READ, MAP_SHARED, m->server.names_fd, 0);
		monitor_must(m, m->server.names == MAP_FAILED ? -errno : 0, "cannot map the names that are granted");
	}
	m->server.proc_fd = keep(m, &list, m->server.proc_fd);
#ifdef SANITIZED
	sanitizer_report_to(keep(m, &list, sanitizer_report_open()));
#endif
	close_others(&list);
}

/* One end is the sandbox's, under `number`. */
static int pair(struct monitor *m, int number)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		monitor_fail(m, errno, "socketpair");
	m->table[number] = ends[1];
	return ends[0];
}

static void make_sandbox_table(struct monitor *m)
{
	int arena = arena_make(m);

	if (arena < 0)
		monitor_fail(m, -arena,
			     arena == -E2BIG ? "arguments, environment and mounts are too large"
					     : "cannot make the arena");
	m->events = pair(m, BZ_FD_EVENTS);
	if (fcntl(m->table[BZ_FD_EVENTS], F_SETFL, O_NONBLOCK) < 0)
		monitor_fail(m, errno, "cannot make the channel of events");
	m->log = pair(m, BZ_FD_LOG);
	m->table[BZ_FD_ARENA] = arena;
	m->table[BZ_FD_LIBOS] = m->libos_fd;
	m->table[BZ_FD_IMAGE] = m->image_fd;
	for (int i = 0; i < 3; i++)
		m->table[BZ_STREAM_STDIN + i] = m->stdio_fd[i];
}

/* Behind the hand-over: the sandbox's own descriptors are no business of the monitor's. */
static void forget_sandbox_table(struct monitor *m)
{
	for (int i = 0; i < 3; i++) {
		/* Files: their last offset is told to the caller at the end. */
		if (m->stdio_fd[i] >= 0 && m->stdio[i].kind == BZ_STDIO_FILE)
			m->table[BZ_STREAM_STDIN + i] = -1;
		else
			m->stdio_fd[i] = -1;
	}
	for (int i = 0; i < SANDBOX_TABLE; i++)
		if (m->table[i] >= 0)
			close(m->table[i]);
}

/* ------------------------------------------------------------------------------------------------------ */

static void prepare_server(struct monitor *m)
{
	struct stat dev, root;
	int error = server_init(&m->server, m->plan.volumes ? m->plan.files_max : 1);

	monitor_must(m, error, "cannot prepare the monitor");
	m->server.host_uid = geteuid();
	m->server.host_gid = getegid();
	m->server.guest_uid = m->spec->uid;
	m->server.guest_gid = m->spec->gid;
	if (!m->plan.volumes)
		return;
	m->server.proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (m->server.proc_fd < 0)
		monitor_fail(m, errno, "volumes need /proc on the host: /proc/self/fd");
	/* devtmpfs calls itself tmpfs; there is one, so its device number tells it. */
	if (stat("/dev", &dev) == 0 && stat("/", &root) == 0 && dev.st_dev != root.st_dev)
		m->server.dev_refused = dev.st_dev;
}

static void prepare_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTERM, SIG_IGN); /* until serve_loop knows what to do with it */
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ------------------------------------------------------------------------------------------------------
 * Forgetting: arguments and environment of the command and of the guest are no business of the monitor's,
 * which lives longer than they matter.  What lies in writable memory that we know is overwritten.
 */

extern char **environ;
extern char __executable_start, __bss_start, _end;

static void wipe_list(const char *const *list)
{
	for (; list && *list; list++) {
		const char *text = *list;
		bool constant = text >= &__executable_start && text < &__bss_start;

		if (!constant)
			explicit_bzero((char *)text, strlen(text));
	}
}

/* The kernel laid arguments, environment and the program's name in one block on the stack, in this order. */
static void wipe_own_block(void)
{
	char *begin = program_invocation_name, *end = (char *)getauxval(AT_EXECFN);
	static const char title[] = "bartizan: monitor";

	if (!begin || !end || begin >= end || end - begin > 4 << 20)
		return;
	explicit_bzero(begin, end - begin);
	if ((size_t)(end - begin) > sizeof(title))
		memcpy(begin, title, sizeof(title)); /* what ps shows */
}

static void forget_secrets(struct monitor *m)
{
	static struct sandbox_spec rest;
	static char paths[SERVER_VOLUMES_MAX][128];

	for (uint32_t i = 0; i < m->server.volume_count; i++) {
		snprintf(paths[i], sizeof(paths[i]), "%s", m->server.volumes[i].guest_path);
		m->server.volumes[i].guest_path = paths[i];
	}
	rest.timeout = m->spec->timeout;
	rest.flags = m->spec->flags;
	rest.guest = m->spec->guest; /* whether there is one */
	wipe_list(m->spec->argv);
	wipe_list(m->spec->envp);
	wipe_own_block();
	m->spec = &rest;
	environ = NULL;
	prctl(PR_SET_NAME, "bartizan-mon");
}

/* What the monitor does for a guest is on the guest's account: with a processor beside, `--cpus 1` would be two. */
static void bind_to_processors(struct monitor *m)
{
	int error = processors_bind(m);

	if (error < 0)
		monitor_fail(m, -error, "cannot be bound to the sandbox's processors");
}

void monitor_main(struct monitor *m)
{
	setsid();
	/* The caller may be gone while we live, and its pid be another's. */
	if (m->plan.root && m->plan.uid == SANDBOX_UID_BASE + getppid())
		m->plan.uid = m->plan.gid = SANDBOX_UID_BASE + getpid();
	else if (m->plan.root)
		plan_ids(&m->plan);
	prepare_signals();
	umask(0); /* modes arrive masked by the guest's umask */
	memset(m->table, -1, sizeof(m->table));
	template_start(m); /* first: it gives up what it has, and executes the host layer, while we make what it shall have */
	prepare_server(m);
	keep_needed(m);
	make_sandbox_table(m);
	template_equip(m);
	forget_sandbox_table(m);
	forget_secrets(m);
	bind_to_processors(m);
	serve_prepare(m);
	confine_monitor(m);
	serve_loop(m);
}
