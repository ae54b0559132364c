/* UDP-Lite: ports of its own beside UDP's, and who wants more of a datagram checked than its sender did does not get it. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define SEND_COVERAGE 10
#define RECEIVE_COVERAGE 11
#define SECOND 1000

static struct sockaddr_in to = {.sin_family = AF_INET};

static void cover(int s, int option, int bytes, int answer)
{
	socklen_t len = sizeof(bytes);

	CHECK(!setsockopt(s, IPPROTO_UDPLITE, option, &bytes, sizeof(bytes)));
	CHECK(!getsockopt(s, IPPROTO_UDPLITE, option, &bytes, &len));
	CHECK_EQ(bytes, answer);
	CHECK_EQ(len, sizeof(bytes));
}

static int protocol_of(int s)
{
	socklen_t len = sizeof(int);
	int protocol;

	CHECK(!getsockopt(s, SOL_SOCKET, SO_PROTOCOL, &protocol, &len));
	return protocol;
}

/* What is dropped is followed by something that is not, so that nothing has to be waited for that never comes. */
static void expect(int r, char c)
{
	struct pollfd p = {.fd = r, .events = POLLIN};
	char buf[100];

	CHECK_EQ(poll(&p, 1, 20 * SECOND), 1);
	CHECK_EQ(recv(r, buf, sizeof(buf), 0), 50);
	CHECK_EQ(buf[0], c);
}

static void send_one(int s, char c)
{
	char buf[50] = {c};

	CHECK_EQ(sendto(s, buf, sizeof(buf), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(buf));
}

int main(void)
{
	int r = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE), s = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE), udp;
	int bytes = 8;
	socklen_t len = sizeof(to);

	if (r < 0 && errno == EPROTONOSUPPORT)
		skip("this kernel has no UDP-Lite");
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(protocol_of(r), IPPROTO_UDPLITE);
	CHECK(!bind(r, (struct sockaddr *)&to, sizeof(to)) && !getsockname(r, (struct sockaddr *)&to, &len));
	/* The same port of UDP is another. */
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(!bind(udp, (struct sockaddr *)&to, sizeof(to)));
	CHECK_ERRNO(bind(s, (struct sockaddr *)&to, sizeof(to)), EADDRINUSE);
	CHECK_ERRNO(setsockopt(udp, IPPROTO_UDPLITE, SEND_COVERAGE, &bytes, sizeof(bytes)), ENOPROTOOPT);
	send_one(s, 'a');
	expect(r, 'a');
	send_one(udp, 'u');
	expect(udp, 'u');

	cover(s, SEND_COVERAGE, 3, 8);
	cover(s, SEND_COVERAGE, 100000, 65535);
	cover(s, SEND_COVERAGE, 20, 20);
	send_one(s, 'b');
	expect(r, 'b');
	cover(r, RECEIVE_COVERAGE, 20, 20);
	send_one(s, 'c');
	expect(r, 'c');
	cover(r, RECEIVE_COVERAGE, 21, 21);
	send_one(s, 'x');
	cover(s, SEND_COVERAGE, 21, 21);
	send_one(s, 'd');
	expect(r, 'd');
	/* Nothing less than all of it. */
	cover(r, RECEIVE_COVERAGE, 0, 0);
	send_one(s, 'y');
	cover(s, SEND_COVERAGE, 58, 58);
	send_one(s, 'e');
	expect(r, 'e');
	cover(s, SEND_COVERAGE, 0, 0);
	send_one(s, 'f');
	expect(r, 'f');
	CHECK_ERRNO(setsockopt(s, IPPROTO_UDPLITE, SEND_COVERAGE, &bytes, 3), EINVAL);
	return 0;
}
