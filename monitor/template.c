/*
 * Making the template: a process with nothing, which then executes the host layer.
 *
 * It is cloned from the monitor into namespaces of its own and lays down, step by step, everything that
 * section 3.4 of the design lists.  Each step that fails ends the start: its number and errno go to the
 * monitor as a request with op 0, which means something only before BZ_HELLO.  Between clone and exec only
 * plain system calls are made.
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
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/files.h"
#include "monitor/process.h"

static int control; /* in the template: its end of the channel to the monitor */

static void fail(const char *what) __attribute__((noreturn));
static void fail(const char *what)
{
	struct template_failure report = {.head = {.op = 0, .mode = errno}};

	snprintf(report.what, sizeof(report.what), "%s", what);
	send(control, &report, sizeof(report), MSG_NOSIGNAL);
	_exit(125);
}

static void take_ids(struct monitor *m)
{
	uid_t uid = m->plan.userns ? SANDBOX_INNER_ID : m->plan.uid;
	gid_t gid = m->plan.userns ? SANDBOX_INNER_ID : m->plan.gid;

	if (!m->plan.root)
		return; /* the one id that is mapped is ours; groups cannot be dropped, --explain names them
			 */
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
	    syscall(SYS_setresuid, uid, uid, uid) < 0)
		fail("taking an unprivileged user id");
}

static void take_limit(int resource, rlim_t value)
{
	struct rlimit now, want = {value, value};

	if (getrlimit(resource, &now) < 0)
		fail("setting resource limits");
	if (want.rlim_max > now.rlim_max)
		want.rlim_max = want.rlim_cur = now.rlim_max;
	if (setrlimit(resource, &want) < 0)
		fail("setting resource limits");
}

static void take_limits(struct monitor *m)
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

static void take_processors(struct monitor *m)
{
	cpu_set_t have, want;
	uint32_t n = 0;

	CPU_ZERO(&want);
	if (!m->plan.affinity)
		return;
	if (sched_getaffinity(0, sizeof(have), &have) < 0)
		fail("binding to processors");
	/* Sandboxes of different monitors begin at different processors. */
	for (int i = 0, at = m->started_ns / 1000 % CPU_SETSIZE; i < CPU_SETSIZE && n < m->plan.cpus; i++) {
		int cpu = (at + i) % CPU_SETSIZE;

		if (CPU_ISSET(cpu, &have)) {
			CPU_SET(cpu, &want);
			n++;
		}
	}
	if (sched_setaffinity(0, sizeof(want), &want) < 0)
		fail("binding to processors");
}

/*
 * What is ignored stays so behind exec: a signal that somebody on the host sends to a whole cgroup (systemd
 * at a stop) or session is for the command or the monitor, who pass it on to the guest.  Faults and SIGCHLD
 * keep their default.
 */
static void take_signals(void)
{
	static const int keep[] = {SIGILL,  SIGTRAP, SIGABRT, SIGBUS, SIGFPE,
				   SIGSEGV, SIGSYS,  SIGCHLD, SIGCONT};
	uint64_t kept = 0;

	for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
		kept |= 1ull << keep[i];
	for (int sig = 1; sig < 64; sig++)
		signal(sig, kept >> sig & 1 ? SIG_DFL : SIG_IGN);
}

/* What the monitor sends, once it has them: descriptors, and their numbers in the sandbox; the last one is the host layer. */
struct equipment {
	uint32_t count;
	uint8_t number[SANDBOX_TABLE + 1];
};

