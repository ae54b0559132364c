/*
 * What the trace test traces: calls whose lines must look as strace's.  Between two marks (getppid) nothing depends on
 * where it runs but addresses and process numbers.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void handler(int sig)
{
}

static void files(int fds[2])
{
	struct stat st;
	char text[100];
	int fd;

	pipe2(fds, O_CLOEXEC | O_NONBLOCK);
	write(fds[1], "a\"\\\n\t\1\0009\0017\x7f\xff\033[0m", 16);
	read(fds[0], text, sizeof(text));
	read(fds[0], text, sizeof(text));
	write(fds[1], "0123456789012345678901234567890123456789", 40);
	read(fds[0], text, sizeof(text));
	stat("/dev/null", &st);
	fstatat(AT_FDCWD, "/tmp", &st, AT_SYMLINK_NOFOLLOW);
	lstat("/nonexistent\033[31m\n\\x\"", &st);
	lseek(fds[0], 0, SEEK_END);
	fd = open("/tmp/bartizan-trace", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0640);
	pwrite(fd, "xyz", 3, 5);
	pread(fd, text, 100, 6);
	ftruncate(fd, 2);
	fstat(fd, &st);
	fchmod(fd, 0600);
	lseek(fd, 1, SEEK_SET);
	fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_GETFD);
	close(fcntl(fd, F_DUPFD_CLOEXEC, 20));
	fcntl(fd, F_SETLK, &(struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10});
	fcntl(99, F_GETFL);
	dup2(fd, 30);
	dup3(fd, 31, O_CLOEXEC);
	close(fd);
	close(fd);
	rename("/tmp/bartizan-trace", "/tmp/bartizan-trace2");
	unlink("/tmp/bartizan-trace2");
	access("/tmp", R_OK | W_OK);
	mkdir("/tmp", 0777);
	symlink("a", "/tmp");
	readlink("/proc/self/fd/30x", text, 100);
	utimensat(AT_FDCWD, "/nonexistent", NULL, 0);
	umask(022);
}

static void waits(const int fds[2])
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.u64 = 7};
	struct pollfd f = {.fd = fds[0], .events = POLLIN | POLLPRI};
	struct iovec v[2] = {{"hello", 5}, {"world\n", 6}};
	char text[20];
	int e;

	poll(&f, 1, 0);
	write(fds[1], "x", 1);
	poll(&f, 1, -1);
	e = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(e, EPOLL_CTL_ADD, fds[0], &ev);
	epoll_wait(e, &ev, 1, 100);
	epoll_ctl(e, EPOLL_CTL_DEL, fds[0], NULL);
	writev(fds[1], v, 2);
	v[0].iov_base = text;
	v[1].iov_base = text + 5;
	readv(fds[0], v, 2);
	nanosleep(&(struct timespec){0, 1000}, NULL);
}

static void numbers(void)
{
	struct itimerval it = {.it_value = {1, 5}};
	struct rlimit limit;
	sigset_t set;
	void *m;

	m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	mprotect(m, 4096, PROT_NONE);
	madvise(m, 4096, MADV_DONTNEED);
	munmap(m, 4096);
	mmap((void *)1, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, 99, 0x1000);
	setitimer(ITIMER_REAL, &it, NULL);
	alarm(0);
	getrlimit(RLIMIT_CORE, &limit);
	getrlimit(99, &limit);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	signal(SIGUSR1, handler);
	kill(getpid(), SIGUSR1);
	syscall(9999, 1, 2, 3, 4, 5, 6);
	wait4(-1, NULL, WNOHANG, NULL);
}

static void options(int s)
{
	struct timeval tv = {3, 0};
	socklen_t len = 100;
	char text[100];
	int one = 1;

	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(s, SOL_SOCKET, SO_LINGER, &(struct linger){1, 5}, sizeof(struct linger));
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, 1);
	setsockopt(s, SOL_SOCKET, 999, &one, sizeof(one));
	setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(s, IPPROTO_TCP, TCP_CONGESTION, "none\0", 5);
	setsockopt(s, IPPROTO_IP, IP_TTL, &one, sizeof(one));
	getsockopt(s, SOL_SOCKET, SO_TYPE, text, &len);
	getsockopt(s, SOL_SOCKET, SO_LINGER, text, (len = 8, &len));
	getsockopt(s, SOL_SOCKET, SO_RCVTIMEO, text, (len = 16, &len));
	getsockopt(s, SOL_SOCKET, SO_ERROR, text, (len = 4, &len));
	getsockopt(s, SOL_SOCKET, 999, text, &len);
}

static void tcp(void)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), c = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP), a;
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_storage name;
	socklen_t len = sizeof(to);
	char text[100];

	options(s);
	bind(s, (struct sockaddr *)&to, sizeof(to));
	listen(s, 5);
	getsockname(s, (struct sockaddr *)&to, &len);
	getpeername(s, (struct sockaddr *)&name, &len);
	connect(c, (struct sockaddr *)&to, sizeof(to));
	a = accept4(s, (struct sockaddr *)&name, (len = sizeof(name), &len), SOCK_NONBLOCK);
	send(c, "hello", 5, MSG_NOSIGNAL);
	recvfrom(a, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&name, (len = sizeof(name), &len));
	recvfrom(a, text, sizeof(text), MSG_DONTWAIT, (struct sockaddr *)&name, (len = sizeof(name), &len));
	recv(a, text, 10, MSG_DONTWAIT);
	shutdown(c, SHUT_WR);
	shutdown(c, 7);
	accept(99, NULL, NULL);
	connect(c, NULL, 0);
	close(a);
	close(c);
	close(s);
}

static void names(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/nonexistent/name"};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(80), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int u = socket(AF_UNIX, SOCK_DGRAM, 0), d = socket(AF_INET6, SOCK_DGRAM, IPPROTO_UDP), n = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	socklen_t len = sizeof(un);

	connect(u, (struct sockaddr *)&un, sizeof(un));
	connect(u, (struct sockaddr *)&un, 1);
	memcpy(un.sun_path, "\0trace\"x", 8);
	bind(u, (struct sockaddr *)&un, 10);
	getsockname(u, (struct sockaddr *)&un, &len);
	connect(d, (struct sockaddr *)&in6, sizeof(in6));
	inet_pton(AF_INET6, "2001:db8:0:0:1::5", &in6.sin6_addr);
	in6.sin6_flowinfo = htonl(5);
	bind(99, (struct sockaddr *)&in6, sizeof(in6));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &in6.sin6_addr);
	bind(99, (struct sockaddr *)&in6, sizeof(in6));
	connect(d, &none, sizeof(none));
	bind(n, (struct sockaddr *)&nl, sizeof(nl));
	socket(99, SOCK_STREAM, 0);
	close(u);
	close(d);
	close(n);
}

static void messages(void)
{
	struct iovec out[2] = {{"abc", 3}, {"defg", 4}}, in = {(char[50]){0}, 50};
	char control[CMSG_SPACE(2 * sizeof(int))];
	struct msghdr sent = {.msg_iov = out, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof(control)};
	struct sockaddr_un from;
	struct msghdr got = {.msg_iov = &in, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control),
			     .msg_name = &from, .msg_namelen = sizeof(from)};
	struct mmsghdr several[2] = {{.msg_hdr = {.msg_iov = out, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = out + 1, .msg_iovlen = 1}}};
	struct mmsghdr received[3] = {{.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof(from)}},
				      {.msg_hdr = {.msg_iov = &in, .msg_iovlen = 1}}};
	struct cmsghdr *c = CMSG_FIRSTHDR(&sent);
	int pair[2], fds[2];

	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(pair));
	memcpy(CMSG_DATA(c), pair, sizeof(pair));
	sendmsg(pair[0], &sent, MSG_NOSIGNAL);
	recvmsg(pair[1], &got, MSG_CMSG_CLOEXEC);
	memcpy(fds, CMSG_DATA(c), sizeof(fds));
	got.msg_namelen = 9;
	recvmsg(pair[1], &got, 0);
	sendmmsg(pair[0], several, 2, 0);
	recvmmsg(pair[1], received, 3, MSG_DONTWAIT, NULL);
	recvmmsg(pair[1], received, 3, MSG_DONTWAIT, NULL);
	sendmmsg(99, several, 2, 0);
	close(fds[0]);
	close(fds[1]);
	close(pair[0]);
	close(pair[1]);
}

int main(int argc, char **argv)
{
	int fds[2], status;

	getppid();
	files(fds);
	waits(fds);
	numbers();
	tcp();
	names();
	messages();
	getppid();
	if (argc > 1) {
		if (!fork()) {
			execl("/nonexistent", "name", "argument \"\\\033", (char *)NULL);
			_exit(3);
		}
		wait(&status);
		kill(getpid(), SIGTERM);
	}
	return 5;
}
