/* AF_INET and AF_INET6: ip(7), ipv6(7), tcp(7), udp(7). */
#ifndef LIBOS_INET_H
#define LIBOS_INET_H

#include "libos/kernel/kernel.h"

/* Those of AF_INET6 are odd. */
enum inet_table { INET_TCP, INET_TCP6, INET_UDP, INET_UDP6, INET_UDPLITE, INET_UDPLITE6 };

/* /proc/net/tcp and its kin: the line of the socket after *cursor (begin with 0); false: there are no more.
 */
bool inet_next_line(enum inet_table table, u64 *cursor, char *buf, size_t size);

#endif
