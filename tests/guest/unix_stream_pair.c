/* A pair of stream sockets: bytes both ways, half-close, peek, waiting for all, credentials, what a closed end gives. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

static char buf[300000];

static void pair(int s[2], int type)
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, s), 0);
}

static int events(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static int option(int fd, int name)
{
	int val = -1;
	socklen_t len = sizeof val;

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, name, &val, &len), 0);
	CHECK_EQ(len, sizeof val);
	return val;
}

static void both_ways(void)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	struct stat st;
	int s[2], n;

	pair(s, SOCK_STREAM | SOCK_CLOEXEC);
	CHECK_EQ(fcntl(s[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(s[0], F_GETFL), O_RDWR);
	CHECK_EQ(fstat(s[0], &st), 0);
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_EQ(events(s[0]), POLLOUT);
	CHECK_EQ(write(s[0], "hello", 5), 5);
	CHECK_EQ(send(s[0], " world", 6, 0), 6);
	CHECK_EQ(ioctl(s[1], FIONREAD, &n), 0);
	CHECK_EQ(n, 11);
	CHECK_EQ(events(s[1]), POLLIN | POLLOUT);
	CHECK_EQ(recv(s[1], buf, 3, MSG_PEEK), 3);
	CHECK_EQ(recv(s[1], buf, 100, MSG_PEEK), 11);
	CHECK_EQ(read(s[1], buf, 8), 8);
	CHECK_EQ(read(s[1], buf + 8, 100), 3);
	CHECK_EQ(memcmp(buf, "hello world", 11), 0);
	CHECK_EQ(write(s[1], "back", 4), 4);
	CHECK_EQ(recv(s[0], buf, 100, 0), 4);
	CHECK_ERRNO(recv(s[0], buf, 100, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(option(s[0], SO_TYPE), SOCK_STREAM);
	CHECK_EQ(option(s[0], SO_DOMAIN), AF_UNIX);
	CHECK_EQ(option(s[0], SO_PROTOCOL), 0);
	CHECK_EQ(option(s[0], SO_ERROR), 0);
	CHECK_EQ(option(s[0], SO_ACCEPTCONN), 0);
	CHECK_EQ(option(s[0], SO_SNDBUF), 212992);
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	CHECK_EQ(cred.pid, getpid());
	CHECK_EQ(cred.uid, geteuid());
	CHECK_ERRNO(lseek(s[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(pread(s[0], buf, 1, 0), ESPIPE);
	CHECK_ERRNO(fsync(s[0]), EINVAL);
	close(s[0]);
	close(s[1]);
}

static void half_close(void)
{
	int s[2];

	pair(s, SOCK_STREAM);
	CHECK_EQ(write(s[0], "last", 4), 4);
	CHECK_EQ(shutdown(s[0], SHUT_WR), 0);
	CHECK_EQ(events(s[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(read(s[1], buf, 100), 4);
	CHECK_EQ(read(s[1], buf, 100), 0);
	CHECK_ERRNO(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(write(s[1], "other way", 9), 9);
	CHECK_EQ(read(s[0], buf, 100), 9);
	CHECK_EQ(shutdown(s[1], SHUT_WR), 0);
	CHECK_EQ(events(s[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_ERRNO(shutdown(s[0], 7), EINVAL);
	close(s[0]);
	close(s[1]);
}

static volatile int pipes;

static void count(int signo)
{
	pipes++;
}

static void closed_end(void)
{
	int s[2];

	on_signal(SIGPIPE, count, 0);
	pair(s, SOCK_STREAM);
	CHECK_EQ(write(s[0], "rest", 4), 4);
	CHECK_EQ(close(s[0]), 0);
	CHECK_EQ(events(s[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_EQ(read(s[1], buf, 100), 4);
	CHECK_EQ(read(s[1], buf, 100), 0);
	CHECK_ERRNO(write(s[1], "x", 1), EPIPE);
	CHECK_EQ(pipes, 1);
	CHECK_ERRNO(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(pipes, 1);
	close(s[1]);
	pair(s, SOCK_STREAM); /* what it was sent is lost: the sender is told */
	CHECK_EQ(write(s[1], "lost", 4), 4);
	CHECK_EQ(close(s[0]), 0);
	CHECK_EQ(events(s[1]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP | POLLERR);
	CHECK_ERRNO(read(s[1], buf, 100), ECONNRESET);
	CHECK_EQ(read(s[1], buf, 100), 0);
	close(s[1]);
}

