/*
 * Which addresses a sandbox's rules cover, and sockets that are handed over connected or listening.  HOSTILE INPUT: an address is 16
 * bytes and a port of the guest's choice; it is judged as the kernel will use it.  Nothing waits: a connection may be under way still.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "monitor/server.h"

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, host[16] = NET_HOST_ADDRESS;

/* Prefixes that only a rule of a whole address covers. */
static const struct prefix {
	uint8_t ip[16];
	uint8_t bits;
} special[] = {
#define V4(a, b, c, d, bits) {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + bits}
    /* this network, loopback, link-local, multicast and all behind it; protocol assignments (and our name for the host), 6to4 */
    V4(0, 0, 0, 0, 8), V4(127, 0, 0, 0, 8), V4(169, 254, 0, 0, 16), V4(224, 0, 0, 0, 3), V4(192, 0, 0, 0, 24), V4(192, 88, 99, 0, 24),
    /* metadata of clouds that lie elsewhere: Alibaba, Azure; Amazon, Google */
    V4(100, 100, 100, 200, 32), V4(168, 63, 129, 16, 32), {{0xfd, 0, 0x0e, 0xc2}, 32}, {{0xfd, 0x20, 0, 0xce}, 32},
    /* unspecified, ::1, IPv4-compatible; link-local and site-local; multicast */
    {{0}, 96}, {{0xfe, 0x80}, 9}, {{0xff}, 8},
    /* with an IPv4 address inside: NAT64, Teredo, 6to4 */
    {{0, 0x64, 0xff, 0x9b}, 32}, {{0x20, 0x01, 0, 0}, 32}, {{0x20, 0x02}, 16},
};

static bool within(const uint8_t *ip, const uint8_t *prefix, unsigned int bits)
{
	if (memcmp(ip, prefix, bits / 8))
		return false;
	return bits % 8 == 0 || !((ip[bits / 8] ^ prefix[bits / 8]) & (0xff00 >> bits % 8 & 0xff));
}

static bool is_special(const uint8_t *ip)
{
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (within(ip, special[i].ip, special[i].bits))
			return true;
	return false;
}

static bool is_v4(const struct bz_address *a)
{
	return !memcmp(a->ip, mapped, sizeof(mapped));
}

union name { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; };

static socklen_t fill(const struct bz_address *a, uint32_t port, union name *name)
{
	*name = (union name){.in6 = {.sin6_family = is_v4(a) ? AF_INET : AF_INET6, .sin6_port = htons(port)}};
	memcpy(is_v4(a) ? (void *)&name->in.sin_addr : &name->in6.sin6_addr, a->ip + (is_v4(a) ? 12 : 0), is_v4(a) ? 4 : 16);
	return is_v4(a) ? sizeof(name->in) : sizeof(name->in6);
}

