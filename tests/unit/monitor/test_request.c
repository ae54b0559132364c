/* The monitor's request handler, fed with what a hostile picoprocess could send, on a temporary tree. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/server.h"

#define WRITABLE 1u
#define READONLY 2u
#define FILE_GRANT 3u

static char tree[128];		/* the granted tree is tree/in; tree/outside must stay out of reach */
static struct server server;
static struct answer answer;
static char last_denied[SERVER_DENIED_TEXT];

static void on_denied(void *arg, const char *line)
{
	snprintf(last_denied, sizeof(last_denied), "%s", line);
}

static const char *path(const char *name)
{
	static char text[512];

	snprintf(text, sizeof(text), "%s/%s", tree, name);
	return text;
}

static void put(const char *name, const char *content)
{
	int fd = open(path(name), O_CREAT | O_WRONLY | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static int grant(const char *name, bool readonly, bool is_file)
{
	int fd = open(path(name), O_PATH | O_CLOEXEC);

	assert_true(fd >= 0);
	return server_grant(&server, fd, readonly, is_file, "/guest");
}

static int setup(void **state)
{
	snprintf(tree, sizeof(tree), "/tmp/test_request.XXXXXX");
	assert_non_null(mkdtemp(tree));
	mkdir(path("in"), 0755);
	mkdir(path("in/dir"), 0755);
	mkdir(path("outside"), 0755);
	put("outside/secret", "secret");
	put("in/file", "content");
	put("in/dir/inner", "inner");
	assert_int_equal(symlink("../outside/secret", path("in/link")), 0);
	assert_int_equal(symlink("../outside", path("in/dirlink")), 0);
	assert_int_equal(symlink("/etc/passwd", path("in/abslink")), 0);
	assert_int_equal(symlink("file", path("in/innerlink")), 0);
	assert_int_equal(mkfifo(path("in/fifo"), 0644), 0);
	memset(&server, 0, sizeof(server));
	assert_int_equal(server_init(&server, 64), 0);
	server.proc_fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
	server.host_uid = geteuid();
	server.host_gid = getegid();
	server.guest_uid = server.guest_gid = 4242;
	server.denied = on_denied;
	assert_int_equal(grant("in", false, false), WRITABLE);
	assert_int_equal(grant("in", true, false), READONLY);
	assert_int_equal(grant("in/file", false, true), FILE_GRANT);
	umask(0);
	return 0;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static int teardown(void **state)
{
	server_close(&server);
	nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* Builds a well-formed message around `head` and returns the result of serving it; a sent descriptor stays open. */
static int ask(struct bz_request head, const char *a, const char *b, const void *c, size_t c_len)
{
	static char message[REQUEST_MAX];

	head.a_len = a ? strlen(a) : 0;
	head.b_len = b ? strlen(b) : 0;
	head.c_len = c_len;
	memcpy(message, &head, sizeof(head));
	if (a)
		memcpy(message + sizeof(head), a, head.a_len);
	if (b)
		memcpy(message + sizeof(head) + head.a_len, b, head.b_len);
	if (c_len)
		memcpy(message + sizeof(head) + head.a_len + head.b_len, c, c_len);
	request_serve(&server, message, sizeof(head) + head.a_len + head.b_len + c_len, &answer);
	return answer.reply.result;
}

static int ask_open(uint32_t root, const char *name, uint32_t flags)
{
	return ask((struct bz_request){ .op = BZ_REQ_OPEN, .root = root, .flags = flags, .mode = 0644 }, name, NULL, NULL, 0);
}

static void done(void)
{
	if (answer.fd >= 0 && !answer.keep)
		close(answer.fd);
}

/* ------------------------------------------------------------------------------------------------------ */

static void opens_and_reads(void **state)
{
	char text[16];

	assert_int_equal(ask_open(WRITABLE, "file", BZ_OPEN_READ), 0);
	assert_int_equal(answer.reply.has_fd, 1);
	assert_int_equal(answer.reply.handle, 0);
	assert_int_equal(answer.reply.attr.size, 7);
	assert_int_equal(answer.reply.attr.uid, 4242);
	assert_int_equal(read(answer.fd, text, sizeof(text)), 7);
	assert_int_equal(write(answer.fd, "x", 1), -1);
	assert_true(fcntl(answer.fd, F_GETFD) & FD_CLOEXEC);
	done();
}

static void malformed_messages_get_einval(void **state)
{
	static char message[REQUEST_MAX + 64];
	struct bz_request head = { .op = BZ_REQ_GETATTR, .root = WRITABLE };
	const size_t sizes[] = { 0, 1, sizeof(head) - 1, sizeof(head) + 1, sizeof(message) };

	memcpy(message, &head, sizeof(head));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		request_serve(&server, message, sizes[i], &answer);
		assert_int_equal(answer.reply.result, -EINVAL);
	}
	/* Each length in turn too large, also so that a sum would wrap. */
	for (int field = 0; field < 3; field++) {
		const uint32_t values[] = { 1, 4096, 65537, 0x7fffffff, 0x80000000, 0xffffffff, -(uint32_t)sizeof(head) };

		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			struct bz_request bad = head;

			*(field == 0 ? &bad.a_len : field == 1 ? &bad.b_len : &bad.c_len) = values[i];
			memcpy(message, &bad, sizeof(bad));
			request_serve(&server, message, sizeof(bad), &answer);
			assert_int_equal(answer.reply.result, -EINVAL);
		}
	}
	for (uint32_t op = 0; op < 4096; op++) {
		if (op == BZ_REQ_WAITSET || op == BZ_REQ_EVENT || op == BZ_REQ_RANDOM)
			continue;
		ask((struct bz_request){ .op = op, .root = 0xffffffff, .handle = 0xffffffff, .flags = 0xffffffff,
					 .off = ~0ull, .len = ~0ull }, NULL, NULL, NULL, 0);
		assert_true(answer.reply.result < 0 || answer.silent);
	}
	ask((struct bz_request){ .op = 0x80000000 }, NULL, NULL, NULL, 0);
	assert_int_equal(answer.reply.result, -EINVAL);
}

static void unclean_names_get_einval(void **state)
{
	const char *names[] = { "/", "/etc/passwd", "..", "../outside/secret", "dir/..", "dir/../file", ".", "./file",
				"dir/.", "dir/", "dir//inner", "//", "dir/../../outside/secret" };
	struct bz_request head = { .op = BZ_REQ_OPEN, .root = WRITABLE, .flags = BZ_OPEN_READ, .a_len = 8 };
	char message[sizeof(head) + 8];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(ask_open(WRITABLE, names[i], BZ_OPEN_READ), -EINVAL);
		assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_RENAME, .root = WRITABLE }, "file", names[i], NULL, 0),
				 -EINVAL);
		assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_LINK, .root = WRITABLE }, "file", names[i], NULL, 0),
				 -EINVAL);
	}
	memcpy(message, &head, sizeof(head));
	memcpy(message + sizeof(head), "file\0abc", 8);
	request_serve(&server, message, sizeof(message), &answer);
	assert_int_equal(answer.reply.result, -EINVAL);
	/* Dots that are no dots. */
	assert_int_equal(ask_open(WRITABLE, "...", BZ_OPEN_READ), -ENOENT);
	assert_int_equal(ask_open(WRITABLE, "..a", BZ_OPEN_READ), -ENOENT);
}

