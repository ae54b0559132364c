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
#include <unistd.h>

#include "monitor/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char tree[64];
static int outside = -1;

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

/* A socket that was handed over is on its way to what is granted, if it still is on its way at all. */
static void check_peer(int fd)
{
	struct sockaddr_in peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) == 0 &&
	    (peer.sin_family != AF_INET || peer.sin_port != htons(9) || peer.sin_addr.s_addr != htonl(INADDR_LOOPBACK)))
		fail("a connection that was not granted");
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
		if (answer.fd >= 0 && S_ISSOCK(st.st_mode))
			check_peer(answer.fd);
		if (answer.fd >= 0 && !answer.keep)
			close(answer.fd);
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct server server;
	struct stat before;
	char path[128];

	if (!tree[0])
		make_tree();
	refill();
	if (server_init(&server, 8) < 0)
		fail("server_init");
	server.proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	server.guest_uid = server.guest_gid = 1000;
	server_grant(&server, grant_path("in", path, sizeof(path)), false, false, "/rw");
	server_grant(&server, grant_path("ro", path, sizeof(path)), true, false, "/ro");
	/* Nobody listens on the discard port of loopback; what else is reached is a fault. */
	server.rules[0] = (struct net_rule){.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .bits = 128, .scheme = BZ_TCP, .first = 9, .last = 9};
	server.rule_count = 1;
	server_grant(&server, grant_path("ro/f", path, sizeof(path)), true, true, "/f");
	fstatat(outside, "f", &before, 0);
	serve_all(&server, data, size);
	check_untouched(&before);
	server_close(&server);
	return 0;
}
