/* Bytes over TCP: flags of send(2) and recv(2), urgent data, full buffers, many bytes both ways, options. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <linux/sockios.h>

static void pair(int *a, int *b)
{
	int l = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(at);

	CHECK_EQ(bind(l, (void *)&at, sizeof(at)), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(getsockname(l, (void *)&at, &len), 0);
	*a = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(*a, (void *)&at, sizeof(at)), 0);
	*b = accept(l, NULL, NULL);
	CHECK(*b >= 0);
	close(l);
}

static int waiting(int fd)
{
	int n = -1;

	CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static void flags(void)
{
	int a, b, n;
	char buf[64];
	struct iovec iov[2] = {{buf, 2}, {buf + 10, 6}};
	struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};

	pair(&a, &b);
	CHECK_EQ(send(a, "hello ", 6, MSG_MORE), 6);
	CHECK_EQ(send(a, "world", 5, MSG_NOSIGNAL | MSG_DONTWAIT), 5);
	WAIT_FOR(waiting(b) == 11);
	CHECK_EQ(recv(b, buf, 5, MSG_PEEK), 5);
	CHECK_EQ(recv(b, buf, 64, MSG_PEEK), 11);
	CHECK_EQ(waiting(b), 11);
	CHECK_EQ(recvmsg(b, &m, 0), 8);
	CHECK_EQ(m.msg_flags, 0);
	CHECK(!memcmp(buf, "he", 2) && !memcmp(buf + 10, "llo wo", 6));
	CHECK_EQ(recv(b, NULL, 2, MSG_TRUNC), 2);
	CHECK_EQ(read(b, buf, 64), 1);
	CHECK_EQ(buf[0], 'd');
	CHECK_EQ(read(b, buf, 0), 0);
	CHECK_ERRNO(recv(b, buf, 0, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(a, "", 0, 0), 0);
	CHECK_ERRNO(recv(b, buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(ioctl(a, SIOCOUTQ, &n), 0);
	CHECK_ERRNO(recv(b, buf, 1, MSG_ERRQUEUE), EAGAIN);

	/* MSG_WAITALL waits for all of it. */
	if (!fork()) {
		for (int i = 0; i < 10; i++) {
			CHECK_EQ(write(a, "0123456789", 4), 4);
			sleep_ms(2);
		}
		_exit(0);
	}
	CHECK_EQ(recv(b, buf, 40, MSG_WAITALL), 40);
	wait(&n);
	CHECK_EQ(n, 0);
	/* The end comes before it has all. */
	CHECK_EQ(send(a, "abc", 3, 0), 3);
	close(a);
	CHECK_EQ(recv(b, buf, 40, MSG_WAITALL), 3);
	CHECK_EQ(recv(b, buf, 40, MSG_WAITALL), 0);
	close(b);
}

static void low_water(void)
{
	int a, b, n = 5;
	struct pollfd p;

	pair(&a, &b);
	CHECK_EQ(setsockopt(b, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)), 0);
	CHECK_EQ(send(a, "abc", 3, 0), 3);
	WAIT_FOR(waiting(b) == 3);
	p = (struct pollfd){.fd = b, .events = POLLIN};
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(send(a, "de", 2, 0), 2);
	CHECK_EQ(poll(&p, 1, 10000), 1);
	close(a);
	close(b);
}

static volatile sig_atomic_t urged;

static void on_urgent(int signo)
{
	urged = 1;
}