static void links_are_not_followed(void **state)
{
	const char *names[] = { "link", "abslink", "innerlink", "dirlink", "dirlink/secret" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(ask_open(WRITABLE, names[i], BZ_OPEN_READ) < 0);
		assert_int_equal(answer.fd, -1);
		assert_true(ask_open(WRITABLE, names[i], BZ_OPEN_WRITE | BZ_OPEN_CREATE | BZ_OPEN_TRUNC) < 0);
		assert_true(ask((struct bz_request){ .op = BZ_REQ_ENUMERATE, .root = WRITABLE, .len = 8192 }, names[i], NULL,
				NULL, 0) < 0);
	}
	assert_int_equal(ask_open(WRITABLE, "link", BZ_OPEN_READ), -ELOOP);
	assert_int_equal(ask_open(WRITABLE, "dirlink/secret", BZ_OPEN_READ), -ELOOP);
	assert_int_equal(ask_open(WRITABLE, "dirlink/new", BZ_OPEN_WRITE | BZ_OPEN_CREATE), -ELOOP);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_REMOVE, .root = WRITABLE }, "dirlink/secret", NULL, NULL, 0),
			 -ELOOP);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_RENAME, .root = WRITABLE }, "dirlink/secret", "got", NULL, 0),
			 -ELOOP);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_LINK, .root = WRITABLE }, "dirlink/secret", "got", NULL, 0),
			 -ELOOP);
	/* chmod of a link must not reach its target. */
	ask((struct bz_request){ .op = BZ_REQ_SETATTR, .root = WRITABLE, .attr = { .valid = BZ_ATTR_MODE, .mode = 0777 } },
	    "link", NULL, NULL, 0);
	struct stat st;
	assert_int_equal(stat(path("outside/secret"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_READLINK, .root = WRITABLE }, "link", NULL, NULL, 0), 17);
	assert_memory_equal(answer.payload, "../outside/secret", 17);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_GETATTR, .root = WRITABLE }, "link", NULL, NULL, 0), 0);
	assert_int_equal(answer.reply.attr.kind, BZ_KIND_LINK);
}

