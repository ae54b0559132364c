/* MSG_MORE of UDP: pieces become one datagram, which goes with the first call without it, to whom the first piece named. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static struct sockaddr_in to = {.sin_family = AF_INET};
static char buf[70000];

static int receiver(void)
{
	socklen_t len = sizeof(to);
	int r = socket(AF_INET, SOCK_DGRAM, 0);

	to.sin_port = 0;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK(r >= 0 && !bind(r, (struct sockaddr *)&to, len));
	CHECK(!getsockname(r, (struct sockaddr *)&to, &len));
	return r;
}

static void expect(int r, const char *text)
{
	size_t n = strlen(text);

	CHECK_EQ(recv(r, buf, sizeof(buf), 0), n);
	CHECK(!memcmp(buf, text, n));
	CHECK_ERRNO(recv(r, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
}

int main(void)
{
	int r = receiver(), s = socket(AF_INET, SOCK_DGRAM, 0), other;
	struct sockaddr_in first = to;

	CHECK_EQ(sendto(s, "one ", 4, MSG_MORE, (struct sockaddr *)&first, sizeof(first)), 4);
	CHECK_ERRNO(recv(r, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(s, "two ", 4, MSG_MORE), 4);
	other = receiver();
	CHECK_EQ(sendto(s, "three", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	expect(r, "one two three");
	CHECK_ERRNO(recv(other, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	/* Connected, an empty last piece, one too many. */
	CHECK(!connect(s, (struct sockaddr *)&first, sizeof(first)));
	CHECK_EQ(send(s, "four", 4, MSG_MORE), 4);
	CHECK_EQ(send(s, "", 0, 0), 0);
	expect(r, "four");
	CHECK_EQ(send(s, buf, 40000, MSG_MORE), 40000);
	CHECK_ERRNO(send(s, buf, 40000, 0), EMSGSIZE);
	CHECK_ERRNO(recv(r, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(send(s, "whole", 5, 0), 5);
	expect(r, "whole");
	CHECK_EQ(send(s, "lost", 4, MSG_MORE), 4);
	CHECK(!close(s));
	CHECK_ERRNO(recv(r, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	return 0;
}
