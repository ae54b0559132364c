/*
 * A monitor that is just enough to run a hostile library OS behind the real host layer and the real filter.  It makes
 * arena, boot block and channels, executes the host layer, and answers its requests.  Unlike the real monitor it does
 * not end a sandbox that makes a forbidden call: it answers the call with STOPPED, so that one run can probe all of
 * them.  Lines "FAIL ..." in the sandbox's log make the test fail; so does an end other than exit code 0.
 *
 * launch [--network] [--kill-unlisted] [--expect-death] [--expect-panic] [--none-stopped] HOST-LAYER LIBRARY-OS [NUMBER]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "abi/bartizan_wire.h"
#include "monitor/filter.h"
#include "tests/hostile/probe.h"
#include "tests/hostile/step.h"

#define ARENA_SIZE (256ul << 20)

static bool network, kill_unlisted, expect_death, expect_panic, none_stopped;
static int control[2], events[2], log_channel[2], pipe_ends[2], listener = -1;
static int exit_status = -1;
static pid_t sandbox_pid;
static const char *host_path;
static int steps;
static unsigned long failures, panics, stopped;

static void die(const char *what)
{
	fprintf(stderr, "launch: %s: %s\n", what, strerror(errno));
	exit(99);
}

static int open_checked(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

static int make_arena(uint64_t libos_size, uint64_t number)
{
	static char block[65536] __attribute__((aligned(64)));
	struct bz_boot *boot = (void *)block;
	struct filter_options options = { .notify = !kill_unlisted, .orphans = true, .accept = network, .network = network };
	struct bz_start *start;
	int fd = memfd_create("arena", MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, ARENA_SIZE))
		die("arena");
	boot->magic = BZ_BOOT_MAGIC;
	boot->version = BZ_ABI_VERSION;
	boot->flags = BZ_BOOT_STATS | (kill_unlisted ? 0 : BZ_BOOT_NOTIFY);
	boot->libos_size = libos_size;
	boot->filter_offset = 1024;
	boot->filter_count = filter_build(&options, (struct sock_filter *)(block + 1024), FILTER_MAX);
	boot->start_offset = 32768;
	boot->start_size = sizeof(*start);
	start = (struct bz_start *)(block + boot->start_offset);
	start->version = BZ_ABI_VERSION;
	start->size = sizeof(*start);
	start->arena_size = ARENA_SIZE;
	start->memory_limit = number; /* the test's own argument */
	if (getrandom(start->seed, sizeof(start->seed), 0) < 0)
		die("getrandom");
	if (pwrite(fd, block, sizeof(block), BZ_BOOT_OFFSET) != sizeof(block))
		die("boot block");
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	return fd;
}

static int copy_to_memfd(const char *path)
{
	char buf[65536];
	ssize_t n;
	int from = open_checked(path), to = memfd_create("host", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	while ((n = read(from, buf, sizeof(buf))) > 0)
		if (write(to, buf, n) != n)
			die("memfd");
	close(from);
	return to;
}

/* Exactly the descriptors of the wire format. */
static void equip_sandbox(int arena, int libos)
{
	int null = open("/dev/null", O_RDWR), plug = epoll_create1(0);
	const int fds[BZ_FD_LIBOS] = { arena, plug, null, null, null, events[1], log_channel[1], libos };
	struct bz_equipment equipment = { .arena_size = ARENA_SIZE, .count = BZ_FD_LIBOS, .absent = 1u << BZ_FD_IMAGE };
	struct iovec iov = { &equipment, sizeof(equipment) };
	union {
		char buf[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr align;
	} u = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.buf, .msg_controllen = sizeof(u.buf) };

	u.align = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fds)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&u.align), fds, sizeof(fds));
	if (sendmsg(control[0], &msg, MSG_NOSIGNAL) < 0)
		die("equipment");
	close(null);
	close(plug);
}

static void become_sandbox(int host)
{
	char *none[] = { NULL };

	host = fcntl(host, F_DUPFD_CLOEXEC, 100);
	if (dup2(control[1], BZ_FD_CONTROL) < 0)
		_exit(98);
	syscall(SYS_close_range, BZ_FD_CONTROL + 1, 99, 0);
	setsid();
	syscall(SYS_execveat, host, "", none, none, AT_EMPTY_PATH);
	_exit(97);
}