static void special_files_are_not_opened(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.90s", path("in/socket"));
	assert_int_equal(bind(s, (struct sockaddr *)&address, sizeof(address)), 0);
	/* A FIFO without a writer would block an open for reading, and an open for writing would wake a reader. */
	assert_int_equal(ask_open(WRITABLE, "fifo", BZ_OPEN_READ), -ENXIO);
	assert_int_equal(ask_open(WRITABLE, "fifo", BZ_OPEN_READ | BZ_OPEN_WRITE | BZ_OPEN_CREATE), -ENXIO);
	assert_int_equal(ask_open(WRITABLE, "socket", BZ_OPEN_READ), -ENXIO);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_GETATTR, .root = WRITABLE }, "fifo", NULL, NULL, 0), 0);
	assert_int_equal(answer.reply.attr.kind, BZ_KIND_FIFO);
	close(s);
}

static int ask_node(uint32_t root, const char *name, uint32_t mode)
{
	return ask((struct bz_request){ .op = BZ_REQ_OPEN, .root = root, .flags = BZ_OPEN_CREATE | BZ_OPEN_NODE, .mode = mode },
		   name, NULL, NULL, 0);
}

/* A FIFO and a socket are names for the library OS; devices, and files that come with more than nine bits, are not made. */
static void nodes_are_fifos_and_sockets(void **state)
{
	struct stat st;

	assert_int_equal(ask_node(WRITABLE, "made-fifo", S_IFIFO | 06640), 0);
	assert_int_equal(stat(path("in/made-fifo"), &st), 0);
	assert_int_equal(st.st_mode & (S_IFMT | 06777), S_IFIFO | 0640);
	assert_int_equal(answer.fd, -1);
	assert_int_equal(ask_node(WRITABLE, "made-fifo", S_IFIFO | 0640), -EEXIST);
	assert_int_equal(ask_node(WRITABLE, "made-socket", S_IFSOCK | 0700), 0);
	assert_int_equal(stat(path("in/made-socket"), &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	for (uint32_t kind = 0; kind < 16; kind++)
		if (kind << 12 != S_IFIFO && kind << 12 != S_IFSOCK)
			assert_int_equal(ask_node(WRITABLE, "made-other", kind << 12 | 0600), -EPERM);
	assert_int_equal(ask_node(READONLY, "made-fifo", S_IFIFO | 0600), -EROFS);
	assert_int_equal(unlink(path("in/made-fifo")), 0);
	assert_int_equal(unlink(path("in/made-socket")), 0);
}

static void readonly_refuses_every_change(void **state)
{
	const struct bz_request changes[] = {
		{ .op = BZ_REQ_OPEN, .flags = BZ_OPEN_WRITE },
		{ .op = BZ_REQ_OPEN, .flags = BZ_OPEN_WRITE | BZ_OPEN_READ | BZ_OPEN_TRUNC },
		{ .op = BZ_REQ_SETATTR, .attr = { .valid = BZ_ATTR_MODE } },
		{ .op = BZ_REQ_SETATTR, .attr = { .valid = BZ_ATTR_MTIME } },
		{ .op = BZ_REQ_SETATTR, .attr = { .valid = BZ_ATTR_OWNER } },
		{ .op = BZ_REQ_RENAME },
		{ .op = BZ_REQ_LINK },
		{ .op = BZ_REQ_REMOVE },
		{ .op = BZ_REQ_XATTR, .flags = 2 },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct bz_request head = changes[i];

		head.root = READONLY;
		assert_int_equal(ask(head, "file", head.op == BZ_REQ_XATTR ? "user.a" : "other", NULL, 0), -EROFS);
	}
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_XATTR, .flags = 1, .root = READONLY }, "file", "user.a", "v", 1),
			 -EROFS);
	assert_int_equal(ask_open(READONLY, "new", BZ_OPEN_WRITE | BZ_OPEN_CREATE), -EROFS);
	assert_int_equal(ask_open(READONLY, "new", BZ_OPEN_CREATE | BZ_OPEN_READ), -EROFS);
	assert_int_equal(ask_open(READONLY, "new", BZ_OPEN_CREATE | BZ_OPEN_DIRECTORY), -EROFS);
	assert_int_equal(ask_open(READONLY, "", BZ_OPEN_UNNAMED | BZ_OPEN_WRITE), -EROFS);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_OPEN, .root = READONLY,
						  .flags = BZ_OPEN_CREATE | BZ_OPEN_SYMLINK }, "new", "text", NULL, 0), -EROFS);
	/* A handle is no way around it. */
	assert_int_equal(ask_open(READONLY, "file", BZ_OPEN_READ | BZ_OPEN_KEEP), 0);
	uint32_t handle = answer.reply.handle;
	assert_true(handle);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_RESIZE, .handle = handle }, NULL, NULL, NULL, 0), -EROFS);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_SETATTR, .handle = handle, .attr = { .valid = BZ_ATTR_MODE } },
			     NULL, NULL, NULL, 0), -EROFS);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_XATTR, .handle = handle, .flags = 1 }, NULL, "user.a", "v", 1),
			 -EROFS);
	assert_string_equal(last_denied, "denied: change xattr of /guest: the volume is read-only");
}