static void as_much_as_fits(void)
{
	int s[2], small = 0;

	pair(s, SOCK_STREAM | SOCK_NONBLOCK);
	printf("one write takes %zd\n", write(s[0], buf, sizeof buf));
	CHECK_ERRNO(write(s[0], buf, 1), EAGAIN);
	CHECK_EQ(events(s[0]), 0);
	while (read(s[1], buf, sizeof buf) > 0)
		;
	CHECK_EQ(events(s[0]), POLLOUT);
	while (write(s[0], "x", 1) == 1)
		small++;
	printf("writes of a byte: %d\n", small);
	CHECK_EQ(recv(s[1], buf, sizeof buf, 0), small);
	int half = 10000;
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &half, sizeof half), 0);
	CHECK_EQ(option(s[0], SO_SNDBUF), 20000);
	printf("of half the buffer: %zd\n", write(s[0], buf, sizeof buf));
	close(s[0]);
	close(s[1]);
}

static void *later(void *fd)
{
	for (int i = 0; i < 3; i++) {
		sleep_ms(20);
		CHECK_EQ(write((int)(intptr_t)fd, "abcd", 4), 4);
	}
	return NULL;
}

static void wait_for_all(void)
{
	struct timeval limit = {0, 30000};
	pthread_t t;
	int s[2];

	pair(s, SOCK_STREAM);
	CHECK_OK(pthread_create(&t, NULL, later, (void *)(intptr_t)s[0]));
	CHECK_EQ(recv(s[1], buf, 12, MSG_WAITALL), 12);
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit), 0);
	int64_t before = now_ms();
	CHECK_ERRNO(read(s[1], buf, 1), EAGAIN);
	CHECK(now_ms() - before >= 25);
	close(s[0]);
	close(s[1]);
}

/* A child has the other end; its death closes it; a signal with SA_RESTART does not disturb a read, one without does. */
static void across_fork(void)
{
	int s[2], status;

	pair(s, SOCK_STREAM);
	pid_t child = fork();
	if (!child) {
		char line[6];

		close(s[0]);
		CHECK_EQ(read(s[1], line, 6), 6);
		CHECK_EQ(write(s[1], line, 6), 6);
		sleep_ms(30);
		kill(getppid(), SIGUSR1);
		sleep_ms(30);
		CHECK_EQ(write(s[1], "again", 5), 5);
		sleep_ms(30);
		kill(getppid(), SIGUSR2);
		sleep_ms(30);
		raise(SIGKILL);
	}
	on_signal(SIGUSR1, count, SA_RESTART);
	on_signal(SIGUSR2, count, 0);
	close(s[1]);
	CHECK_EQ(write(s[0], "fork it", 6), 6);
	CHECK_EQ(read(s[0], buf, 6), 6);
	CHECK_EQ(read(s[0], buf, 6), 5);
	CHECK_ERRNO(read(s[0], buf, 6), EINTR);
	CHECK_EQ(read(s[0], buf, 6), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status));
	close(s[0]);
}

static void errors(void)
{
	int s[2];

	CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 7, s), EPROTONOSUPPORT);
	CHECK_ERRNO(socketpair(AF_UNIX, SOCK_RDM, 0, s), ESOCKTNOSUPPORT);
	CHECK_ERRNO(socketpair(AF_UNIX, 15, 0, s), EINVAL);
	CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM | 0x10, 0, s), EINVAL);
	CHECK_ERRNO(socketpair(99, SOCK_STREAM, 0, s), EAFNOSUPPORT);
	CHECK_ERRNO(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 8L), EFAULT);
	CHECK_ERRNO(send(-1, "x", 1, 0), EBADF);
	CHECK_EQ(pipe(s), 0);
	CHECK_ERRNO(send(s[1], "x", 1, 0), ENOTSOCK);
	close(s[0]);
	close(s[1]);
	CHECK((s[0] = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	CHECK_EQ(events(s[0]), POLLOUT | POLLHUP);
	CHECK_ERRNO(write(s[0], "x", 1), ENOTCONN);
	CHECK_ERRNO(read(s[0], buf, 1), EINVAL);
	CHECK_ERRNO(getpeername(s[0], (struct sockaddr *)buf, &(socklen_t){100}), ENOTCONN);
	CHECK_ERRNO(listen(s[0], 1), EINVAL);
	CHECK_ERRNO(accept(s[0], NULL, NULL), EINVAL);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_TYPE, &(int){1}, sizeof(int)), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &(int){1}, 2), EINVAL);
	close(s[0]);
}

int main(void)
{
	both_ways();
	half_close();
	closed_end();
	as_much_as_fits();
	wait_for_all();
	across_fork();
	errors();
	return 0;
}