/* An address of the host's, now: others cannot be bound.  Where that cannot be told (ip_nonlocal_bind), all are. */
static bool is_own(const struct bz_address *a)
{
	union name name;
	socklen_t len = fill(a, 0, &name);
	int fd = socket(name.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool foreign = fd >= 0 && bind(fd, &name.any, len) < 0 && errno == EADDRNOTAVAIL;

	if (fd >= 0)
		close(fd);
	return !foreign;
}

/* An address counts only if its time is the same before and after it was read. */
static bool is_named(const struct bz_host *named, const uint8_t *ip)
{
	struct timespec t;
	int64_t now;

	clock_gettime(CLOCK_MONOTONIC, &t);
	now = t.tv_sec * 1000000000ll + t.tv_nsec;
	for (int i = 0; i < BZ_HOST_ADDRESSES; i++) {
		const struct bz_host_address *a = &named->addresses[i];
		int64_t until = __atomic_load_n(&a->until, __ATOMIC_ACQUIRE);

		if (until < now || memcmp(a->ip, ip, sizeof(a->ip)))
			continue;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (__atomic_load_n(&a->until, __ATOMIC_RELAXED) == until)
			return true;
	}
	return false;
}

static bool covers(const struct server *server, const struct net_rule *r, const uint8_t *ip)
{
	return r->name ? server->names && is_named(&server->names[r->name - 1], ip) : within(ip, r->ip, r->bits);
}

int network_judge(const struct server *server, uint32_t scheme, const struct bz_address *to)
{
	static const struct bz_address none;
	bool wide = false;

	/* The kernel takes an unspecified address for its own. */
	if (!to->port || to->port > 0xffff || !memcmp(to->ip, none.ip, 16) || (is_v4(to) && !memcmp(to->ip + 12, none.ip, 4)))
		return -EACCES;
	for (uint32_t i = 0; i < server->rule_count; i++) {
		const struct net_rule *r = &server->rules[i];

		if (r->scheme != scheme || to->port < r->first || to->port > r->last || !covers(server, r, to->ip))
			continue;
		if (r->bits == 128)
			return 0;
		wide = true;
	}
	return wide && !is_special(to->ip) && !is_own(to) ? 0 : -EACCES;
}

static void read_address(const struct bz_request *request, struct bz_address *to)
{
	memcpy(to->ip, &request->off, 8);
	memcpy(to->ip + 8, &request->len, 8);
	to->port = request->mode;
}

/* Without Nagle's delay: no request says so later.  Keepalive finds a peer that vanished. */
static int start(int fd, uint32_t scheme, const struct bz_address *to, struct bz_address *from)
{
	union name name;
	socklen_t len = fill(to, to->port, &name);
	int one = 1;

	if (scheme == BZ_TCP) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	}
	if (connect(fd, &name.any, len) < 0 && errno != EINPROGRESS)
		return -errno;
	if (getsockname(fd, &name.any, &len) < 0 || fcntl(fd, F_SETFL, 0) < 0)
		return -errno;
	from->port = ntohs(name.in.sin_port);
	if (memcmp(from->ip, host, sizeof(host))) /* the guest's own loopback is another than the host's */
		memcpy(from->ip + (is_v4(to) ? 12 : 0), is_v4(to) ? (void *)&name.in.sin_addr : &name.in6.sin6_addr, is_v4(to) ? 4 : 16);
	return 0;
}

/* What comes from this peer, and nothing else, enters a socket: also before it is connected to him, and when another had it before. */
static int hear_only(int fd, const struct bz_address *peer)
{
	struct sock_filter code[16];
	const int words = is_v4(peer) ? 1 : 4, at = is_v4(peer) ? 12 : 8; /* the source in the IP header */
	struct sock_fprog program = {4 + 2 * words, code};

	code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0);
	code[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, peer->port, 0, 2 * words + 1);
	for (int i = 0; i < words; i++) {
		uint32_t word;

		memcpy(&word, peer->ip + 16 - 4 * (words - i), 4);
		code[2 + 2 * i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_NET_OFF + at + 4 * i);
		code[3 + 2 * i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(word), 0, 2 * (words - i) - 1);
	}
	code[2 + 2 * words] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ~0u);
	code[3 + 2 * words] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) < 0 ? -errno : 0;
}

static bool is_loopback(const union name *name)
{
	return name->any.sa_family == AF_INET ? name->in.sin_addr.s_addr << 24 == 127u << 24 : IN6_IS_ADDR_LOOPBACK(&name->in6.sin6_addr);
}

static int reconnect(int fd, const struct bz_address *peer, const union name *name, socklen_t len)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};
	union name own;
	int error = hear_only(fd, peer);

	for (int i = 0; i < 4096 && !error && (recv(fd, NULL, 0, MSG_DONTWAIT) >= 0 || errno != EAGAIN); i++)
		; /* of the peer before */
	/* A socket that is bound to all addresses answers from the one it had, unless that cannot be. */
	if (!error && getsockname(fd, &own.any, &(socklen_t){sizeof(own)}) == 0 && is_loopback(&own) != is_loopback(name))
		connect(fd, &none, sizeof(none));
	if (!error && connect(fd, &name->any, len) < 0)
		error = -errno;
	return error;
}

/* The socket of a published UDP port's that is connected to whoever sent the datagram that waits there: he alone is answered.  The
 * number of it, which comes in the upper half of the port, is that of the one before, or another's. */