static void reply(const struct bz_reply *r, const void *payload, int fd)
{
	struct iovec iov[2] = { { (void *)r, sizeof(*r) }, { (void *)payload, r->payload_len } };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { 0 };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	if (fd >= 0) {
		struct cmsghdr *c = &u.align;

		msg.msg_control = u.buf;
		msg.msg_controllen = sizeof(u.buf);
		c->cmsg_len = CMSG_LEN(sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		memcpy(CMSG_DATA(c), &fd, sizeof(int));
	}
	if (sendmsg(control[0], &msg, MSG_NOSIGNAL) < 0)
		die("reply");
}

/* Names: `r` and `w` are the ends of a pipe, `file` a fresh temporary file, `dir` a directory. */
static void serve_open(const struct bz_request *q, const char *name)
{
	struct bz_reply r = { .has_fd = 1 };
	FILE *file;
	int fd = -1;

	if (q->a_len == 1 && name[0] == 'r') {
		fd = dup(pipe_ends[0]);
	} else if (q->a_len == 1 && name[0] == 'w') {
		fd = dup(pipe_ends[1]);
	} else if (q->a_len == 4 && !memcmp(name, "file", 4)) {
		file = tmpfile();
		if (!file)
			die("tmpfile");
		fd = dup(fileno(file));
		fclose(file);
		r.handle = 7;
	} else if (q->a_len == 3 && !memcmp(name, "dir", 3)) {
		r = (struct bz_reply){ .handle = 9 };
	} else {
		r = (struct bz_reply){ .result = -ENOENT };
	}
	reply(&r, NULL, fd);
	if (fd >= 0)
		close(fd);
}

static bool serve_control(void)
{
	static char buf[sizeof(struct bz_request) + 2 * BZ_PATH_MAX + BZ_PAYLOAD_MAX];
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { 0 };
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = u.buf, .msg_controllen = sizeof(u.buf) };
	struct bz_request *q = (void *)buf;
	struct bz_reply r = { 0 };
	ssize_t n = recvmsg(control[0], &msg, MSG_CMSG_CLOEXEC);
	int fd;

	if (n < (ssize_t)sizeof(*q))
		return n > 0;
	switch (q->op) {
	case BZ_HELLO:
		if (msg.msg_controllen >= sizeof(u.align))
			memcpy(&listener, CMSG_DATA(&u.align), sizeof(int));
		r.result = BZ_GO;
		reply(&r, NULL, -1);
		break;
	case BZ_REQ_OPEN:
		serve_open(q, buf + sizeof(*q));
		break;
	case BZ_REQ_WAITSET:
	case BZ_REQ_EVENT:
		fd = q->op == BZ_REQ_EVENT ? eventfd(0, EFD_CLOEXEC) : epoll_create1(EPOLL_CLOEXEC);
		r.has_fd = 1;
		reply(&r, NULL, fd);
		close(fd);
		break;
	case BZ_REQ_EXIT:
		exit_status = q->flags;
		break;
	case BZ_REQ_FORGET:
	case BZ_REQ_UNWATCH:
		break;
	default:
		r.result = -EACCES;
		reply(&r, NULL, -1);
	}
	return true;
}

/* Stop and continue every picoprocess, as an operator may: nobody inside may notice. */
static void freeze_and_thaw(void)
{
	char path[64];
	FILE *children;
	int pid;

	for (int round = 0; round < 20; round++) {
		for (int sig = 0; sig < 2; sig++) {
			kill(sandbox_pid, sig ? SIGCONT : SIGSTOP);
			snprintf(path, sizeof(path), "/proc/%d/task/%d/children", sandbox_pid, sandbox_pid);
			children = fopen(path, "r");
			while (children && fscanf(children, "%d", &pid) == 1)
				kill(pid, sig ? SIGCONT : SIGSTOP);
			if (children)
				fclose(children);
			usleep(2000);
		}
	}
}