static void urgent(void)
{
	int a, b, mark, one = 1;
	char buf[16];
	struct pollfd p;

	pair(&a, &b);
	on_signal(SIGURG, on_urgent, 0);
	CHECK_EQ(fcntl(b, F_SETOWN, getpid()), 0);
	CHECK_EQ(send(a, "123", 3, 0), 3);
	CHECK_EQ(send(a, "45!", 3, MSG_OOB), 3);
	CHECK_EQ(send(a, "678", 3, 0), 3);
	WAIT_FOR(urged);
	p = (struct pollfd){.fd = b, .events = POLLPRI};
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK_EQ(p.revents, POLLPRI);
	WAIT_FOR(waiting(b) >= 5);
	CHECK_EQ(ioctl(b, SIOCATMARK, &mark), 0);
	CHECK_EQ(mark, 0);
	CHECK_EQ(recv(b, buf, 16, 0), 5);
	CHECK(!memcmp(buf, "12345", 5));
	CHECK_EQ(ioctl(b, SIOCATMARK, &mark), 0);
	CHECK_EQ(mark, 1);
	CHECK_EQ(recv(b, buf, 16, MSG_OOB), 1);
	CHECK_EQ(buf[0], '!');
	CHECK_ERRNO(recv(b, buf, 16, MSG_OOB), EINVAL);
	CHECK_EQ(recv(b, buf, 16, 0), 3);
	CHECK(!memcmp(buf, "678", 3));
	/* In line. */
	CHECK_EQ(setsockopt(b, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)), 0);
	CHECK_EQ(send(a, "ab", 2, MSG_OOB), 2);
	WAIT_FOR(waiting(b) == 2);
	CHECK_EQ(recv(b, buf, 16, 0), 1);
	CHECK_EQ(recv(b, buf, 16, 0), 1);
	CHECK_EQ(buf[0], 'b');
	CHECK_ERRNO(recv(b, buf, 16, MSG_OOB), EINVAL);
	close(a);
	close(b);
}

static void full(void)
{
	static char block[100000];
	int a, b, small = 4096;
	size_t sent = 0, got = 0;
	ssize_t n;
	struct pollfd p;

	pair(&a, &b);
	CHECK_EQ(setsockopt(a, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	CHECK_EQ(fcntl(a, F_SETFL, O_NONBLOCK), 0);
	while ((n = write(a, block, sizeof(block))) > 0)
		sent += n;
	CHECK_EQ(errno, EAGAIN);
	CHECK(sent > 4096);
	p = (struct pollfd){.fd = a, .events = POLLOUT};
	CHECK_EQ(poll(&p, 1, 0), 0);
	while (got < sent) {
		n = read(b, block, sizeof(block));
		CHECK(n > 0);
		got += n;
	}
	CHECK_EQ(poll(&p, 1, 10000), 1);
	close(a);
	close(b);
}

/* Each byte tells its place. */
static void *pump(void *arg)
{
	int fd = *(int *)arg;
	static __thread unsigned char buf[70001];
	unsigned long at = 0, total = 20000000;
	unsigned step = 1;

	while (at < total) {
		size_t n = step % sizeof(buf) + 1;

		n = n < total - at ? n : total - at;
		for (size_t i = 0; i < n; i++)
			buf[i] = (at + i) * 7 % 251;
		CHECK_EQ(send(fd, buf, n, 0), n);
		at += n;
		step = step * 3 + 1;
	}
	CHECK_EQ(shutdown(fd, SHUT_WR), 0);
	return NULL;
}

static void drain(int fd)
{
	static __thread unsigned char buf[50021];
	unsigned long at = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != (at + i) * 7 % 251)
				check_failed(__FILE__, __LINE__, "byte %lu is wrong", at + i);
		at += n;
	}
	CHECK_EQ(n, 0);
	CHECK_EQ(at, 20000000);
}

static void *drain_thread(void *arg)
{
	drain(*(int *)arg);
	return NULL;
}

static void both_ways(void)
{
	int a, b, status;
	pthread_t t;

	pair(&a, &b);
	if (!fork()) {
		pthread_t u;

		close(a);
		CHECK_OK(pthread_create(&u, NULL, pump, &b));
		drain(b);
		CHECK_OK(pthread_join(u, NULL));
		_exit(0);
	}
	close(b);
	CHECK_OK(pthread_create(&t, NULL, drain_thread, &a));
	pump(&a);
	CHECK_OK(pthread_join(t, NULL));
	wait(&status);
	CHECK_EQ(status, 0);
	close(a);
}

static int get(int fd, int level, int name)
{
	int v = -1;
	socklen_t len = sizeof(v);

	CHECK_EQ(getsockopt(fd, level, name, &v, &len), 0);
	CHECK_EQ(len, sizeof(v));
	return v;
}

static void set(int fd, int level, int name, int v)
{
	CHECK_EQ(setsockopt(fd, level, name, &v, sizeof(v)), 0);
}

