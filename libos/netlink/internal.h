/* What the files of netlink/ share: netlink(7), rtnetlink(7). */
#ifndef LIBOS_NETLINK_INTERNAL_H
#define LIBOS_NETLINK_INTERNAL_H

#include "libos/socket/dgram.h"
#include <linux/netlink.h>

/* One datagram of an answer, being built. */
struct answer {
	u32 len;
	char data[2048];
};

struct nlmsghdr *answer_begin(struct answer *a, const struct nlmsghdr *request, u32 pid, u16 type, u16 flags);
void *answer_put(struct answer *a, u32 size); /* zeroed room, aligned */
void answer_attr(struct answer *a, u16 type, const void *data, u32 len);
void answer_end(struct answer *a, struct nlmsghdr *h);

/* route.c: the answer to a request of NETLINK_ROUTE: 0 or an error; *dump: it is one of many, and NLMSG_DONE
 * is to follow. */
int route_answer(const struct nlmsghdr *h, u32 pid, struct answer *a, bool *dump);

#endif
