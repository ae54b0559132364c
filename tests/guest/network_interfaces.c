/* The loopback device as programs look for it: getifaddrs(3), ioctl(2), netlink and /proc/net.  Other devices may be there, too. */
#include "check.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void addresses(void)
{
	struct ifaddrs *all, *i;
	int v4 = 0, packet = 0;

	CHECK_EQ(getifaddrs(&all), 0);
	for (i = all; i; i = i->ifa_next) {
		if (strcmp(i->ifa_name, "lo"))
			continue;
		CHECK(i->ifa_flags & IFF_LOOPBACK);
		CHECK(i->ifa_flags & IFF_UP);
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET) {
			CHECK_EQ(ntohl(((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr), INADDR_LOOPBACK);
			CHECK_EQ(ntohl(((struct sockaddr_in *)i->ifa_netmask)->sin_addr.s_addr), 0xff000000);
			v4 = 1;
		}
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_PACKET)
			packet = 1;
	}
	freeifaddrs(all);
	CHECK(v4 && packet);
	CHECK_EQ(if_nametoindex("lo"), 1);
	char name[IF_NAMESIZE];
	CHECK_STR(if_indextoname(1, name), "lo");
	CHECK_EQ(if_nametoindex("nosuch0"), 0);
}

static void by_ioctl(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r[16], one = {.ifr_name = "lo"};
	struct ifconf conf = {.ifc_len = sizeof(r), .ifc_req = r};

	CHECK_EQ(ioctl(fd, SIOCGIFCONF, &conf), 0);
	CHECK(conf.ifc_len >= (int)sizeof(r[0]));
	CHECK_STR(r[0].ifr_name, "lo");
	CHECK_EQ(ioctl(fd, SIOCGIFFLAGS, &one), 0);
	CHECK(one.ifr_flags & IFF_LOOPBACK);
	CHECK_EQ(ioctl(fd, SIOCGIFMTU, &one), 0);
	CHECK_EQ(one.ifr_mtu, 65536);
	CHECK_EQ(ioctl(fd, SIOCGIFADDR, &one), 0);
	CHECK_EQ(ntohl(((struct sockaddr_in *)&one.ifr_addr)->sin_addr.s_addr), INADDR_LOOPBACK);
	strcpy(one.ifr_name, "nosuch0");
	CHECK_ERRNO(ioctl(fd, SIOCGIFFLAGS, &one), ENODEV);
	close(fd);
}

static void by_netlink(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), links = 0, done = 0;
	struct sockaddr_nl me = {.nl_family = AF_NETLINK};
	struct {
		struct nlmsghdr h;
		struct ifinfomsg info;
	} ask = {{sizeof(ask), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, 0}, {.ifi_family = AF_UNSPEC}};
	socklen_t len = sizeof(me);
	char buf[32768];

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (void *)&me, sizeof(me)), 0);
	CHECK_EQ(getsockname(fd, (void *)&me, &len), 0);
	CHECK(me.nl_pid != 0);
	CHECK_EQ(send(fd, &ask, sizeof(ask), 0), sizeof(ask));
	while (!done) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);

		CHECK(n > 0);
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			CHECK_EQ(h->nlmsg_seq, 7);
			CHECK_EQ(h->nlmsg_pid, me.nl_pid);
			if (h->nlmsg_type == NLMSG_DONE)
				done = 1;
			else
				links += h->nlmsg_type == RTM_NEWLINK;
		}
	}
	CHECK(links >= 1);
	/* One that is not there. */
	ask.h.nlmsg_flags = NLM_F_REQUEST;
	ask.info.ifi_index = 7777;
	CHECK_EQ(send(fd, &ask, sizeof(ask), 0), sizeof(ask));
	CHECK(recv(fd, buf, sizeof(buf), 0) > 0);
	CHECK_EQ(((struct nlmsghdr *)buf)->nlmsg_type, NLMSG_ERROR);
	CHECK_EQ(((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)buf))->error, -ENODEV);
	close(fd);
}

static int count_lines(const char *name, const char *word)
{
	FILE *f = fopen(name, "r");
	char line[512];
	int n = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		n += strstr(line, word) != NULL;
	fclose(f);
	return n;
}

static void tables(void)
{
	int l = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(a);
	char word[32];

	CHECK_EQ(bind(l, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(listen(l, 1), 0);
	CHECK_EQ(getsockname(l, (void *)&a, &len), 0);
	snprintf(word, sizeof(word), "0100007F:%04X 00000000:0000 0A", ntohs(a.sin_port));
	CHECK_EQ(count_lines("/proc/net/tcp", word), 1);
	a.sin_port = 0;
	CHECK_EQ(bind(u, (void *)&a, sizeof(a)), 0);
	CHECK_EQ(getsockname(u, (void *)&a, &len), 0);
	snprintf(word, sizeof(word), "0100007F:%04X 00000000:0000 07", ntohs(a.sin_port));
	CHECK_EQ(count_lines("/proc/net/udp", word), 1);
	CHECK_EQ(count_lines("/proc/net/dev", "lo:"), 1);
	close(l);
	close(u);
}

int main(void)
{
	addresses();
	by_ioctl();
	by_netlink();
	tables();
	return 0;
}
