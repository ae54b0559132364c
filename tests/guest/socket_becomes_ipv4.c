/* IPV6_ADDRFORM: an accepted AF_INET6 socket whose peer has an IPv4 address becomes one of AF_INET, and can listen as such. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

int main(void)
{
	struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any};
	struct sockaddr_in four = {.sin_family = AF_INET}, name;
	struct sockaddr none = {.sa_family = AF_UNSPEC};
	int l = socket(AF_INET6, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0), a, v = AF_INET, domain = 0;
	socklen_t len = sizeof(six);
	char byte;

	CHECK(l >= 0 && !bind(l, (struct sockaddr *)&six, len) && !listen(l, 5));
	CHECK(!getsockname(l, (struct sockaddr *)&six, &len));
	CHECK_ERRNO(setsockopt(l, IPPROTO_IPV6, IPV6_ADDRFORM, &v, sizeof(v)), ENOTCONN);
	four.sin_port = six.sin6_port;
	four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(!connect(c, (struct sockaddr *)&four, sizeof(four)));
	CHECK((a = accept(l, NULL, NULL)) >= 0);
	v = AF_UNIX;
	CHECK_ERRNO(setsockopt(a, IPPROTO_IPV6, IPV6_ADDRFORM, &v, sizeof(v)), EINVAL);
	v = AF_INET;
	CHECK(!setsockopt(a, IPPROTO_IPV6, IPV6_ADDRFORM, &v, sizeof(v)));
	len = sizeof(name);
	CHECK(!getsockname(a, (struct sockaddr *)&name, &len));
	CHECK_EQ(name.sin_family, AF_INET);
	CHECK_EQ(name.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	len = sizeof(domain);
	CHECK(!getsockopt(a, SOL_SOCKET, SO_DOMAIN, &domain, &len));
	CHECK_EQ(domain, AF_INET);
	CHECK_EQ(write(c, "x", 1), 1);
	CHECK_EQ(read(a, &byte, 1), 1);
	/* It begins anew, as an IPv4 listener. */
	CHECK(!connect(a, &none, sizeof(none)));
	name.sin_port = 0;
	CHECK(!bind(a, (struct sockaddr *)&name, sizeof(name)) && !listen(a, 5));
	len = sizeof(name);
	CHECK(!getsockname(a, (struct sockaddr *)&name, &len));
	close(c);
	CHECK((c = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	CHECK(!connect(c, (struct sockaddr *)&name, sizeof(name)));
	CHECK(accept(a, NULL, NULL) >= 0);
	return 0;
}
