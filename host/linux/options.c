/* Options of network streams: the names that the library OS has for them.  The filter lets these alone through (monitor/filter.c). */
#include "host/linux/host.h"

#define SOL_SOCKET 1
#define IPPROTO_IP 0
#define IPPROTO_TCP 6
#define IPPROTO_IPV6 41

static const struct option {
	const char *key;
	uint8_t level, name;
	bool ask, set;
} options[] = {
    {"socket.error", SOL_SOCKET, 4, true, false},
    {"socket.sndbuf", SOL_SOCKET, 7, true, true},
    {"socket.rcvbuf", SOL_SOCKET, 8, true, true},
    {"socket.keepalive", SOL_SOCKET, 9, false, true},
    {"socket.oobinline", SOL_SOCKET, 10, false, true},
    {"socket.linger", SOL_SOCKET, 13, false, true},
    {"socket.rcvlowat", SOL_SOCKET, 18, false, true},
    {"tcp.nodelay", IPPROTO_TCP, 1, false, true},
    {"tcp.maxseg", IPPROTO_TCP, 2, true, true},
    {"tcp.cork", IPPROTO_TCP, 3, false, true},
    {"tcp.keepidle", IPPROTO_TCP, 4, false, true},
    {"tcp.keepintvl", IPPROTO_TCP, 5, false, true},
    {"tcp.keepcnt", IPPROTO_TCP, 6, false, true},
    {"tcp.defer_accept", IPPROTO_TCP, 9, false, true},
    {"tcp.window_clamp", IPPROTO_TCP, 10, false, true},
    {"tcp.info", IPPROTO_TCP, 11, true, false},
    {"tcp.quickack", IPPROTO_TCP, 12, false, true},
    {"tcp.user_timeout", IPPROTO_TCP, 18, false, true},
    {"tcp.notsent_lowat", IPPROTO_TCP, 25, false, true},
    {"ip.tos", IPPROTO_IP, 1, false, true},
    {"ipv6.tclass", IPPROTO_IPV6, 67, false, true},
};

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

int stream_option(bz_stream s, uint32_t op, const char *key, void *buf, size_t len)
{
	uint32_t size = len;
	long ret;

	if (!(host.boot->flags & BZ_BOOT_NETWORK) || op > 1)
		return -BZ_EOPNOTSUPP;
	if (!stream_is_descriptor(s) || s <= BZ_FD_LIBOS)
		return -BZ_EBADF;
	for (uint32_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		const struct option *o = &options[i];

		if (!same(o->key, key) || !(op ? o->set : o->ask))
			continue;
		ret = op ? SYS(setsockopt, s, o->level, o->name, buf, size) : SYS(getsockopt, s, o->level, o->name, buf, &size);
		return ret < 0 ? ret : (int)size;
	}
	return -BZ_EOPNOTSUPP;
}
