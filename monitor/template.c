/*
 * Making the template: a process with nothing, which then executes the host layer.
 *
 * It is cloned from the monitor into namespaces of its own and lays down, step by step, everything that
 * section 3.4 of the design lists.  Each step that fails ends the start: its number and errno go to the
 * monitor as a request with op 0, which means something only before BZ_HELLO.
 *
 * Until its exec it runs in the monitor's memory, on a stack of its own, while the monitor goes on: a copy of that memory, and the
 * faults behind it, were a twentieth of a start.  So it makes raw system calls alone (no errno), reads struct monitor's plan,
 * which nobody changes any more, and writes nothing but its stack.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/files.h"
#include "monitor/process.h"
#include "monitor/raw.h"

static void leave(void) __attribute__((noreturn));
static void leave(void)
{
	for (;;)
		RAW(exit_group, 125);
}

static void must(long result, const char *what)
{
	struct template_failure report = {.head = {.op = 0, .mode = -result}};

	if (result >= 0)
		return;
	for (size_t i = 0; what[i] && i < sizeof(report.what) - 1; i++)
		report.what[i] = what[i];
	RAW(write, BZ_FD_CONTROL, &report, sizeof(report)); /* SIGPIPE is ignored */
	leave();
}

static void take_ids(const struct monitor *m)
{
	uid_t uid = m->plan.userns ? SANDBOX_INNER_ID : m->plan.uid;
	gid_t gid = m->plan.userns ? SANDBOX_INNER_ID : m->plan.gid;

	if (!m->plan.root)
		return; /* the one id that is mapped is ours; groups cannot be dropped, --explain names them
			 */
	must(RAW(setgroups, 0), "dropping its groups");
	must(RAW(setresgid, gid, gid, gid), "taking an unprivileged group id");
	must(RAW(setresuid, uid, uid, uid), "taking an unprivileged user id");
}

static void take_limit(int resource, rlim_t value)
{
	struct rlimit now, want = {value, value};

	must(RAW(prlimit64, 0, resource, NULL, &now), "reading resource limits");
	if (want.rlim_max > now.rlim_max)
		want.rlim_max = want.rlim_cur = now.rlim_max;
	must(RAW(prlimit64, 0, resource, &want), "setting resource limits");
}

static void take_limits(const struct monitor *m)
{
	take_limit(RLIMIT_CORE, 1); /* 0 would still run a dump handler that core_pattern pipes to */
	take_limit(RLIMIT_MEMLOCK, 0);
	take_limit(RLIMIT_MSGQUEUE, 0);
	take_limit(RLIMIT_RTPRIO, 0);
	take_limit(RLIMIT_SIGPENDING, 1024 + m->plan.threads_max);
	take_limit(RLIMIT_NOFILE, m->plan.files_max + 16);
	take_limit(RLIMIT_FSIZE, m->plan.fsize);
	take_limit(RLIMIT_DATA, m->plan.data_limit);
	/* Counted per user in a user namespace, or for an id of the sandbox's own: otherwise it would count
	 * all that the user runs.  The host layer's own threads come on top. */
	if (m->plan.userns || m->plan.root)
		take_limit(RLIMIT_NPROC, m->plan.threads_max + 8);
}

int processors_bind(const struct monitor *m)
{
	cpu_set_t have, want;
	uint32_t n = 0;
	long error;

	if (!m->plan.affinity)
		return 0;
	CPU_ZERO(&want);
	CPU_ZERO(&have); /* the kernel writes as many bits as it has processors */
	error = RAW(sched_getaffinity, 0, sizeof(have), &have);
	if (error < 0)
		return error;
	/* Sandboxes of different monitors begin at different processors. */
	for (int i = 0, at = m->started_ns / 1000 % CPU_SETSIZE; i < CPU_SETSIZE && n < m->plan.cpus; i++) {
		int cpu = (at + i) % CPU_SETSIZE;

		if (CPU_ISSET(cpu, &have)) {
			CPU_SET(cpu, &want);
			n++;
		}
	}
	return RAW(sched_setaffinity, 0, sizeof(want), &want);
}

/*
 * What is ignored stays so behind exec: a signal that somebody on the host sends to a whole cgroup (systemd
 * at a stop) or session is for the command or the monitor, who pass it on to the guest.  Faults and SIGCHLD
 * keep their default, and so do realtime signals, by which the monitor would end, too.
 */
static void take_signals(void)
{
	static const int keep[] = {SIGILL,  SIGTRAP, SIGABRT, SIGBUS, SIGFPE,
				   SIGSEGV, SIGSYS,  SIGCHLD, SIGCONT};
	const struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} ignored = {.handler = SIG_IGN}, usual = {.handler = SIG_DFL};
	uint64_t kept = 0;

	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		kept |= 1ull << keep[i];
	for (int sig = 1; sig < 32; sig++)
		RAW(rt_sigaction, sig, kept >> sig & 1 ? &usual : &ignored, NULL, sizeof(uint64_t));
}

/* Nothing that was inherited stays, but the channel to the monitor. */
static void keep_control(int end)
{
	if ((end == BZ_FD_CONTROL ? RAW(fcntl, end, F_SETFD, 0) : RAW(dup2, end, BZ_FD_CONTROL)) < 0)
		leave();
	must(RAW(close_range, BZ_FD_CONTROL + 1, ~0u, 0), "closing descriptors");
}

