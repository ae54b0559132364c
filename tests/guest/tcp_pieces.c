/* MSG_MORE of TCP: a piece waits for the next, though not for long; what is closed sends what it kept back. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static char buf[64];

static void pair(int *a, int *b)
{
	struct sockaddr_in name = {.sin_family = AF_INET};
	socklen_t len = sizeof(name);
	int l = socket(AF_INET, SOCK_STREAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(!bind(l, (struct sockaddr *)&name, len) && !listen(l, 1) && !getsockname(l, (struct sockaddr *)&name, &len));
	CHECK((*a = socket(AF_INET, SOCK_STREAM, 0)) >= 0 && !connect(*a, (struct sockaddr *)&name, len));
	CHECK((*b = accept(l, NULL, NULL)) >= 0);
	close(l);
}

static void wait_for_input(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};

	CHECK_EQ(poll(&p, 1, 10000), 1);
}

int main(void)
{
	int a, b;

	pair(&a, &b);
	CHECK_EQ(send(a, "one ", 4, MSG_MORE), 4);
	CHECK_ERRNO(recv(b, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(a, "two", 3, 0), 3);
	wait_for_input(b);
	CHECK_EQ(recv(b, buf, sizeof(buf), 0), 7);
	CHECK(!memcmp(buf, "one two", 7));
	/* Nothing more comes: it goes by itself. */
	CHECK_EQ(send(a, "late", 4, MSG_MORE), 4);
	wait_for_input(b);
	CHECK_EQ(recv(b, buf, sizeof(buf), 0), 4);
	CHECK_EQ(send(a, "last", 4, MSG_MORE), 4);
	CHECK(!close(a));
	wait_for_input(b);
	CHECK_EQ(recv(b, buf, sizeof(buf), 0), 4);
	CHECK_EQ(recv(b, buf, sizeof(buf), 0), 0);
	pair(&a, &b);
	CHECK_EQ(send(a, "shut", 4, MSG_MORE), 4);
	CHECK(!shutdown(a, SHUT_WR));
	wait_for_input(b);
	CHECK_EQ(recv(b, buf, sizeof(buf), MSG_WAITALL), 4);
	return 0;
}
