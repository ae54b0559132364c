/* Files and credentials that go along with bytes: SCM_RIGHTS, SCM_CREDENTIALS, truncation, cycles, a chain of sockets. */
#include "check.h"
#include <sys/socket.h>
#include <sys/wait.h>

static union {
	char bytes[1200];
	struct cmsghdr align;
} control;
static char data[100];
static int flags_out;

static ssize_t send_files(int to, const int *fds, int n, const char *text)
{
	struct iovec iov = {(void *)text, strlen(text)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = CMSG_SPACE(n * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	return sendmsg(to, &m, 0);
}

/* Bytes; *n: how many files came, for which there was room. */
static ssize_t receive(int from, int *fds, int *n, size_t room, int flags)
{
	struct iovec iov = {data, sizeof data};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = room};
	ssize_t got = recvmsg(from, &m, flags);

	*n = 0;
	flags_out = m.msg_flags;
	for (struct cmsghdr *c = got < 0 ? NULL : CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
		if (c->cmsg_type == SCM_RIGHTS) {
			*n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(c), *n * sizeof(int));
		}
	return got;
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void files_go_along(int type)
{
	int s[2], p[2], fds[8], n;
	char byte;

	CHECK_EQ(socketpair(AF_UNIX, type, 0, s), 0);
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(send_files(s[0], p, 2, "two"), 3);
	CHECK_EQ(close(p[0]), 0);
	CHECK_EQ(close(p[1]), 0);
	CHECK_EQ(receive(s[1], fds, &n, sizeof control, MSG_PEEK), 3);
	CHECK_EQ(n, 2);
	close(fds[0]);
	close(fds[1]);
	CHECK_EQ(receive(s[1], fds, &n, sizeof control, MSG_CMSG_CLOEXEC), 3);
	CHECK_EQ(n, 2);
	CHECK_EQ(flags_out, MSG_CMSG_CLOEXEC);
	CHECK_EQ(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(read(fds[0], &byte, 1), 1);
	/* Room for one; for none: the others are closed. */
	CHECK_EQ(send_files(s[0], fds, 2, "a"), 1);
	CHECK_EQ(receive(s[1], fds + 2, &n, CMSG_LEN(sizeof(int)), 0), 1);
	CHECK_EQ(n, 1);
	CHECK_EQ(flags_out, MSG_CTRUNC);
	CHECK_EQ(send_files(s[0], fds, 2, "b"), 1);
	CHECK_EQ(read(s[1], &byte, 1), 1);
	CHECK_EQ(send_files(s[0], fds, 2, "c"), 1);
	CHECK_EQ(receive(s[1], fds + 3, &n, 0, 0), 1);
	CHECK_EQ(flags_out, MSG_CTRUNC);
	CHECK_ERRNO(send_files(s[0], (int[]){fds[0], 199}, 2, "bad"), EBADF);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(s[0]);
	close(s[1]);
}

/* A read ends behind a message with files. */
static void streams_stop_at_files(void)
{
	int s[2], fds[4], n;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	CHECK_EQ(write(s[0], "abc", 3), 3);
	CHECK_EQ(send_files(s[0], s, 1, "def"), 3);
	CHECK_EQ(write(s[0], "ghi", 3), 3);
	CHECK_EQ(receive(s[1], fds, &n, sizeof control, 0), 6);
	CHECK_EQ(n, 1);
	close(fds[0]);
	CHECK_EQ(receive(s[1], fds, &n, sizeof control, 0), 3);
	CHECK_EQ(n, 0);
	close(s[0]);
	close(s[1]);
}

static void credentials(void)
{
	int s[2], on = 1, n, fds[2], status;
	struct ucred cred;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
	pid_t child = fork();
	if (!child)
		_exit(write(s[0], "who", 3) != 3);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	CHECK_EQ(receive(s[1], fds, &n, sizeof control, 0), 3);
	CHECK_EQ(control.align.cmsg_type, SCM_CREDENTIALS);
	CHECK_EQ(control.align.cmsg_len, CMSG_LEN(sizeof cred));
	memcpy(&cred, CMSG_DATA(&control.align), sizeof cred);
	CHECK_EQ(cred.pid, child);
	CHECK_EQ(cred.uid, getuid());
	CHECK_EQ(cred.gid, getgid());
	close(s[0]);
	close(s[1]);
}

/* A pipe's writer that only a cycle of closed sockets holds is closed with them. */
static void cycles_are_collected(void)
{
	int a[2], b[2], p[2];
	char byte;

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, a), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	CHECK_EQ(send_files(a[0], (int[]){b[1], p[1]}, 2, "x"), 1);
	CHECK_EQ(send_files(b[0], (int[]){a[1]}, 1, "x"), 1);
	CHECK_EQ(send_files(b[0], (int[]){b[1]}, 1, "itself"), 6);
	close(p[1]);
	close(a[0]);
	close(a[1]);
	close(b[0]);
	CHECK_EQ(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_ERRNO(read(p[0], &byte, 1), EAGAIN);
	close(b[1]);
	close(socket(AF_UNIX, SOCK_STREAM, 0)); /* when a socket goes, Linux looks for such cycles */
	WAIT_FOR(read(p[0], &byte, 1) == 0);
	close(p[0]);
}

/* Each socket waits in the next one's queue: closing the last closes all. */
static void long_chain(void)
{
	int s[2], next[2], p[2];
	char byte;

	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	CHECK_EQ(send_files(s[0], p + 1, 1, "x"), 1);
	close(p[1]);
	close(s[0]);
	for (int i = 0; i < 500; i++) {
		CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, next), 0);
		CHECK_EQ(send_files(next[0], s + 1, 1, "x"), 1);
		close(s[1]);
		close(next[0]);
		s[1] = next[1];
	}
	CHECK_EQ(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_ERRNO(read(p[0], &byte, 1), EAGAIN);
	close(s[1]);
	WAIT_FOR(read(p[0], &byte, 1) == 0);
	close(p[0]);
}

int main(void)
{
	int before = open_descriptors();

	files_go_along(SOCK_STREAM);
	files_go_along(SOCK_DGRAM);
	files_go_along(SOCK_SEQPACKET);
	streams_stop_at_files();
	credentials();
	cycles_are_collected();
	long_chain();
	CHECK_EQ(open_descriptors(), before);
	return 0;
}