/* The monitor's leave to go on, once it has said whose ids these are: with it comes the host layer. */
static int await_host_layer(void)
{
	char byte, space[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
	int fd;

	if (RAW(recvmsg, BZ_FD_CONTROL, &msg, MSG_CMSG_CLOEXEC) != 1 || msg.msg_controllen < CMSG_LEN(sizeof(int)))
		leave(); /* the monitor gave up, and said why */
	memcpy(&fd, CMSG_DATA((struct cmsghdr *)space), sizeof(fd));
	return fd;
}

static int template_main(void *arg)
{
	const struct monitor *m = arg;
	char *const empty[] = {"", NULL};
	int host;

	keep_control(m->template_end);
	RAW(setsid);
	take_signals();
	RAW(umask, 077);
	/* In the host's user namespace ours would be a peer of its mounts: the empty root would cover the host's, too. */
	if (m->plan.namespaces && !m->plan.userns)
		must(RAW(mount, NULL, "/", NULL, MS_REC | MS_PRIVATE), "keeping its mounts to itself");
	if (m->plan.namespaces)
		must(empty_root(true), "taking an empty root");
	must(processors_bind(m), "binding to processors");
	must(capabilities_bound(), "dropping capabilities");
	host = await_host_layer();
	take_ids(m);
	take_limits(m);
	must(capabilities_drop(0), "dropping capabilities");
	must(landlock_nothing(), "giving up the file system");
	/* Behind the change of ids, which clears it. */
	must(RAW(prctl, PR_SET_PDEATHSIG, SIGKILL), "tying its life to the monitor");
	must(RAW(execveat, host, "", empty, empty + 1, AT_EMPTY_PATH), "executing the host layer");
	leave();
}

/* --- The monitor's side -------------------------------------------------------------------------------- */

/* If it is gone it has said why: control_hello will read it. */
static void send_descriptors(struct monitor *m, const void *data, size_t size, const int *fds, uint32_t count)
{
	char space[CMSG_SPACE(sizeof(int) * SANDBOX_TABLE)] __attribute__((aligned(8))) = {0};
	struct iovec iov = {(void *)data, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
	struct cmsghdr *cmsg = (struct cmsghdr *)space;

	*cmsg = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(int) * count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * count);
	if (sendmsg(m->control, &msg, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		monitor_fail(m, errno, "cannot hand the sandbox's descriptors over");
}

static void write_proc(struct monitor *m, const char *file, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", m->template_pid, file);
	monitor_must(m, file_write(path, text), path);
}

static void map_ids(struct monitor *m)
{
	char line[64];

	if (!m->plan.root)
		write_proc(m, "setgroups", "deny");
	snprintf(line, sizeof(line), "%u %u 1", SANDBOX_INNER_ID, m->plan.gid);
	write_proc(m, "gid_map", line);
	snprintf(line, sizeof(line), "%u %u 1", SANDBOX_INNER_ID, m->plan.uid);
	write_proc(m, "uid_map", line);
}

static void clone_failed(struct monitor *m, int error)
{
	if (m->plan.userns)
		monitor_fail(m, error,
			     error == ENOSPC || error == EUSERS
				 ? "no user namespace: the limit user.max_user_namespaces is reached (raise "
				   "it, or use --no-userns)"
				 : "no user namespace: this host does not allow one (see bartizan check, or "
				   "use --no-userns)");
	monitor_fail(m, error, "cannot make the sandbox's first process");
}

static long clone_template(struct monitor *m, unsigned long flags)
{
	static char stack[16384] __attribute__((aligned(16)));
#ifdef SANITIZED /* instrumented code writes more than its stack */
	const unsigned long memory = 0;
#else
	const unsigned long memory = CLONE_VM;
#endif
	struct clone_args args = {.flags = flags | CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .pidfd = (uintptr_t)&m->template_pidfd,
				  .cgroup = m->plan.cgroup_fd};
	long pid;

	/* The older call passes where a container's policy does not know clone3. */
	if (m->plan.cgroup_fd < 0)
		return clone(template_main, stack + sizeof(stack), flags | memory | SIGCHLD, m, &m->template_pidfd);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		template_main(m);
	return pid;
}

void template_start(struct monitor *m)
{
	unsigned long flags = CLONE_PIDFD;
	int ends[2], host;
	long pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		monitor_fail(m, errno, "socketpair");
	m->control = ends[0];
	m->template_end = ends[1];
	if (m->plan.userns)
		flags |= CLONE_NEWUSER;
	if (m->plan.namespaces)
		flags |= CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP;
	/* For depth: the filter has no call that makes or connects a socket, and sockets stay in the network they were made in. */
	if (m->plan.namespaces && (m->spec->rule_count || m->spec->port_count))
		flags |= CLONE_NEWNET;
	pid = clone_template(m, flags);
	if (pid < 0)
		clone_failed(m, errno);
	m->template_pid = pid;
	close(ends[1]);
	if (m->plan.cgroup_fd >= 0)
		close(m->plan.cgroup_fd);
	m->plan.cgroup_fd = -1;
	if (m->plan.userns)
		map_ids(m);
	host = host_layer_make(m);
	monitor_must(m, host, "cannot make a sealed memfd of the host layer");
	send_descriptors(m, "", 1, &host, 1);
	close(host);
}

void template_equip(struct monitor *m)
{
	struct bz_equipment e = {.arena_size = m->plan.arena_size, .count = m->table_size - 1};
	int plug = -1;

	for (int i = 1; i < m->table_size; i++) {
		if (m->table[i] >= 0)
			continue;
		e.absent |= 1u << i;
		if (plug < 0)
			plug = epoll_create1(EPOLL_CLOEXEC);
		m->table[i] = fcntl(plug, F_DUPFD_CLOEXEC, FD_LOWEST);
		monitor_must(m, m->table[i] < 0 ? -errno : 0, "cannot keep a descriptor");
	}
	if (plug >= 0)
		close(plug);
	send_descriptors(m, &e, sizeof(e), m->table + 1, e.count);
}