static bool serve_log(void)
{
	static char buf[40000];
	ssize_t n = recv(log_channel[0], buf, sizeof(buf) - 1, 0);

	if (n <= 0)
		return false;
	buf[n] = 0;
	failures += !strncmp(buf + 1, "FAIL", 4);
	panics += buf[0] == BZ_LOG_PANIC;
	/* A wish of the test: send it an event of the operator (with the number of interrupts sent by `step`). */
	if (!strncmp(buf + 1, "event", 5)) {
		struct bz_control ctl = { .kind = BZ_CTL_SIGNAL, .arg = steps ? steps : 15 };

		if (send(events[0], &ctl, sizeof(ctl), MSG_NOSIGNAL) < 0)
			die("event");
		return true;
	}
	if (!strncmp(buf + 1, "step ", 5)) {
		steps = step_through(sandbox_pid, host_path, buf + 6);
		if (steps < 0) /* the test waits for interrupts that will not come */
			exit(1);
		return true;
	}
	if (!strncmp(buf + 1, "freeze", 6)) {
		freeze_and_thaw();
		return true;
	}
	printf("%s%s\n", buf[0] == BZ_LOG_PANIC ? "panic: " : "", buf + 1);
	fflush(stdout);
	return true;
}

static void serve_listener(void)
{
	struct seccomp_notif n = { 0 };
	struct seccomp_notif_resp a = { 0 };

	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &n))
		return;
	stopped++;
	a.id = n.id;
	a.error = STOPPED;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &a);
}

static int serve(pid_t pid)
{
	int status = 0;

	for (;;) {
		struct pollfd p[3] = { { control[0], POLLIN, 0 }, { log_channel[0], POLLIN, 0 }, { listener, POLLIN, 0 } };
		bool more = false;

		if (poll(p, 3, -1) < 0)
			continue;
		if (p[0].revents & POLLIN)
			more |= serve_control();
		if (p[1].revents & POLLIN)
			more |= serve_log();
		if (p[2].revents & POLLIN)
			serve_listener();
		if (!more && (p[0].revents & POLLHUP))
			break;
		if (p[2].revents & POLLHUP) {
			close(listener);
			listener = -1;
		}
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return status;
}

int main(int argc, char **argv)
{
	int arg = 1, host, arena, libos, status;
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (; arg < argc && !strncmp(argv[arg], "--", 2); arg++) {
		network |= !strcmp(argv[arg], "--network");
		kill_unlisted |= !strcmp(argv[arg], "--kill-unlisted");
		none_stopped |= !strcmp(argv[arg], "--none-stopped");
		expect_panic |= !strcmp(argv[arg], "--expect-panic");
		expect_death |= !strcmp(argv[arg], "--expect-death");
	}
	if (argc - arg < 2)
		return 99;
	host_path = argv[arg];
	host = copy_to_memfd(host_path);
	libos = open_checked(argv[arg + 1]);
	arena = make_arena(lseek(libos, 0, SEEK_END), argc - arg > 2 ? strtoull(argv[arg + 2], NULL, 0) : 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, events) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, log_channel) || pipe2(pipe_ends, O_CLOEXEC))
		die("channels");
	fcntl(events[1], F_SETFL, O_NONBLOCK);
	/* The real monitor always has one, or says what is lost. */
	if (unshare(CLONE_NEWPID) && unshare(CLONE_NEWUSER | CLONE_NEWPID))
		printf("no pid namespace here\n");
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		become_sandbox(host);
	}
	sandbox_pid = pid;
	equip_sandbox(arena, libos);
	close(control[1]);
	close(events[1]);
	close(log_channel[1]);
	status = serve(pid);
	printf("stopped %lu, exit status %d, template ended with %#x\n", stopped, exit_status, status);
	if (expect_panic)
		return panics && !failures && WIFEXITED(status) && WEXITSTATUS(status) == 125 ? 0 : 1;
	failures += panics + (none_stopped ? stopped : 0);
	if (expect_death)
		return exit_status == -1 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS && !failures ? 0 : 1;
	return exit_status == 0 && !failures ? 0 : 1;
}
