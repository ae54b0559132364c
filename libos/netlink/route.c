/* NETLINK_ROUTE: the links, addresses and routes of a machine that has lo alone; nothing can be changed.
 * rtnetlink(7). */
#include "libos/netlink/internal.h"
#include "libos/socket/device.h"
#include <linux/rtnetlink.h>

static const u8 loopback_v4[4] = {127, 0, 0, 1}, loopback_v6[16] = {[15] = 1};

static void put_number(struct answer *a, u16 type, u32 v)
{
	answer_attr(a, type, &v, sizeof(v));
}

static void put_byte(struct answer *a, u16 type, u8 v)
{
	answer_attr(a, type, &v, sizeof(v));
}

static void put_text(struct answer *a, u16 type, const char *text)
{
	answer_attr(a, type, text, strlen(text) + 1);
}

/* --- links --- */

static void put_link(struct answer *a, const struct nlmsghdr *request, u32 pid, u16 flags)
{
	struct nlmsghdr *h = answer_begin(a, request, pid, RTM_NEWLINK, flags);
	struct ifinfomsg *info = answer_put(a, sizeof(*info));
	static const u8 hardware[6];
	static const struct rtnl_link_stats stats;
	static const struct rtnl_link_stats64 stats64;

	info->ifi_type = LO_TYPE;
	info->ifi_index = LO_INDEX;
	info->ifi_flags = LO_FLAGS | LO_LOWER_UP;
	put_text(a, IFLA_IFNAME, LO_NAME);
	put_number(a, IFLA_TXQLEN, LO_QUEUE);
	put_byte(a, IFLA_OPERSTATE, 0);
	put_byte(a, IFLA_LINKMODE, 0);
	put_number(a, IFLA_MTU, LO_MTU);
	put_number(a, IFLA_GROUP, 0);
	put_number(a, IFLA_PROMISCUITY, 0);
	put_number(a, IFLA_NUM_TX_QUEUES, 1);
	put_number(a, IFLA_NUM_RX_QUEUES, 1);
	put_byte(a, IFLA_CARRIER, 1);
	put_text(a, IFLA_QDISC, "noqueue");
	answer_attr(a, IFLA_ADDRESS, hardware, sizeof(hardware));
	answer_attr(a, IFLA_BROADCAST, hardware, sizeof(hardware));
	answer_attr(a, IFLA_STATS64, &stats64, sizeof(stats64));
	answer_attr(a, IFLA_STATS, &stats, sizeof(stats));
	answer_end(a, h);
}

/* Which link a single request means: by number, or by name in an attribute. */
static int named_link(const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = (const void *)((const char *)h + NLMSG_HDRLEN);
	u32 at = NLMSG_HDRLEN + NLMSG_ALIGN(sizeof(*info));

	if (h->nlmsg_len < at)
		return -EINVAL;
	if (info->ifi_index)
		return info->ifi_index == LO_INDEX ? 0 : -ENODEV;
	while (h->nlmsg_len - at >= NLA_HDRLEN && at < h->nlmsg_len) {
		const struct nlattr *attr = (const void *)((const char *)h + at);

		if (attr->nla_len < NLA_HDRLEN || attr->nla_len > h->nlmsg_len - at)
			return -EINVAL;
		if (attr->nla_type == IFLA_IFNAME) {
			u32 len = attr->nla_len - NLA_HDRLEN;
			const char *name = (const char *)attr + NLA_HDRLEN;

			return len >= 2 && !strncmp(name, LO_NAME, len) ? 0 : -ENODEV;
		}
		at += NLA_ALIGN(attr->nla_len);
	}
	return -EINVAL;
}

/* --- addresses and routes --- */

