/* UDP over loopback: names, peers, errors that come back, truncation, control messages, full queues. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

static struct sockaddr_in at(uint32_t ip, int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(ip)}};
}

static struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	CHECK_EQ(getsockname(fd, (void *)&a, &len), 0);
	return a;
}

static int bound(uint32_t ip)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in a = at(ip, 0);

	CHECK_EQ(bind(fd, (void *)&a, sizeof(a)), 0);
	return fd;
}

static void basics(void)
{
	int a = bound(INADDR_LOOPBACK), b = socket(AF_INET, SOCK_DGRAM, 0), n;
	struct sockaddr_in to = name_of(a), from;
	socklen_t len = sizeof(from);
	char buf[32];
	struct iovec iov = {buf, 3};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

	CHECK_ERRNO(send(b, "x", 1, 0), EDESTADDRREQ);
	CHECK_EQ(sendto(b, "hello", 5, 0, (void *)&to, sizeof(to)), 5);
	CHECK(name_of(b).sin_port != 0);
	CHECK_EQ(sendto(b, "", 0, 0, (void *)&to, sizeof(to)), 0);
	CHECK_EQ(recvfrom(a, buf, sizeof(buf), 0, (void *)&from, &len), 5);
	CHECK_EQ(from.sin_port, name_of(b).sin_port);
	CHECK_EQ(ntohl(from.sin_addr.s_addr), INADDR_LOOPBACK);
	CHECK_EQ(recv(a, buf, sizeof(buf), 0), 0);
	CHECK_ERRNO(recv(a, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);

	/* What does not fit is lost, and said. */
	CHECK_EQ(sendto(b, "long", 4, 0, (void *)&to, sizeof(to)), 4);
	CHECK_EQ(sendto(b, "longer", 6, 0, (void *)&to, sizeof(to)), 6);
	CHECK_EQ(ioctl(a, FIONREAD, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(recv(a, buf, 2, MSG_PEEK), 2);
	CHECK_EQ(recvmsg(a, &m, 0), 3);
	CHECK_EQ(m.msg_flags, MSG_TRUNC);
	CHECK_EQ(recv(a, buf, 3, MSG_TRUNC), 6);

	/* Bad ones. */
	to.sin_port = 0;
	CHECK_ERRNO(sendto(b, "x", 1, 0, (void *)&to, sizeof(to)), EINVAL);
	CHECK_ERRNO(sendto(b, "x", 1, 0, (void *)&to, 8), EINVAL);
	to = name_of(a);
	to.sin_family = AF_UNIX;
	CHECK_ERRNO(sendto(b, "x", 1, 0, (void *)&to, sizeof(to)), EAFNOSUPPORT);
	static char big[70000];
	to = name_of(a);
	CHECK_ERRNO(sendto(b, big, 65508, 0, (void *)&to, sizeof(to)), EMSGSIZE);
	CHECK_EQ(sendto(b, big, 65507, 0, (void *)&to, sizeof(to)), 65507);
	CHECK_EQ(recv(a, big, sizeof(big), 0), 65507);
	to = at(INADDR_BROADCAST, 1234);
	CHECK_ERRNO(sendto(b, "x", 1, 0, (void *)&to, sizeof(to)), EACCES);
	CHECK_ERRNO(listen(a, 1), EOPNOTSUPP);
	CHECK_ERRNO(accept(a, NULL, NULL), EOPNOTSUPP);
	close(a);
	close(b);
}

static void peers(void)
{
	int a = bound(INADDR_LOOPBACK), b = bound(INADDR_LOOPBACK), c = bound(INADDR_LOOPBACK), err;
	struct sockaddr_in to = name_of(a), from = name_of(b), none = {.sin_family = AF_UNSPEC};
	socklen_t len = sizeof(to);
	char byte;

	CHECK_ERRNO(getpeername(b, (void *)&from, &len), ENOTCONN);
	CHECK_EQ(connect(b, (void *)&to, sizeof(to)), 0);
	CHECK_EQ(getpeername(b, (void *)&from, &len), 0);
	CHECK_EQ(from.sin_port, to.sin_port);
	CHECK_EQ(write(b, "1", 1), 1);
	CHECK_EQ(read(a, &byte, 1), 1);
	/* From others nothing comes. */
	from = name_of(b);
	CHECK_EQ(sendto(c, "2", 1, 0, (void *)&from, sizeof(from)), 1);
	CHECK_ERRNO(recv(b, &byte, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(sendto(a, "3", 1, 0, (void *)&from, sizeof(from)), 1);
	CHECK_EQ(recv(b, &byte, 1, 0), 1);
	CHECK_EQ(byte, '3');
	/* A port without a socket. */
	close(a);
	CHECK_EQ(send(b, "4", 1, 0), 1);
	struct pollfd p = {.fd = b, .events = POLLIN};
	CHECK_EQ(poll(&p, 1, 10000), 1);
	CHECK(p.revents & POLLERR);
	CHECK_ERRNO(recv(b, &byte, 1, 0), ECONNREFUSED);
	CHECK_EQ(send(b, "4", 1, 0), 1);
	len = sizeof(err);
	WAIT_FOR((getsockopt(b, SOL_SOCKET, SO_ERROR, &err, &len), err == ECONNREFUSED));
	CHECK_EQ(sendto(c, "5", 1, 0, (void *)&to, sizeof(to)), 1);
	CHECK_ERRNO(recv(c, &byte, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(connect(b, (void *)&none, sizeof(none)), 0);
	CHECK_ERRNO(send(b, "x", 1, 0), EDESTADDRREQ);
	close(b);
	close(c);
}

static void ends(void)
{
	int a = bound(INADDR_LOOPBACK), b = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = name_of(a);
	char byte;

	CHECK_ERRNO(shutdown(b, SHUT_WR), ENOTCONN);
	close(b);
	b = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(connect(b, (void *)&to, sizeof(to)), 0);
	CHECK_EQ(shutdown(b, SHUT_WR), 0);
	CHECK_ERRNO(send(b, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(shutdown(b, SHUT_RD), 0);
	CHECK_EQ(recv(b, &byte, 1, 0), 0);
	close(a);
	close(b);
}

static void control(void)
{
	int a = bound(INADDR_ANY), b = socket(AF_INET, SOCK_DGRAM, 0), one = 1, seen = 0, ttl = 9;
	struct sockaddr_in to = at(0x7f000007, ntohs(name_of(a).sin_port));
	char buf[16], room[256];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room)};

	CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_PKTINFO, &one, sizeof(one)), 0);
	CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_RECVTTL, &one, sizeof(one)), 0);
	CHECK_EQ(setsockopt(a, IPPROTO_IP, IP_RECVTOS, &one, sizeof(one)), 0);
	CHECK_EQ(setsockopt(a, SOL_SOCKET, SO_TIMESTAMP, &one, sizeof(one)), 0);
	CHECK_EQ(setsockopt(b, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
	CHECK_EQ(sendto(b, "x", 1, 0, (void *)&to, sizeof(to)), 1);
	CHECK_EQ(recvmsg(a, &m, 0), 1);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
		if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_TIMESTAMP) {
			struct timeval tv;

			memcpy(&tv, CMSG_DATA(h), sizeof(tv));
			CHECK(llabs(tv.tv_sec - time(NULL)) < 100);
			seen |= 1;
		}
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			memcpy(&info, CMSG_DATA(h), sizeof(info));
			CHECK_EQ(ntohl(info.ipi_addr.s_addr), 0x7f000007);
			CHECK_EQ(info.ipi_ifindex, 1);
			seen |= 2;
		}
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_TTL) {
			CHECK_EQ(*(int *)CMSG_DATA(h), 9);
			seen |= 4;
		}
		if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_TOS)
			seen |= 8;
	}
	CHECK_EQ(seen, 15);
	/* From another of its addresses, as servers answer. */
	const struct in_pktinfo source = {.ipi_spec_dst = {htonl(0x7f000009)}};
	char out[CMSG_SPACE(sizeof(source))] __attribute__((aligned(8))) = {0};
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	to = at(INADDR_LOOPBACK, ntohs(name_of(b).sin_port));
	m = (struct msghdr){.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &(struct iovec){"y", 1}, .msg_iovlen = 1,
			    .msg_control = out, .msg_controllen = sizeof(out)};
	*CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(sizeof(source)), IPPROTO_IP, IP_PKTINFO};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &source, sizeof(source));
	CHECK_EQ(sendmsg(a, &m, 0), 1);
	CHECK_EQ(recvfrom(b, buf, sizeof(buf), 0, (void *)&from, &len), 1);
	CHECK_EQ(ntohl(from.sin_addr.s_addr), 0x7f000009);
	close(a);
	close(b);
}