static void grants_are_all_there_is(void **state)
{
	for (uint32_t root = 0; root < 300; root++)
		if (root < 1 || root > 3)
			assert_int_equal(ask_open(root, "file", BZ_OPEN_READ), -EACCES);
	assert_int_equal(ask_open(0xffffffff, "file", BZ_OPEN_READ), -EACCES);
	/* A granted file is that file and nothing else. */
	assert_int_equal(ask_open(FILE_GRANT, "", BZ_OPEN_READ | BZ_OPEN_WRITE), 0);
	done();
	assert_int_equal(ask_open(FILE_GRANT, "file", BZ_OPEN_READ), -ENOTDIR);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_REMOVE, .root = FILE_GRANT }, "", NULL, NULL, 0), -EBUSY);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_ENUMERATE, .root = FILE_GRANT, .len = 8192 }, "", NULL, NULL, 0),
			 -ENOTDIR);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_REMOVE, .root = WRITABLE, .flags = 1 }, "", NULL, NULL, 0),
			 -EBUSY);
}

/* An unnamed file gets its first name, where it may, and no other by its handle. */
static void links_by_handle(uint32_t handle)
{
	const struct bz_request link = { .op = BZ_REQ_LINK, .root = WRITABLE, .handle = handle };
	struct bz_request bad = link;
	const char *names[] = { "../x", "", "dir/../x", "/x", "link/x" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(ask(link, NULL, names[i], NULL, 0) < 0);
	bad.root = 0;
	assert_int_equal(ask(bad, NULL, "x", NULL, 0), -EACCES);
	bad.root = READONLY;
	assert_int_equal(ask(bad, NULL, "x", NULL, 0), -EXDEV);
	bad = link;
	bad.handle ^= 0x10000;
	assert_int_equal(ask(bad, NULL, "x", NULL, 0), -EBADF);
	assert_int_equal(ask(link, NULL, "dir/first", NULL, 0), 0);
	assert_int_equal(ask(link, NULL, "dir/second", NULL, 0), -ENOENT);
	assert_int_equal(unlink(path("in/dir/first")), 0);
	assert_int_equal(ask(link, NULL, "dir/third", NULL, 0), -ENOENT);
}

static void makes_and_removes(void **state)
{
	struct stat st;

	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_OPEN, .root = WRITABLE, .mode = 07777,
						  .flags = BZ_OPEN_CREATE | BZ_OPEN_WRITE }, "new", NULL, NULL, 0), 0);
	assert_true(answer.reply.handle && answer.keep);
	assert_int_equal(stat(path("in/new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0777); /* no setuid, setgid, sticky */
	assert_int_equal(ask_open(WRITABLE, "new", BZ_OPEN_CREATE | BZ_OPEN_EXCL | BZ_OPEN_WRITE), -EEXIST);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_SETATTR, .root = WRITABLE,
						  .attr = { .valid = BZ_ATTR_MODE, .mode = 06755 } }, "new", NULL, NULL, 0), 0);
	assert_int_equal(stat(path("in/new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_OPEN, .root = WRITABLE, .mode = 0755,
						  .flags = BZ_OPEN_CREATE | BZ_OPEN_DIRECTORY }, "d2", NULL, NULL, 0), 0);
	assert_int_equal(answer.fd, -1);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_OPEN, .root = WRITABLE,
						  .flags = BZ_OPEN_CREATE | BZ_OPEN_SYMLINK }, "d2/l", "/anything", NULL, 0), 0);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_RENAME, .root = WRITABLE, .flags = 1 }, "new", "file", NULL, 0),
			 -EEXIST);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_RENAME, .root = WRITABLE }, "new", "d2/new", NULL, 0), 0);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_LINK, .root = WRITABLE }, "d2/new", "hard", NULL, 0), 0);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_REMOVE, .root = WRITABLE, .flags = 1 }, "d2", NULL, NULL, 0),
			 -ENOTEMPTY);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_REMOVE, .root = WRITABLE }, "d2/l", NULL, NULL, 0), 0);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_REMOVE, .root = WRITABLE }, "d2/new", NULL, NULL, 0), 0);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_REMOVE, .root = WRITABLE, .flags = 1 }, "d2", NULL, NULL, 0), 0);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_OPEN, .root = WRITABLE, .mode = 0600,
						  .flags = BZ_OPEN_UNNAMED | BZ_OPEN_WRITE | BZ_OPEN_READ }, "dir", NULL, NULL, 0),
			 0);
	assert_true(answer.fd >= 0);
	links_by_handle(answer.reply.handle);
}