static int meet_peer(struct server *server, uint32_t port, struct bz_address *peer, int *fd)
{
	union name name;
	socklen_t len = sizeof(name);
	uint32_t n;
	bool v4;
	int error = 0;

	if (port >= server->port_count || server->peers[port][0].fd < 0)
		return -EINVAL;
	if (recvfrom(server->ports[port], NULL, 0, MSG_PEEK | MSG_DONTWAIT, &name.any, &len) < 0)
		return -errno;
	v4 = name.any.sa_family == AF_INET;
	*peer = (struct bz_address){.port = ntohs(name.in.sin_port)};
	memcpy(peer->ip, mapped, sizeof(mapped));
	memcpy(peer->ip + (v4 ? 12 : 0), v4 ? (void *)&name.in.sin_addr : &name.in6.sin6_addr, v4 ? 4 : 16);
	for (n = 0; n < NET_PEERS && memcmp(&server->peers[port][n].address, peer, sizeof(*peer)); n++)
		;
	if (n == NET_PEERS) {
		n = server->peer_next[port]++ % NET_PEERS;
		error = reconnect(server->peers[port][n].fd, peer, &name, len);
		server->peers[port][n].address = error ? (struct bz_address){.port = 0} : *peer;
	}
	*fd = server->peers[port][n].fd;
	peer->port |= n << 16;
	return error;
}

/* A socket of the host's that was granted: found by its descriptor, in /proc/self/fd, which is where we are.  Never waits. */
static int meet_socket(struct server *server, uint32_t port, int *fd)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int error = 0;

	if (port >= server->port_count || !(server->unix_ports >> port & 1))
		return -EINVAL;
	snprintf(name.sun_path, sizeof(name.sun_path), "%d", server->ports[port]);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return -errno;
	if (connect(*fd, (struct sockaddr *)&name, sizeof(name)) < 0 || fcntl(*fd, F_SETFL, 0) < 0)
		error = errno == EACCES || errno == EPERM ? -ECONNREFUSED : -errno; /* no refusal of ours */
	if (error)
		close(*fd);
	return error;
}

int network_connect(struct server *server, const struct bz_request *request, struct answer *answer)
{
	struct bz_address to, from;
	int fd = -1, error;

	if (request->flags == BZ_UNIX) {
		from = (struct bz_address){.port = 0};
		error = meet_socket(server, request->mode, &fd);
		if (error)
			return error;
		goto made;
	}
	if (request->flags == BZ_PEER) {
		error = meet_peer(server, request->mode, &from, &fd);
		if (error)
			return error;
		answer->keep = true;
		goto made;
	}
	if (request->flags != BZ_TCP && request->flags != BZ_UDP)
		return -EINVAL;
	read_address(request, &to);
	error = network_judge(server, request->flags, &to);
	if (error)
		return error;
	from = to;
	if (!memcmp(to.ip, host, sizeof(host)))
		memcpy(to.ip + 12, (uint8_t[]){127, 0, 0, 1}, 4);
	fd = socket(is_v4(&to) ? AF_INET : AF_INET6,
		    (request->flags == BZ_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	error = start(fd, request->flags, &to, &from);
	if (error) {
		close(fd);
		return error == -EACCES || error == -EPERM ? -ENETUNREACH : error; /* no refusal of ours */
	}
made:
	answer->fd = fd;
	memcpy(answer->payload, &from, sizeof(from));
	answer->reply.payload_len = sizeof(from);
	return 0;
}

int network_listen(struct server *server, const struct bz_request *request, struct answer *answer)
{
	if (request->flags >= server->port_count)
		return -EINVAL;
	if (server->unix_ports >> request->flags & 1)
		return -EINVAL;
	if (server->peers[request->flags][0].fd < 0 && listen(server->ports[request->flags], request->mode) < 0) /* the kernel bounds the backlog */
		return -errno;
	answer->fd = server->ports[request->flags];
	answer->keep = true;
	return 0;
}

void network_text(const struct bz_request *request, char *buf, size_t size)
{
	struct bz_address a;
	char ip[INET6_ADDRSTRLEN] = "?";

	read_address(request, &a);
	inet_ntop(is_v4(&a) ? AF_INET : AF_INET6, a.ip + (is_v4(&a) ? 12 : 0), ip, sizeof(ip));
	snprintf(buf, size, is_v4(&a) ? "%s:%u%s" : "[%s]:%u%s", memcmp(a.ip, host, sizeof(host)) ? ip : NET_HOST_NAME, a.port,
		 request->flags == BZ_UDP ? "/udp" : "");
}