static int receive_equipment(struct equipment *e, int fds[SANDBOX_TABLE + 1])
{
	char space[CMSG_SPACE(sizeof(int) * (SANDBOX_TABLE + 1))] __attribute__((aligned(8)));
	struct iovec iov = {e, sizeof(*e)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
	ssize_t len = recvmsg(control, &msg, MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg = len == sizeof(*e) ? CMSG_FIRSTHDR(&msg) : NULL;

	if (len <= 0)
		_exit(125); /* the monitor gave up, and said why */
	if (!cmsg || e->count < 1 || e->count > SANDBOX_TABLE + 1 || cmsg->cmsg_len != CMSG_LEN(sizeof(int) * e->count))
		fail("taking its descriptors");
	memcpy(fds, CMSG_DATA(cmsg), sizeof(int) * e->count);
	return fds[e->count - 1];
}

/*
 * Nothing that was inherited stays, and each descriptor gets its number.  All low numbers are occupied first, so that none that
 * arrives lies on another's place; those that keep this filling are closed by the exec.  Returns the host layer.
 */
static int take_descriptors(struct monitor *m)
{
	struct equipment e;
	int fds[SANDBOX_TABLE + 1], host, low = m->table_size,
	    high = fcntl(control, F_DUPFD_CLOEXEC, low);

	if (high < 0)
		fail("closing descriptors");
	control = high;
	if (high > low && syscall(SYS_close_range, low, high - 1, 0) < 0)
		fail("closing descriptors");
	if (syscall(SYS_close_range, high + 1, ~0u, 0) < 0)
		fail("closing descriptors");
	for (int i = 0; i < low; i++)
		if (dup3(control, i, O_CLOEXEC) < 0)
			fail("making room for its descriptors");
	host = receive_equipment(&e, fds);
	for (uint32_t i = 0; i + 1 < e.count; i++)
		if (dup2(fds[i], e.number[i]) < 0)
			fail("placing its descriptors");
	if (dup2(control, BZ_FD_CONTROL) < 0)
		fail("placing its descriptors");
	/* All else has O_CLOEXEC; this makes sure of it. */
	if ((host > low && syscall(SYS_close_range, low, host - 1, 0) < 0) ||
	    syscall(SYS_close_range, host + 1, ~0u, 0) < 0)
		fail("closing descriptors");
	control = BZ_FD_CONTROL;
	return host;
}

static void template_main(struct monitor *m, int end) __attribute__((noreturn));
static void template_main(struct monitor *m, int end)
{
	char *const empty[] = {"", NULL};
	char go;
	int host;

	control = end;
	if (recv(control, &go, 1, 0) != 1)
		_exit(125);
	setsid();
	take_signals();
	umask(077);
	/* In the host's user namespace ours would be a peer of its mounts: the empty root would cover the host's, too. */
	if (m->plan.namespaces && !m->plan.userns && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		fail("keeping its mounts to itself");
	if (m->plan.namespaces && empty_root(true) < 0)
		fail("taking an empty root");
	take_processors(m);
	if (capabilities_bound() < 0)
		fail("dropping capabilities");
	take_ids(m);
	take_limits(m);
	if (capabilities_drop(0) < 0)
		fail("dropping capabilities");
	if (landlock_nothing() < 0)
		fail("giving up the file system");
	/* Behind the change of ids, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		fail("tying its life to the monitor");
	host = take_descriptors(m);
	syscall(SYS_execveat, host, "", empty, empty + 1, AT_EMPTY_PATH);
	fail("executing the host layer");
}

/* --- The monitor's side -------------------------------------------------------------------------------- */

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
	struct clone_args args = {.flags = flags | CLONE_INTO_CGROUP,
				  .exit_signal = SIGCHLD,
				  .pidfd = (uintptr_t)&m->template_pidfd,
				  .cgroup = m->plan.cgroup_fd};

	if (m->plan.cgroup_fd >= 0)
		return syscall(SYS_clone3, &args, sizeof(args));
	/* The older call passes where a container's policy does not know clone3. */
	return syscall(SYS_clone, flags | SIGCHLD, NULL, &m->template_pidfd, NULL, NULL);
}

void template_start(struct monitor *m)
{
	unsigned long flags = CLONE_PIDFD;
	int ends[2];
	long pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		monitor_fail(m, errno, "socketpair");
	m->control = ends[0];
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
	if (pid == 0) {
		close(ends[0]);
		template_main(m, ends[1]);
	}
	m->template_pid = pid;
	close(ends[1]);
	if (m->plan.cgroup_fd >= 0)
		close(m->plan.cgroup_fd);
	m->plan.cgroup_fd = -1;
	if (m->plan.userns)
		map_ids(m);
	if (send(m->control, "", 1, MSG_NOSIGNAL) != 1)
		monitor_fail(m, errno, "cannot let the sandbox's first process go");
}

void template_equip(struct monitor *m)
{
	struct equipment e = {0};
	int fds[SANDBOX_TABLE + 1];
	char space[CMSG_SPACE(sizeof(fds))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {&e, sizeof(e)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space};
	struct cmsghdr *cmsg = (struct cmsghdr *)space;

	for (int i = 0; i < SANDBOX_TABLE; i++) {
		if (m->table[i] < 0)
			continue;
		e.number[e.count] = i;
		fds[e.count++] = m->table[i];
	}
	fds[e.count++] = m->host_layer_fd;
	msg.msg_controllen = CMSG_SPACE(sizeof(int) * e.count);
	*cmsg = (struct cmsghdr){
	    .cmsg_len = CMSG_LEN(sizeof(int) * e.count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * e.count);
	/* If it is gone it has said why: control_hello will read it. */
	if (sendmsg(m->control, &msg, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		monitor_fail(m, errno, "cannot hand the sandbox's descriptors over");
}
