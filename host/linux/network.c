/*
 * Streams of the network.  Who may be reached is the monitor's to say: it makes the sockets, and hands them over connected or
 * listening.  Here connections are accepted and ended.
 */
#include "host/linux/host.h"

#define FAMILY_V4 2
#define FAMILY_V6 10

/* struct sockaddr_in and sockaddr_in6 in one. */
struct host_sockaddr {
	uint16_t family, port;
	union {
		uint8_t v4[4];
		struct {
			uint32_t flow;
			uint8_t v6[16];
		};
	};
	uint32_t scope;
};

bz_stream stream_connect(uint32_t scheme, const struct bz_address *to, struct bz_address *from)
{
	struct bz_address local = {0};
	struct control_call call = {
		.request = {.op = BZ_REQ_CONNECT, .flags = scheme, .mode = to->port},
		.payload = &local,
		.payload_max = sizeof(local),
	};
	bz_stream s;
	int ret;

	memcpy(&call.request.off, to->ip, 8);
	memcpy(&call.request.len, to->ip + 8, 8);
	ret = control_call(&call);
	if (ret < 0)
		return ret;
	s = stream_add(call.fd, 0);
	if (s >= 0 && from)
		*from = local;
	return s;
}

bz_stream stream_listen(uint32_t port, uint32_t backlog)
{
	struct control_call call = {.request = {.op = BZ_REQ_LISTEN, .flags = port, .mode = backlog}};
	int ret = control_call(&call);

	return ret < 0 ? ret : stream_add(call.fd, 0);
}

static void read_address(const struct host_sockaddr *a, struct bz_address *out)
{
	*out = (struct bz_address){.port = (uint16_t)(a->port << 8 | a->port >> 8)};
	if (a->family == FAMILY_V6) {
		memcpy(out->ip, a->v6, 16);
		return;
	}
	out->ip[10] = out->ip[11] = 0xff;
	if (a->family == FAMILY_V4)
		memcpy(out->ip + 12, a->v4, 4);
}

/* The listening description is non-blocking, since the monitor made it so. */
bz_stream stream_accept(bz_stream s, struct bz_address *peer)
{
	struct host_sockaddr address = {0};
	uint32_t len = sizeof(address);
	long fd;

	if (!(host.boot->flags & BZ_BOOT_ACCEPT))
		return -BZ_EOPNOTSUPP;
	if (!stream_is_descriptor(s))
		return -BZ_EBADF;
	fd = SYS(accept4, s, &address, &len, 0);
	if (fd < 0)
		return fd == -BZ_EINTR ? -BZ_EAGAIN : fd;
	if (peer)
		read_address(&address, peer);
	return stream_add(fd, 0);
}

int stream_shutdown(bz_stream s, uint32_t how)
{
	if (!(host.boot->flags & BZ_BOOT_NETWORK))
		return -BZ_EOPNOTSUPP;
	if (!stream_is_descriptor(s) || s <= BZ_FD_LIBOS)
		return -BZ_EBADF;
	if (how < 1 || how > 3)
		return -BZ_EINVAL;
	return SYS(shutdown, s, how - 1);
}