static void handles_are_bounded_and_go_stale(void **state)
{
	uint32_t first = 0, number, count = 0;

	while (ask_open(WRITABLE, "file", BZ_OPEN_READ | BZ_OPEN_KEEP) == 0) {
		first = first ? first : answer.reply.handle;
		count++;
	}
	assert_int_equal(answer.reply.result, -EMFILE);
	assert_int_equal(count, 64);
	ask((struct bz_request){ .op = BZ_REQ_FORGET, .handle = first }, NULL, NULL, NULL, 0);
	assert_true(answer.silent);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_GETATTR, .handle = first }, NULL, NULL, NULL, 0), -EBADF);
	ask((struct bz_request){ .op = BZ_REQ_FORGET, .handle = first }, NULL, NULL, NULL, 0);
	assert_int_equal(ask_open(WRITABLE, "file", BZ_OPEN_READ | BZ_OPEN_KEEP), 0);
	number = answer.reply.handle;
	assert_int_equal(number & 0xffff, first & 0xffff);
	assert_int_not_equal(number, first);
	for (uint32_t i = 0; i < 70000; i++)
		if (i != number && (i & 0xffff) > 64)
			assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_FLUSH, .handle = i }, NULL, NULL, NULL, 0), -EBADF);
}

static void directories_are_listed_in_pieces(void **state)
{
	char name[32];
	uint64_t cookie = 0;
	unsigned int seen = 0, rounds = 0;

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "in/dir/entry-%d", i);
		put(name, "");
	}
	for (int n; (n = ask((struct bz_request){ .op = BZ_REQ_ENUMERATE, .root = READONLY, .off = cookie, .len = 8192 }, "dir",
			     NULL, NULL, 0)) > 0; rounds++) {
		assert_int_equal(n, answer.reply.payload_len);
		assert_true(n <= 8192);
		for (int at = 0; at < n; seen++) {
			struct bz_dirent *entry = (struct bz_dirent *)(answer.payload + at);

			assert_int_equal(entry->size % 8, 0);
			assert_int_equal(entry->attr.kind, BZ_KIND_FILE);
			cookie = entry->cookie;
			at += entry->size;
		}
	}
	assert_int_equal(seen, 501);
	assert_true(rounds > 5);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_ENUMERATE, .root = READONLY, .len = 16 }, "dir", NULL, NULL, 0),
			 -EINVAL);
	assert_int_equal(ask((struct bz_request){ .op = BZ_REQ_ENUMERATE, .root = READONLY, .len = BZ_PAYLOAD_MAX + 1 }, "dir",
			     NULL, NULL, 0), -EINVAL);
	for (int i = 0; i < 64; i++) { /* any cookie: an answer, never a crash */
		ask((struct bz_request){ .op = BZ_REQ_ENUMERATE, .root = READONLY, .off = 1ull << i, .len = 8192 }, "dir", NULL,
		    NULL, 0);
		assert_true(answer.reply.result <= 8192);
	}
}

