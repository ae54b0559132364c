/*
 * Fuzzes the monitor's request handler (monitor/request.c): each input is a sequence of requests, length-prefixed, on
 * a small temporary tree with a writable, a read-only and a file grant.  Besides what the sanitizers find, it checks
 * what an answer may never do: name more payload than there is, or change what was not granted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "monitor/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char tree[64];
static int outside = -1;
static int granted_listener = -1;
static struct sockaddr_un granted = {.sun_family = AF_UNIX};

static void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	abort();
}

static void make(int dir, const char *name)
{
	int fd = openat(dir, name, O_CREAT | O_WRONLY | O_TRUNC, 0644);

	if (fd < 0 || write(fd, "content", 7) != 7)
		fail("cannot make the tree");
	close(fd);
}

/* The tree is on a memory file system where there is one. */
static void make_tree(void)
{
	int top, in;

	snprintf(tree, sizeof(tree), "%s/fuzz_request.XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	if (!mkdtemp(tree))
		fail("mkdtemp");
	top = open(tree, O_PATH);
	mkdirat(top, "in", 0755);
	mkdirat(top, "ro", 0755);
	mkdirat(top, "outside", 0755);
	outside = openat(top, "outside", O_PATH);
	make(outside, "f");
	in = openat(top, "ro", O_PATH);
	make(in, "f");
	close(in);
	close(top);
}

static int grant_path(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", tree, name);
	return open(path, O_PATH | O_CLOEXEC);
}

/* What requests may have left is taken away, so that each input begins alike. */
static void refill(void)
{
	char command[256];
	int in;

	snprintf(command, sizeof(command), "%s/in", tree);
	in = open(command, O_PATH);
	mkdirat(in, "d", 0755);
	if (symlinkat("../outside", in, "l") == 0)
		symlinkat("../outside/f", in, "k");
	if (faccessat(in, "f", F_OK, AT_SYMLINK_NOFOLLOW))
		make(in, "f");
	close(in);
}

static void check_untouched(const struct stat *before)
{
	struct stat now;

	if (fstatat(outside, "f", &now, 0) < 0 || now.st_mtime != before->st_mtime || now.st_size != before->st_size ||
	    now.st_mode != before->st_mode || now.st_ctim.tv_nsec != before->st_ctim.tv_nsec)
		fail("a request changed what was not granted");
}

/* One of AF_UNIX leads to the one socket that is granted. */
static void check_granted_socket(int fd)
{
	struct sockaddr_un peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || strcmp(peer.sun_path, granted.sun_path))
		fail("a socket of the host's that was not granted");
}

/* A socket that was handed over is on its way to what is granted, if it still is on its way at all. */
static void check_peer(int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	if (getsockname(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_UNIX) {
		check_granted_socket(fd);
		return;
	}
	len = sizeof(peer);
	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
	    (peer.sin_family != AF_INET || peer.sin_port != htons(9) || peer.sin_addr.s_addr != htonl(INADDR_LOOPBACK)))
		fail("a connection that was not granted");
}

/* A published UDP port talks to whoever sent to it: that was we. */
static void check_met(int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 && peer.sin_addr.s_addr != htonl(INADDR_LOOPBACK))
		fail("a peer that has sent nothing");
}

static void serve_all(struct server *server, const uint8_t *data, size_t size)
{
	static struct answer answer;
	struct stat st;

	fstatat(outside, "f", &st, 0);
	for (unsigned int n = 0; size >= 2 && n < 16; n++) {
		size_t len = data[0] | data[1] << 8;

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		request_serve(server, data, len, &answer);
		if (answer.reply.payload_len > sizeof(answer.payload))
			fail("an answer is longer than its buffer");
		if (answer.fd >= 0 && (fstat(answer.fd, &st) < 0 || S_ISDIR(st.st_mode)))
			fail("a directory left the monitor");
		if (answer.fd >= 0 && S_ISSOCK(st.st_mode) && !answer.keep)
			check_peer(answer.fd);
		if (answer.fd >= 0 && S_ISSOCK(st.st_mode) && answer.keep)
			check_met(answer.fd);
		if (answer.fd >= 0 && !answer.keep)
			close(answer.fd);
		data += len;
		size -= len;
	}
}

