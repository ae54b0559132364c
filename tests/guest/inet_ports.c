/* Who may have a port: sharing by SO_REUSEADDR and SO_REUSEPORT, ephemeral ports, IPv4 and IPv6 side by side. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int type;

static int make(int family, int reuse, int only6)
{
	int fd = socket(family, type, 0), one = 1;

	CHECK(fd >= 0);
	if (reuse)
		CHECK_EQ(setsockopt(fd, SOL_SOCKET, reuse, &one, sizeof(one)), 0);
	if (family == AF_INET6)
		CHECK_EQ(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only6, sizeof(only6)), 0);
	return fd;
}

static int bind4(int fd, uint32_t ip, int port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(ip)}};

	return bind(fd, (void *)&a, sizeof(a));
}

static int bind6(int fd, const char *ip, int port)
{
	struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	CHECK_EQ(inet_pton(AF_INET6, ip, &a.sin6_addr), 1);
	return bind(fd, (void *)&a, sizeof(a));
}

static int port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t len = sizeof(a);

	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	return ntohs(a.sin6_port);
}

static void exclusive(void)
{
	int a = make(AF_INET, 0, 0), b = make(AF_INET, 0, 0), c = make(AF_INET, 0, 0), d = make(AF_INET, 0, 0);
	int port;

	CHECK_EQ(bind4(a, INADDR_LOOPBACK, 0), 0);
	port = port_of(a);
	CHECK(port >= 1024);
	CHECK_ERRNO(bind4(b, INADDR_LOOPBACK, port), EADDRINUSE);
	CHECK_ERRNO(bind4(b, INADDR_ANY, port), EADDRINUSE);
	CHECK_EQ(bind4(b, 0x7f000002, port), 0);
	CHECK_EQ(bind4(c, INADDR_ANY, 0), 0);
	CHECK(port_of(c) != port);
	CHECK_ERRNO(bind4(d, INADDR_LOOPBACK, port_of(c)), EADDRINUSE);
	close(c);
	CHECK_EQ(bind4(d, INADDR_LOOPBACK, port_of(b)) == 0, 0);
	close(a);
	CHECK_EQ(bind4(d, INADDR_LOOPBACK, port), 0);
	close(b);
	close(d);
}

static void shared_by(int option)
{
	int a = make(AF_INET, option, 0), b = make(AF_INET, option, 0), c = make(AF_INET, 0, 0);
	int port;

	CHECK_EQ(bind4(a, INADDR_ANY, 0), 0);
	port = port_of(a);
	CHECK_EQ(bind4(b, INADDR_ANY, port), 0);
	CHECK_ERRNO(bind4(c, INADDR_ANY, port), EADDRINUSE);
	if (type == SOCK_STREAM && option == SO_REUSEADDR) {
		CHECK_EQ(listen(a, 1), 0);
		CHECK_ERRNO(listen(b, 1), EADDRINUSE);
	} else if (type == SOCK_STREAM) {
		CHECK_EQ(listen(a, 1), 0);
		CHECK_EQ(listen(b, 1), 0);
	}
	close(a);
	close(b);
	close(c);
}

static void families(void)
{
	int six = make(AF_INET6, 0, 0), four = make(AF_INET, 0, 0), only = make(AF_INET6, 0, 1), port;

	CHECK_EQ(bind6(six, "::", 0), 0);
	port = port_of(six);
	CHECK_ERRNO(bind4(four, INADDR_ANY, port), EADDRINUSE);
	CHECK_ERRNO(bind4(four, INADDR_LOOPBACK, port), EADDRINUSE);
	CHECK_ERRNO(bind6(only, "::1", port), EADDRINUSE);
	close(six);
	CHECK_EQ(bind6(only, "::", port), 0);
	CHECK_EQ(bind4(four, INADDR_ANY, port), 0);
	close(four);
	close(only);
	only = make(AF_INET6, 0, 1);
	CHECK_ERRNO(bind6(only, "::ffff:127.0.0.1", 0), EINVAL);
	CHECK_ERRNO(bind6(only, "2001:db8::1", 0), EADDRNOTAVAIL);
	CHECK_EQ(bind6(only, "::1", 0), 0);
	CHECK_ERRNO(setsockopt(only, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int)), EINVAL);
	close(only);
	six = make(AF_INET6, 0, 0);
	CHECK_EQ(bind6(six, "::ffff:127.0.0.1", 0), 0);
	four = make(AF_INET, 0, 0);
	CHECK_ERRNO(bind4(four, INADDR_LOOPBACK, port_of(six)), EADDRINUSE);
	CHECK_EQ(bind4(four, 0x7f000002, port_of(six)), 0);
	close(six);
	close(four);
}

/* A TCP server for both families, and who comes to it. */
static void dual(void)
{
	int l = make(AF_INET6, 0, 0), c, s;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	struct sockaddr_in6 b = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, name;
	socklen_t len = sizeof(name);
	char text[64];

	CHECK_EQ(bind6(l, "::", 0), 0);
	CHECK_EQ(listen(l, 5), 0);
	a.sin_port = b.sin6_port = htons(port_of(l));
	c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
	s = accept(l, (void *)&name, &len);
	CHECK_EQ(len, sizeof(name));
	CHECK_STR(inet_ntop(AF_INET6, &name.sin6_addr, text, sizeof(text)), "::ffff:127.0.0.1");
	close(c);
	close(s);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK_EQ(connect(c, (void *)&b, sizeof(b)), 0);
	len = sizeof(name);
	s = accept(l, (void *)&name, &len);
	CHECK_STR(inet_ntop(AF_INET6, &name.sin6_addr, text, sizeof(text)), "::1");
	close(c);
	close(s);
	c = socket(AF_INET6, SOCK_STREAM, 0);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &b.sin6_addr);
	CHECK_EQ(connect(c, (void *)&b, sizeof(b)), 0);
	CHECK_EQ(getsockname(c, (void *)&name, &len), 0);
	CHECK_STR(inet_ntop(AF_INET6, &name.sin6_addr, text, sizeof(text)), "::ffff:127.0.0.1");
	close(c);
	close(l);
}

int main(void)
{
	for (int i = 0; i < 2; i++) {
		type = i ? SOCK_DGRAM : SOCK_STREAM;
		exclusive();
		shared_by(SO_REUSEADDR);
		shared_by(SO_REUSEPORT);
		families();
	}
	type = SOCK_STREAM;
	dual();
	return 0;
}