static void xattrs_are_the_users_own(void **state)
{
	const char *foreign[] = { "security.capability", "trusted.a", "system.posix_acl_access", "user", "user.", "", "xuser.a" };
	struct bz_request set = { .op = BZ_REQ_XATTR, .root = WRITABLE, .flags = 1 };
	int error;

	for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
		for (uint32_t op = 0; op <= 5; op++)
			if (op != 3) {
				set.flags = op;
				assert_int_equal(ask(set, "file", foreign[i], "v", 1), -EOPNOTSUPP);
			}
	set.flags = 1;
	error = ask(set, "file", "user.key", "value", 5);
	if (error == -EOPNOTSUPP)
		skip(); /* this file system has none */
	assert_int_equal(error, 0);
	set.flags = 0;
	assert_int_equal(ask(set, "file", "user.key", NULL, 0), 5);
	assert_int_equal(answer.reply.payload_len, 0);
	set.len = 4;
	assert_int_equal(ask(set, "file", "user.key", NULL, 0), -ERANGE);
	set.len = 5;
	assert_int_equal(ask(set, "file", "user.key", NULL, 0), 5);
	assert_memory_equal(answer.payload, "value", 5);
	set.flags = 3;
	set.len = 64;
	assert_int_equal(ask(set, "file", NULL, NULL, 0), 9);
	assert_memory_equal(answer.payload, "user.key", 9);
	set.flags = 4;
	assert_int_equal(ask(set, "file", "user.key", "v", 1), -EEXIST);
	set.flags = 2;
	assert_int_equal(ask(set, "file", "user.key", NULL, 0), 0);
	assert_int_equal(ask(set, "file", "user.key", NULL, 0), -ENODATA);
}

static void locks_are_real(void **state)
{
	struct bz_request lock = { .op = BZ_REQ_LOCK, .lock = { .type = 1, .start = 10, .len = 5 } };
	uint32_t a, b;

	assert_int_equal(ask_open(WRITABLE, "file", BZ_OPEN_READ | BZ_OPEN_WRITE), 0);
	a = answer.reply.handle;
	assert_int_equal(ask_open(WRITABLE, "file", BZ_OPEN_READ | BZ_OPEN_WRITE), 0);
	b = answer.reply.handle;
	lock.handle = a;
	assert_int_equal(ask(lock, NULL, NULL, NULL, 0), 0);
	lock.handle = b;
	assert_int_equal(ask(lock, NULL, NULL, NULL, 0), -EAGAIN);
	lock.lock.flags = BZ_LOCK_TEST;
	assert_int_equal(ask(lock, NULL, NULL, NULL, 0), 0);
	assert_int_equal(answer.reply.lock.type, 1);
	assert_int_equal(answer.reply.lock.start, 10);
	lock.lock = (struct bz_lock){ .type = 3 };
	assert_int_equal(ask(lock, NULL, NULL, NULL, 0), -EINVAL);
	lock.lock = (struct bz_lock){ .type = 1, .start = ~0ull };
	assert_int_equal(ask(lock, NULL, NULL, NULL, 0), -EINVAL);
	lock.lock = (struct bz_lock){ .type = 1, .flags = BZ_LOCK_WHOLE };
	assert_int_equal(ask(lock, NULL, NULL, NULL, 0), 0);
}

static void resize_stays_in_range(void **state)
{
	struct bz_request resize = { .op = BZ_REQ_RESIZE };
	struct stat st;

	assert_int_equal(ask_open(WRITABLE, "file", BZ_OPEN_WRITE), 0);
	resize.handle = answer.reply.handle;
	resize.off = 3;
	assert_int_equal(ask(resize, NULL, NULL, NULL, 0), 0);
	assert_int_equal(stat(path("in/file"), &st), 0);
	assert_int_equal(st.st_size, 3);
	resize.off = ~0ull;
	assert_int_equal(ask(resize, NULL, NULL, NULL, 0), -EINVAL);
	resize.flags = 5;
	resize.off = 0;
	assert_int_equal(ask(resize, NULL, NULL, NULL, 0), -EINVAL);
	assert_int_equal(ask_open(WRITABLE, "file", BZ_OPEN_READ | BZ_OPEN_KEEP), 0);
	resize.flags = 0;
	resize.handle = answer.reply.handle;
	assert_true(ask(resize, NULL, NULL, NULL, 0) < 0); /* opened for reading only */
}

static void ownership_is_translated(void **state)
{
	struct bz_request set = { .op = BZ_REQ_SETATTR, .root = WRITABLE, .attr = { .valid = BZ_ATTR_OWNER } };

	set.attr.uid = set.attr.gid = 4242;
	assert_int_equal(ask(set, "file", NULL, NULL, 0), 0);
	set.attr.uid = 1;
	assert_int_equal(ask(set, "file", NULL, NULL, 0), -EPERM);
	set.attr.uid = -1;
	set.attr.valid |= 0x80000000;
	assert_int_equal(ask(set, "file", NULL, NULL, 0), -EINVAL);
}

