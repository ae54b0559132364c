/* TCP over loopback: names, connecting in both ways, refusals, ends and resets, as poll(2) and errors tell of them. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static struct sockaddr_in at(uint32_t ip, int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(ip)}};
}

static int port_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	CHECK_EQ(len, sizeof(a));
	return ntohs(a.sin_port);
}

static int listener(int backlog)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = at(INADDR_LOOPBACK, 0);

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(fd, backlog), 0);
	CHECK(port_of(fd) > 1023);
	return fd;
}

static int client(int to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = at(INADDR_LOOPBACK, port_of(to));

	CHECK(fd >= 0);
	CHECK_EQ(connect(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

static void pair(int *a, int *b)
{
	int l = listener(5);

	*a = client(l);
	*b = accept4(l, NULL, NULL, SOCK_CLOEXEC);
	CHECK(*b >= 0);
	close(l);
}

static int events(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP};

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static int wait_events(int fd, int want)
{
	struct pollfd p = {.fd = fd, .events = want};

	CHECK(poll(&p, 1, 10000) == 1);
	return events(fd);
}

static int so_error(int fd)
{
	int err = -1;
	socklen_t len = sizeof(err);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len), 0);
	return err;
}

static void names(void)
{
	int l = listener(5), c = client(l), s;
	struct sockaddr_in a, b;
	socklen_t len = sizeof(a);

	s = accept(l, (void *)&a, &len);
	CHECK(s >= 0);
	CHECK_EQ(len, sizeof(a));
	CHECK_EQ(ntohs(a.sin_port), port_of(c));
	CHECK_EQ(ntohl(a.sin_addr.s_addr), INADDR_LOOPBACK);
	len = sizeof(b);
	CHECK_EQ(getpeername(c, (void *)&b, &len), 0);
	CHECK_EQ(ntohs(b.sin_port), port_of(l));
	CHECK_EQ(port_of(s), port_of(l));
	CHECK_ERRNO(getpeername(l, (void *)&b, &len), ENOTCONN);
	CHECK_ERRNO(bind(c, (void *)&a, sizeof(a)), EINVAL);
	CHECK_ERRNO(connect(c, (void *)&b, sizeof(b)), EISCONN);
	CHECK_ERRNO(listen(c, 1), EINVAL);
	close(c);
	close(s);
	/* A server at any address answers at each of loopback's. */
	close(l);
	l = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(listen(l, 1), 0);
	a = at(0x7f000305, port_of(l));
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
	s = accept(l, (void *)&b, &len);
	len = sizeof(b);
	CHECK_EQ(getsockname(s, (void *)&b, &len), 0);
	CHECK_EQ(ntohl(b.sin_addr.s_addr), 0x7f000305);
	close(c);
	close(s);
	a = at(INADDR_ANY, port_of(l));
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
	len = sizeof(b);
	CHECK_EQ(getpeername(c, (void *)&b, &len), 0);
	CHECK_EQ(ntohl(b.sin_addr.s_addr), INADDR_LOOPBACK);
	close(c);
	close(l);
}

static void bad_arguments(void)
{
	struct sockaddr_in a = at(INADDR_LOOPBACK, 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	CHECK_ERRNO(bind(fd, (void *)&a, 8), EINVAL);
	a.sin_family = AF_UNIX;
	CHECK_ERRNO(bind(fd, (void *)&a, sizeof(a)), EAFNOSUPPORT);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), EAFNOSUPPORT);
	a = at(0x01020304, 0);
	CHECK_ERRNO(bind(fd, (void *)&a, sizeof(a)), EADDRNOTAVAIL);
	CHECK_ERRNO(accept(fd, NULL, NULL), EINVAL);
	CHECK_ERRNO(recv(fd, &byte, 1, 0), ENOTCONN);
	CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_ERRNO(shutdown(fd, SHUT_WR), ENOTCONN);
	CHECK_EQ(events(fd), POLLOUT | POLLHUP);
	close(fd);
	CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	CHECK_ERRNO(socket(AF_INET, 77, 0), EINVAL);
	CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 0, (int[2]){0}), EOPNOTSUPP);
}

static void refused(void)
{
	int l = listener(1), fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = at(INADDR_LOOPBACK, port_of(l));

	close(l);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), ECONNREFUSED);
	CHECK_EQ(so_error(fd), 0);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), ECONNREFUSED);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), EINPROGRESS);
	CHECK_EQ(wait_events(fd, POLLOUT), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	CHECK_EQ(so_error(fd), ECONNREFUSED);
	CHECK_EQ(so_error(fd), 0);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), ECONNABORTED);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), EINPROGRESS);
	wait_events(fd, POLLOUT);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), ECONNREFUSED);
	close(fd);
}

static void without_blocking(void)
{
	int l = listener(5), fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), s;
	struct sockaddr_in a = at(INADDR_LOOPBACK, port_of(l));

	CHECK_EQ(fcntl(l, F_SETFL, O_NONBLOCK), 0);
	CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN);
	CHECK_EQ(events(l), 0);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), EINPROGRESS);
	CHECK_EQ(wait_events(fd, POLLOUT), POLLOUT);
	CHECK_EQ(so_error(fd), 0);
	CHECK_EQ(connect(fd, (void *)&a, sizeof(a)), 0);
	CHECK_ERRNO(connect(fd, (void *)&a, sizeof(a)), EISCONN);
	CHECK_EQ(wait_events(l, POLLIN), POLLIN);
	/* Data flows before accept. */
	CHECK_EQ(send(fd, "early", 5, 0), 5);
	s = accept(l, NULL, NULL);
	CHECK(s >= 0);
	CHECK_EQ(fcntl(s, F_GETFL) & O_NONBLOCK, 0);
	char buf[8];
	CHECK_EQ(recv(s, buf, 8, 0), 5);
	CHECK_ERRNO(recv(s, buf, 8, MSG_DONTWAIT), EAGAIN);
	close(s);
	close(fd);
	close(l);
}

