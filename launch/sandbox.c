/*
 * The caller's side of a sandbox: fork the monitor, send it wishes, reap it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launch/launch.h"
#include "monitor/process.h"

int sandbox_start(const struct sandbox_spec *spec, struct sandbox *sandbox, char *err, size_t err_size)
{
	static struct monitor m; /* nobody but the monitor, in its copy, fills more of it than this does */
	int ends[2], error;

	memset(sandbox, 0, sizeof(*sandbox));
	m.started_ns = now_ns();
	m.spec = spec;
	m.table_size = BZ_FD_LIBOS + 1 + (spec->guest ? spec->guest->fd_count : 0);
	m.notify = -1;
	m.caller_uid = geteuid();
	error = plan_make(spec, &m.plan, err, err_size);
	if (error)
		return error;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
		snprintf(err, err_size, "socketpair: %s", strerror(errno));
		return -errno;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	sandbox->pid = fork();
	if (sandbox->pid == 0) {
		m.clients[0] = ends[1];
		m.client_count = 1;
		monitor_main(&m);
	}
	error = sandbox->pid < 0 ? -errno : 0;
	close(ends[1]);
	if (!error) {
		sandbox->pidfd = syscall(SYS_pidfd_open, sandbox->pid, 0);
		error = sandbox->pidfd < 0 ? -errno : 0;
	}
	if (error) {
		snprintf(err, err_size, "cannot start the monitor: %s", strerror(-error));
		close(ends[0]);
		return error;
	}
	sandbox->control = ends[0];
	return 0;
}

int sandbox_tell(const struct sandbox *sandbox, uint32_t kind, uint32_t arg, uint16_t rows, uint16_t cols)
{
	struct monitor_msg msg = {.kind = kind, .arg = arg, .rows = rows, .cols = cols};

	return send(sandbox->control, &msg, sizeof(msg), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void sandbox_forget(struct sandbox *sandbox)
{
	close(sandbox->control);
	while (waitpid(sandbox->pid, NULL, 0) < 0 && errno == EINTR)
		;
	/* Ours since the monitor, which did not wait for it, has gone; ECHILD if it was reaped there. */
	while (sandbox->template_pid > 0 && waitpid(sandbox->template_pid, NULL, __WALL) < 0 && errno == EINTR)
		;
	close(sandbox->pidfd);
}