/* One thread swaps a directory for a link to outside, the other opens through it: never may it see the secret. */
static volatile bool swapping;

static void *swap(void *arg)
{
	char a[256], b[256];

	snprintf(a, sizeof(a), "%s/in/race", tree);
	snprintf(b, sizeof(b), "%s/in/racelink", tree);
	while (swapping)
		renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	return NULL;
}

static void races_with_links_are_lost_by_the_attacker(void **state)
{
	pthread_t thread;
	unsigned int opened = 0;
	char text[16];

	mkdir(path("in/race"), 0755);
	put("in/race/secret", "harmless");
	assert_int_equal(symlink("../outside", path("in/racelink")), 0);
	swapping = true;
	assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
	for (int i = 0; i < 20000; i++) {
		int error = ask_open(WRITABLE, "race/secret", BZ_OPEN_READ);
		ssize_t n;

		if (error) {
			assert_true(error == -ELOOP || error == -ENOENT || error == -EAGAIN);
			continue;
		}
		opened++;
		n = read(answer.fd, text, sizeof(text));
		done();
		assert_int_equal(n, 8);
		assert_memory_equal(text, "harmless", 8);
	}
	swapping = false;
	pthread_join(thread, NULL);
	assert_true(opened > 0);
}

static void kernel_interfaces_are_refused(void **state)
{
	int fd = open("/proc", O_PATH);

	assert_int_equal(server_grant(&server, fd, true, false, "/proc"), -EACCES);
	close(fd);
	fd = open("/sys", O_PATH);
	assert_int_equal(server_grant(&server, fd, true, false, "/sys"), -EACCES);
	close(fd);
	/* One that lies inside a granted tree. */
	if (mkdir(path("in/proc"), 0755) < 0 || mount("/proc", path("in/proc"), NULL, MS_BIND, NULL) < 0)
		skip();
	int error = ask_open(WRITABLE, "proc/version", BZ_OPEN_READ);
	int list = ask((struct bz_request){ .op = BZ_REQ_ENUMERATE, .root = WRITABLE, .len = 8192 }, "proc", NULL, NULL, 0);
	int deep = ask_open(WRITABLE, "proc/self/root/etc/passwd", BZ_OPEN_READ);
	umount2(path("in/proc"), MNT_DETACH);
	assert_int_equal(error, -EACCES);
	assert_int_equal(list, -EACCES);
	assert_true(deep < 0);
}

static void refusals_are_told_once(void **state)
{
	last_denied[0] = 0;
	ask_open(READONLY, "esc\033[2J", BZ_OPEN_CREATE | BZ_OPEN_WRITE);
	assert_string_equal(last_denied, "denied: open /guest/esc\\x1b[2J: the volume is read-only");
	last_denied[0] = 0;
	ask_open(READONLY, "esc\033[2J", BZ_OPEN_CREATE | BZ_OPEN_WRITE);
	assert_string_equal(last_denied, "");
	for (int i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "n%d", i);
		ask_open(READONLY, name, BZ_OPEN_CREATE | BZ_OPEN_WRITE);
	}
	assert_int_equal(server.denied_count, SERVER_DENIED_MAX);
	assert_true(server.denied_total >= 1002);
}

static int watch(uint32_t root, const char *name)
{
	return ask((struct bz_request){ .op = BZ_REQ_WATCH, .root = root }, name, NULL, NULL, 0);
}