/* More than the backlog: who comes late waits until accept(2) makes room. */
static void full_backlog(void)
{
	int l = listener(0), c[2], s, next;
	struct sockaddr_in a = at(INADDR_LOOPBACK, port_of(l));
	char byte;

	for (int i = 0; i < 2; i++) {
		c[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		CHECK_ERRNO(connect(c[i], (void *)&a, sizeof(a)), EINPROGRESS);
	}
	CHECK_EQ(wait_events(c[0], POLLOUT), POLLOUT);
	CHECK_EQ(send(c[0], "0", 1, 0), 1);
	s = accept(l, NULL, NULL);
	CHECK_EQ(recv(s, &byte, 1, 0), 1);
	CHECK_EQ(byte, '0');
	next = accept(l, NULL, NULL);
	CHECK(next >= 0);
	CHECK_EQ(wait_events(c[1], POLLOUT), POLLOUT);
	close(next);
	close(s);
	close(c[0]);
	close(c[1]);
	close(l);
}

static void ends(void)
{
	int a, b;
	char buf[16];

	pair(&a, &b);
	CHECK_EQ(events(a), POLLOUT);
	CHECK_EQ(send(a, "last words", 10, 0), 10);
	CHECK_EQ(shutdown(a, SHUT_WR), 0);
	CHECK_ERRNO(send(a, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(wait_events(b, POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(recv(b, buf, sizeof(buf), 0), 10);
	CHECK_EQ(recv(b, buf, sizeof(buf), 0), 0);
	CHECK_EQ(send(b, "answer", 6, 0), 6);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 6);
	CHECK_EQ(shutdown(b, SHUT_WR), 0);
	CHECK_EQ(wait_events(a, POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 0);
	CHECK_ERRNO(getpeername(a, (void *)buf, &(socklen_t){16}), ENOTCONN);
	close(a);
	close(b);

	/* Closed while something is unread: a reset. */
	pair(&a, &b);
	CHECK_EQ(send(a, "unread", 6, 0), 6);
	CHECK_EQ(send(b, "kept", 4, 0), 4);
	WAIT_FOR(events(b) & POLLIN);
	close(b);
	CHECK_EQ(wait_events(a, POLLRDHUP), POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 4);
	CHECK_ERRNO(recv(a, buf, sizeof(buf), 0), ECONNRESET);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 0);
	CHECK_ERRNO(send(a, "x", 1, MSG_NOSIGNAL), EPIPE);
	close(a);

	/* What is sent to a closed end comes back as a reset. */
	pair(&a, &b);
	close(b);
	CHECK_EQ(wait_events(a, POLLRDHUP), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(send(a, "x", 1, 0), 1);
	WAIT_FOR(events(a) & POLLERR);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 0);
	CHECK_ERRNO(send(a, "x", 1, MSG_NOSIGNAL), EPIPE);
	close(a);

	/* SO_LINGER of 0 s resets. */
	pair(&a, &b);
	CHECK_EQ(setsockopt(b, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger)), 0);
	close(b);
	WAIT_FOR(events(a) & POLLERR);
	CHECK_EQ(so_error(a), ECONNRESET);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 0);
	close(a);

	/* A listener that is closed resets who was not accepted. */
	int l = listener(5);
	a = client(l);
	close(l);
	WAIT_FOR(events(a) & POLLERR);
	CHECK_EQ(so_error(a), ECONNRESET);
	close(a);
}

static void *close_later(void *arg)
{
	sleep_ms(50);
	shutdown(*(int *)arg, SHUT_RD);
	return NULL;
}

static void woken_accept(void)
{
	int l = listener(5);
	pthread_t t;

	CHECK_OK(pthread_create(&t, NULL, close_later, &l));
	CHECK_ERRNO(accept(l, NULL, NULL), EINVAL);
	CHECK_OK(pthread_join(t, NULL));
	close(l);
}

static void disconnected(void)
{
	int a, b;
	struct sockaddr none = {.sa_family = AF_UNSPEC};

	pair(&a, &b);
	CHECK_EQ(connect(a, &none, sizeof(none)), 0);
	WAIT_FOR(events(b) & POLLERR);
	CHECK_EQ(so_error(b), ECONNRESET);
	CHECK_EQ(events(a), POLLOUT | POLLHUP | POLLERR);
	CHECK_EQ(so_error(a), ECONNRESET);
	close(b);
	int l = listener(2);
	struct sockaddr_in to = at(INADDR_LOOPBACK, port_of(l));
	CHECK_EQ(connect(a, (void *)&to, sizeof(to)), 0);
	close(a);
	close(l);
}

static void timeouts(void)
{
	int a, b;
	char byte;
	int64_t begun;

	pair(&a, &b);
	CHECK_EQ(setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 50000}, sizeof(struct timeval)), 0);
	begun = now_ms();
	CHECK_ERRNO(recv(a, &byte, 1, 0), EAGAIN);
	CHECK(now_ms() - begun >= 49);
	close(a);
	close(b);
}

int main(void)
{
	signal(SIGPIPE, SIG_DFL);
	names();
	bad_arguments();
	refused();
	without_blocking();
	full_backlog();
	ends();
	woken_accept();
	disconnected();
	timeouts();
	return 0;
}