static void full_queue(void)
{
	int a = bound(INADDR_LOOPBACK), b = socket(AF_INET, SOCK_DGRAM, 0), n = 0;
	struct sockaddr_in to = name_of(a);
	static char buf[10000];

	for (int i = 0; i < 1000; i++)
		CHECK_EQ(sendto(b, buf, sizeof(buf), 0, (void *)&to, sizeof(to)), sizeof(buf));
	while (recv(a, buf, sizeof(buf), MSG_DONTWAIT) == sizeof(buf))
		n++;
	CHECK(n > 2 && n < 100);
	close(a);
	close(b);
}

static void six(void)
{
	int a = socket(AF_INET6, SOCK_DGRAM, 0), b = socket(AF_INET6, SOCK_DGRAM, 0), c = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT}, from;
	struct sockaddr_in to4;
	socklen_t len = sizeof(to);
	char byte, text[64];

	CHECK_EQ(bind(a, (void *)&to, sizeof(to)), 0);
	CHECK_EQ(getsockname(a, (void *)&to, &len), 0);
	to.sin6_addr = in6addr_loopback;
	CHECK_EQ(sendto(b, "6", 1, 0, (void *)&to, sizeof(to)), 1);
	len = sizeof(from);
	CHECK_EQ(recvfrom(a, &byte, 1, 0, (void *)&from, &len), 1);
	CHECK_STR(inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)), "::1");
	to4 = at(INADDR_LOOPBACK, ntohs(to.sin6_port));
	CHECK_EQ(sendto(c, "4", 1, 0, (void *)&to4, sizeof(to4)), 1);
	len = sizeof(from);
	CHECK_EQ(recvfrom(a, &byte, 1, 0, (void *)&from, &len), 1);
	CHECK_STR(inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text)), "::ffff:127.0.0.1");
	CHECK_EQ(sendto(a, "r", 1, 0, (void *)&from, len), 1);
	CHECK_EQ(recv(c, &byte, 1, 0), 1);
	close(a);
	close(b);
	close(c);
}

int main(void)
{
	basics();
	peers();
	ends();
	control();
	full_queue();
	six();
	return 0;
}