static void changes_are_watched_within_bounds(void **state)
{
	const struct bz_request changes = { .op = BZ_REQ_CHANGES };
	int here = open(".", O_PATH | O_CLOEXEC), first, fd;
	char buffer[4096] __attribute__((aligned(8)));
	const struct bz_change *change = (void *)buffer;

	assert_int_equal(ask(changes, NULL, NULL, NULL, 0), -EACCES);
	assert_int_equal(server_watchable(&server, WRITABLE), 0);
	assert_int_equal(server_watchable(&server, FILE_GRANT), 0);
	assert_int_equal(watch(WRITABLE, ""), -EBADF);
	assert_int_equal(fchdir(server.proc_fd), 0);
	assert_int_equal(ask(changes, NULL, NULL, NULL, 0), 0);
	fd = answer.fd;
	first = watch(WRITABLE, "dir");
	assert_true(first > 0);
	assert_int_equal(watch(WRITABLE, "dir"), first);
	assert_int_equal(server.watch_count, 1);
	assert_int_equal(watch(READONLY, "dir"), -EACCES); /* was not said to be */
	assert_int_equal(watch(77, "dir"), -EACCES);
	assert_int_equal(watch(WRITABLE, "none"), -ENOENT);
	assert_int_equal(watch(WRITABLE, "dirlink/secret"), -ELOOP);
	assert_int_equal(watch(WRITABLE, "../outside"), -EINVAL);
	/* A link is watched itself, not where it leads. */
	assert_true(watch(WRITABLE, "link") > first);
	put("outside/secret", "changed");
	assert_int_equal(read(fd, buffer, sizeof(buffer)), -1);
	assert_true(watch(FILE_GRANT, "") > 0);
	put("in/dir/new", "");
	assert_true(read(fd, buffer, sizeof(buffer)) > 0);
	assert_int_equal(change->watch, first);
	assert_string_equal(change->name, "new");
	for (uint32_t i = 0; i < 3000; i++)
		ask((struct bz_request){ .op = BZ_REQ_UNWATCH, .flags = i * 0x10001u - 1000 }, NULL, NULL, NULL, 0);
	assert_true(answer.silent);
	ask((struct bz_request){ .op = BZ_REQ_UNWATCH, .flags = first }, NULL, NULL, NULL, 0);
	assert_int_not_equal(watch(WRITABLE, "dir"), first);
	server.watch_count = SERVER_WATCHES_MAX;
	assert_int_equal(watch(WRITABLE, "file"), -ENOSPC);
	assert_int_equal(fchdir(here), 0);
	close(here);
	close(fd);
}

static void no_descriptor_is_lost(void **state)
{
	int before = open("/dev/null", O_RDONLY), after;

	close(before);
	for (int i = 0; i < 200; i++) {
		ask_open(WRITABLE, "file", BZ_OPEN_READ);
		done();
		ask_open(WRITABLE, "link", BZ_OPEN_READ);
		ask_open(WRITABLE, "fifo", BZ_OPEN_WRITE);
		ask_open(READONLY, "file", BZ_OPEN_WRITE);
		ask_open(WRITABLE, "dir/none/none", BZ_OPEN_WRITE | BZ_OPEN_CREATE);
		ask((struct bz_request){ .op = BZ_REQ_RENAME, .root = WRITABLE }, "file", "none/none", NULL, 0);
		ask((struct bz_request){ .op = BZ_REQ_LINK, .root = WRITABLE }, "file", "none/none", NULL, 0);
		ask((struct bz_request){ .op = BZ_REQ_READLINK, .root = WRITABLE }, "file", NULL, NULL, 0);
		ask((struct bz_request){ .op = BZ_REQ_ENUMERATE, .root = WRITABLE, .len = 8192 }, "file", NULL, NULL, 0);
		ask((struct bz_request){ .op = BZ_REQ_XATTR, .root = WRITABLE, .flags = 3 }, "fifo", NULL, NULL, 0);
		ask((struct bz_request){ .op = BZ_REQ_XATTR, .root = WRITABLE, .flags = 3 }, "file", NULL, NULL, 0);
		ask_open(WRITABLE, "d3", BZ_OPEN_CREATE | BZ_OPEN_DIRECTORY);
		ask((struct bz_request){ .op = BZ_REQ_REMOVE, .root = WRITABLE, .flags = 1 }, "d3", NULL, NULL, 0);
		ask((struct bz_request){ .op = BZ_REQ_EVENT }, NULL, NULL, NULL, 0);
		done();
		ask((struct bz_request){ .op = BZ_REQ_WAITSET }, NULL, NULL, NULL, 0);
		done();
	}
	after = open("/dev/null", O_RDONLY);
	close(after);
	assert_int_equal(before, after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens_and_reads),
		TEST(malformed_messages_get_einval),
		TEST(unclean_names_get_einval),
		TEST(links_are_not_followed),
		TEST(special_files_are_not_opened),
		TEST(nodes_are_fifos_and_sockets),
		TEST(readonly_refuses_every_change),
		TEST(grants_are_all_there_is),
		TEST(makes_and_removes),
		TEST(handles_are_bounded_and_go_stale),
		TEST(directories_are_listed_in_pieces),
		TEST(xattrs_are_the_users_own),
		TEST(locks_are_real),
		TEST(resize_stays_in_range),
		TEST(ownership_is_translated),
		TEST(races_with_links_are_lost_by_the_attacker),
		TEST(kernel_interfaces_are_refused),
		TEST(refusals_are_told_once),
		TEST(changes_are_watched_within_bounds),
		TEST(no_descriptor_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