/* A socket of the host's that somebody listens at, and one beside it that is not granted. */
static int make_sockets(void)
{
	struct sockaddr_un other = {.sun_family = AF_UNIX};
	int l[2] = {socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)}, fd;

	snprintf(granted.sun_path, sizeof(granted.sun_path), "%s/granted", tree);
	snprintf(other.sun_path, sizeof(other.sun_path), "%s/other", tree);
	if (bind(l[0], (void *)&granted, sizeof(granted)) < 0 || bind(l[1], (void *)&other, sizeof(other)) < 0 || listen(l[0], 16) < 0 || listen(l[1], 16) < 0)
		fail("sockets of AF_UNIX");
	fd = open(granted.sun_path, O_PATH);
	if (fd < 0)
		fail("the granted socket");
	granted_listener = l[0];
	return fd;
}

/* A port for TCP, a socket of the host's, and one for UDP at which datagrams of three peers wait; and a table of names, of which the last has addresses that
 * none may grant, and one that leads nowhere. */
static void publish(struct server *server)
{
	static int tcp = -1, udp = -1, path = -1, peers[NET_PEERS], senders[3];
	static struct bz_host *table;
	static const struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f};
	struct sockaddr_in own;
	socklen_t len = sizeof(own);

	if (tcp < 0) {
		tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
		setsockopt(udp, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
		if (bind(tcp, (void *)&any, sizeof(any)) < 0 || bind(udp, (void *)&any, sizeof(any)) < 0)
			fail("bind");
		getsockname(udp, (void *)&own, &len);
		for (int i = 0; i < NET_PEERS; i++) {
			peers[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
			setsockopt(peers[i], SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
			if (bind(peers[i], (void *)&own, sizeof(own)) < 0)
				fail("bind of a peer");
		}
		for (int i = 0; i < 3; i++) {
			senders[i] = socket(AF_INET, SOCK_DGRAM, 0);
			connect(senders[i], (void *)&own, sizeof(own));
		}
		path = make_sockets();
		table = calloc(BZ_NAMES_MAX, sizeof(*table));
		if (!table)
			fail("no memory");
		for (int i = 0; i < BZ_HOST_ADDRESSES; i++)
			table[63].addresses[i] = (struct bz_host_address){INT64_MAX, {[10] = 0xff, 0xff, 127, 0, i, 1}};
	}
	own = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = 0x0100007f};
	for (int i = 0; i < NET_PEERS; i++) {
		connect(peers[i], (void *)&own, sizeof(own));
		server->peers[1][i] = (struct net_peer){.fd = peers[i]};
		server->peers[0][i].fd = -1;
	}
	while (recv(udp, NULL, 0, MSG_DONTWAIT) >= 0)
		;
	for (int c; (c = accept(granted_listener, NULL, NULL)) >= 0;)
		close(c);
	for (int i = 0; i < 3; i++)
		send(senders[i], "x", 1, 0);
	server->ports[0] = tcp;
	server->ports[1] = udp;
	server->ports[2] = path;
	server->peers[2][0].fd = -1;
	server->unix_ports = 1 << 2;
	server->port_count = 3;
	server->names = table;
	server->names_fd = tcp; /* of no matter: it is handed over, and kept */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct server server;
	static int here = -1;
	struct stat before;
	char path[128];

	if (!tree[0])
		make_tree();
	refill();
	memset(&server, 0, sizeof(server));
	if (server_init(&server, 8) < 0)
		fail("server_init");
	server.proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	server.guest_uid = server.guest_gid = 1000;
	server_grant(&server, grant_path("in", path, sizeof(path)), false, false, "/rw");
	server_grant(&server, grant_path("ro", path, sizeof(path)), true, false, "/ro");
	/* Nobody listens on the discard port of loopback; what else is reached is a fault. */
	server.rules[0] = (struct net_rule){.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .bits = 128, .scheme = BZ_TCP, .first = 9, .last = 9};
	server.rule_count = 2;
	server.rules[1] = (struct net_rule){.scheme = BZ_TCP, .first = 9, .last = 9, .name = 64};
	publish(&server);
	server_grant(&server, grant_path("ro/f", path, sizeof(path)), true, true, "/f");
	fstatat(outside, "f", &before, 0);
	/* Where the monitor is: granted sockets are reached by their descriptors' names. */
	here = here < 0 ? open(".", O_PATH) : here;
	if (fchdir(server.proc_fd) < 0)
		fail("/proc/self/fd");
	serve_all(&server, data, size);
	if (fchdir(here) < 0)
		fail("the directory before");
	check_untouched(&before);
	server_close(&server);
	return 0;
}