static void put_address(struct answer *a, const struct nlmsghdr *request, u32 pid, bool v6)
{
	struct nlmsghdr *h = answer_begin(a, request, pid, RTM_NEWADDR, NLM_F_MULTI);
	struct ifaddrmsg *m = answer_put(a, sizeof(*m));
	const void *address = v6 ? loopback_v6 : loopback_v4;
	struct ifa_cacheinfo cache = {.ifa_prefered = ~0u, .ifa_valid = ~0u};

	m->ifa_family = v6 ? AF_INET6 : AF_INET;
	m->ifa_prefixlen = v6 ? 128 : 8;
	m->ifa_flags = IFA_F_PERMANENT;
	m->ifa_scope = RT_SCOPE_HOST;
	m->ifa_index = LO_INDEX;
	answer_attr(a, IFA_ADDRESS, address, v6 ? 16 : 4);
	if (!v6) {
		answer_attr(a, IFA_LOCAL, address, 4);
		put_text(a, IFA_LABEL, LO_NAME);
	}
	put_number(a, IFA_FLAGS, IFA_F_PERMANENT);
	answer_attr(a, IFA_CACHEINFO, &cache, sizeof(cache));
	answer_end(a, h);
}

static void put_route(struct answer *a, const struct nlmsghdr *request, u32 pid, bool v6, const void *to,
		      u32 bits)
{
	struct nlmsghdr *h = answer_begin(a, request, pid, RTM_NEWROUTE, NLM_F_MULTI);
	struct rtmsg *m = answer_put(a, sizeof(*m));

	m->rtm_family = v6 ? AF_INET6 : AF_INET;
	m->rtm_dst_len = bits;
	m->rtm_table = RT_TABLE_LOCAL;
	m->rtm_protocol = RTPROT_KERNEL;
	m->rtm_scope = v6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST;
	m->rtm_type = RTN_LOCAL;
	put_number(a, RTA_TABLE, RT_TABLE_LOCAL);
	answer_attr(a, RTA_DST, to, v6 ? 16 : 4);
	if (v6)
		put_number(a, RTA_PRIORITY, 0);
	else
		answer_attr(a, RTA_PREFSRC, loopback_v4, sizeof(loopback_v4));
	put_number(a, RTA_OIF, LO_INDEX);
	answer_end(a, h);
}

static void dump(const struct nlmsghdr *h, u32 pid, struct answer *a, u8 family)
{
	static const u8 net[4] = {127};
	bool v4 = family != AF_INET6, v6 = family != AF_INET;

	switch (h->nlmsg_type) {
	case RTM_GETLINK:
		put_link(a, h, pid, NLM_F_MULTI);
		break;
	case RTM_GETADDR:
		if (v4)
			put_address(a, h, pid, false);
		if (v6)
			put_address(a, h, pid, true);
		break;
	case RTM_GETROUTE:
		if (v4)
			put_route(a, h, pid, false, net, 8);
		if (v4)
			put_route(a, h, pid, false, loopback_v4, 32);
		if (v6)
			put_route(a, h, pid, true, loopback_v6, 128);
		break;
	}
}

/* Messages come in fours: new, delete, get, set; who may not change anything may still ask. */
int route_answer(const struct nlmsghdr *h, u32 pid, struct answer *a, bool *many)
{
	const u8 *family = (const u8 *)h + NLMSG_HDRLEN;
	int err;

	if (h->nlmsg_type < RTM_BASE || h->nlmsg_type > RTM_MAX)
		return -EOPNOTSUPP;
	if (h->nlmsg_len < NLMSG_HDRLEN + sizeof(struct rtgenmsg))
		return 0;
	if ((h->nlmsg_type & 3) != (RTM_GETLINK & 3))
		return -EPERM;
	*many = (h->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP || (h->nlmsg_flags & NLM_F_ROOT);
	if (*many) {
		dump(h, pid, a, *family);
		return 0;
	}
	if (h->nlmsg_type != RTM_GETLINK)
		return -EOPNOTSUPP;
	err = named_link(h);
	if (!err)
		put_link(a, h, pid, 0);
	return err;
}