static void options(void)
{
	int l = socket(AF_INET, SOCK_STREAM, 0), c, s;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct tcp_info info;
	socklen_t len = sizeof(at);
	char name[16];

	CHECK_EQ(get(l, SOL_SOCKET, SO_TYPE), SOCK_STREAM);
	CHECK_EQ(get(l, SOL_SOCKET, SO_DOMAIN), AF_INET);
	CHECK_EQ(get(l, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	CHECK_EQ(get(l, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQ(get(l, IPPROTO_TCP, TCP_NODELAY), 0);
	CHECK_EQ(get(l, IPPROTO_TCP, TCP_KEEPIDLE), 7200);
	CHECK_EQ(get(l, IPPROTO_TCP, TCP_KEEPINTVL), 75);
	CHECK_EQ(get(l, IPPROTO_TCP, TCP_KEEPCNT), 9);
	CHECK_EQ(get(l, IPPROTO_IP, IP_TTL), 64);
	set(l, IPPROTO_TCP, TCP_NODELAY, 7);
	set(l, IPPROTO_TCP, TCP_KEEPIDLE, 33);
	set(l, SOL_SOCKET, SO_KEEPALIVE, 1);
	set(l, SOL_SOCKET, SO_REUSEADDR, 1);
	set(l, IPPROTO_IP, IP_TOS, 0x10);
	CHECK_ERRNO(setsockopt(l, IPPROTO_TCP, TCP_KEEPIDLE, &(int){0}, sizeof(int)), EINVAL);
	CHECK_ERRNO(setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &(int){0}, 1), EINVAL);
	CHECK_ERRNO(setsockopt(l, IPPROTO_TCP, 999, &(int){0}, sizeof(int)), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(l, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)), ENOPROTOOPT);
	CHECK_EQ(bind(l, (void *)&at, sizeof(at)), 0);
	CHECK_EQ(listen(l, 3), 0);
	CHECK_EQ(get(l, SOL_SOCKET, SO_ACCEPTCONN), 1);
	CHECK_EQ(getsockname(l, (void *)&at, &len), 0);
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&at, sizeof(at)), 0);
	/* Accepted sockets have the listener's options. */
	s = accept(l, NULL, NULL);
	CHECK_EQ(get(s, IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_EQ(get(s, IPPROTO_TCP, TCP_KEEPIDLE), 33);
	CHECK_EQ(get(s, SOL_SOCKET, SO_KEEPALIVE), 1);
	CHECK_EQ(get(s, IPPROTO_IP, IP_TOS), 0x10);
	CHECK_EQ(get(s, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQ(get(c, SOL_SOCKET, SO_KEEPALIVE), 0);
	len = sizeof(info);
	CHECK_EQ(getsockopt(c, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	CHECK_EQ(info.tcpi_state, TCP_ESTABLISHED);
	len = sizeof(info);
	CHECK_EQ(getsockopt(l, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	CHECK_EQ(info.tcpi_state, TCP_LISTEN);
	len = sizeof(name);
	CHECK_EQ(getsockopt(c, IPPROTO_TCP, TCP_CONGESTION, name, &len), 0);
	CHECK_EQ(len, 16);
	close(l);
	close(c);
	close(s);
}

static void multiple_messages(void)
{
	int a, b;
	char x[4], y[4];
	struct iovec out[2] = {{"abcd", 4}, {"efgh", 4}}, in[2] = {{x, 4}, {y, 4}};
	struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = out, .msg_iovlen = 1}}, {.msg_hdr = {.msg_iov = out + 1, .msg_iovlen = 1}}};

	pair(&a, &b);
	CHECK_EQ(sendmmsg(a, m, 2, 0), 2);
	CHECK_EQ(m[1].msg_len, 4);
	WAIT_FOR(waiting(b) == 8);
	m[0].msg_hdr.msg_iov = in;
	m[1].msg_hdr.msg_iov = in + 1;
	CHECK_EQ(recvmmsg(b, m, 2, 0, NULL), 2);
	CHECK(!memcmp(x, "abcd", 4) && !memcmp(y, "efgh", 4));
	close(a);
	close(b);
}

int main(void)
{
	flags();
	low_water();
	urgent();
	full();
	both_ways();
	options();
	multiple_messages();
	return 0;
}
