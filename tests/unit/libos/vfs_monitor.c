/* See vfs_host.h.  The half that sees libc: the ABI's table over the monitor's request handler. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "abi/bartizan_abi.h"
#include "monitor/server.h"

#define FDS 4096

static struct server server;
static struct answer answer;
static uint32_t handles[FDS];
static int image_fd = -1;
static int arena_fd = -1;
static unsigned long requests;

unsigned long vfs_host_requests(void);
unsigned long vfs_host_requests(void)
{
	return requests;
}

static int64_t call(struct bz_request *r, const char *a, const char *b, const void *c)
{
	static char message[REQUEST_MAX];
	char *at = message + sizeof(*r);

	r->a_len = a ? r->a_len : 0;
	r->b_len = b ? r->b_len : 0;
	memcpy(message, r, sizeof(*r));
	memcpy(at, a ? a : "", r->a_len);
	at += r->a_len;
	memcpy(at, b ? b : "", r->b_len);
	at += r->b_len;
	if (c)
		memcpy(at, c, r->c_len);
	requests++;
	request_serve(&server, message, sizeof(*r) + r->a_len + r->b_len + r->c_len, &answer);
	return answer.reply.result;
}

static int64_t about(struct bz_request *r, bz_stream s, const struct bz_name *n)
{
	if (s >= 0) {
		if (s >= FDS || !handles[s])
			return -EBADF;
		r->handle = handles[s];
		return call(r, NULL, NULL, NULL);
	}
	r->root = n->root;
	r->a_len = n->path_len;
	return call(r, n->path, NULL, NULL);
}

static bz_stream h_open(const struct bz_name *n, uint32_t flags, uint32_t mode, const char *target, struct bz_attr *attr)
{
	struct bz_request r = {.op = BZ_REQ_OPEN, .flags = flags, .mode = mode, .root = n->root, .a_len = n->path_len,
			       .b_len = target ? strlen(target) : 0};
	int64_t ret = call(&r, n->path, target, NULL);
	int fd = answer.fd;

	if (ret < 0)
		return ret;
	if (attr)
		*attr = answer.reply.attr;
	if (fd < 0) {
		if (!answer.reply.handle)
			return 0;
		fd = fcntl(server.proc_fd, F_DUPFD_CLOEXEC, 3); /* a directory: a number of its own */
	} else if (answer.keep) {
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	handles[fd] = answer.keep ? answer.reply.handle : 0;
	return fd;
}

static int h_close(bz_stream s, uint32_t how)
{
	if (handles[s]) {
		struct bz_request r = {.op = BZ_REQ_FORGET, .handle = handles[s]};

		call(&r, NULL, NULL, NULL);
		handles[s] = 0;
	}
	return close(s) ? -errno : 0;
}

static int64_t h_read(bz_stream s, const struct bz_iov *iov, uint32_t n, int64_t off, uint32_t flags)
{
	ssize_t ret = preadv2(s, (const struct iovec *)iov, n, off, 0);

	return ret < 0 ? -errno : ret;
}

static int64_t h_write(bz_stream s, const struct bz_iov *iov, uint32_t n, int64_t off, uint32_t flags)
{
	ssize_t ret = pwritev2(s, (const struct iovec *)iov, n, off, flags & BZ_IO_APPEND ? RWF_APPEND : 0);

	return ret < 0 ? -errno : ret;
}

static int h_getattr(bz_stream s, const struct bz_name *n, uint32_t what, struct bz_attr *attr)
{
	struct bz_request r = {.op = BZ_REQ_GETATTR, .flags = what};
	int64_t ret = about(&r, s, n);

	if (ret >= 0)
		*attr = answer.reply.attr;
	return ret;
}

static int h_setattr(bz_stream s, const struct bz_name *n, const struct bz_attr *attr)
{
	struct bz_request r = {.op = BZ_REQ_SETATTR, .attr = *attr};

	return about(&r, s, n);
}

static int h_resize(bz_stream s, uint32_t op, uint64_t off, uint64_t len)
{
	struct bz_request r = {.op = BZ_REQ_RESIZE, .flags = op, .off = off, .len = len};

	return about(&r, s, NULL);
}

static int h_flush(bz_stream s, uint32_t data_only)
{
	struct bz_request r = {.op = BZ_REQ_FLUSH, .flags = data_only};

	return about(&r, s, NULL);
}

static int64_t two(uint32_t op, const struct bz_name *from, const struct bz_name *to, uint32_t flags)
{
	struct bz_request r = {.op = op, .flags = flags, .root = from->root, .a_len = from->path_len, .b_len = to->path_len};

	return call(&r, from->path, to->path, NULL);
}

static int h_rename(const struct bz_name *from, const struct bz_name *to, uint32_t flags)
{
	return two(BZ_REQ_RENAME, from, to, flags);
}

static int h_link(bz_stream s, const struct bz_name *from, const struct bz_name *to)
{
	struct bz_request r = {.op = BZ_REQ_LINK, .root = to->root, .b_len = to->path_len};

	if (s >= 0) {
		r.handle = handles[s];
		return call(&r, NULL, to->path, NULL);
	}
	return two(BZ_REQ_LINK, from, to, 0);
}

static int h_remove(const struct bz_name *n, uint32_t directory)
{
	struct bz_request r = {.op = BZ_REQ_REMOVE, .flags = directory};

	return about(&r, -1, n);
}

static int h_readlink(const struct bz_name *n, char *buf, size_t len)
{
	struct bz_request r = {.op = BZ_REQ_READLINK};
	int64_t ret = about(&r, -1, n);

	if (ret > 0)
		memcpy(buf, answer.payload, ret < (int64_t)len ? (size_t)ret : len);
	return ret;
}

static int64_t h_enumerate(const struct bz_name *n, uint64_t cookie, void *buf, size_t len)
{
	struct bz_request r = {.op = BZ_REQ_ENUMERATE, .off = cookie, .len = len};
	int64_t ret = about(&r, -1, n);

	if (ret > 0)
		memcpy(buf, answer.payload, ret);
	return ret;
}

static int h_lock(bz_stream s, struct bz_lock *lock)
{
	struct bz_request r = {.op = BZ_REQ_LOCK, .lock = *lock};
	int64_t ret = about(&r, s, NULL);

	if (ret >= 0)
		*lock = answer.reply.lock;
	return ret;
}

static int h_xattr(bz_stream s, const struct bz_name *n, uint32_t op, const char *key, void *buf, size_t len)
{
	bool sets = op == 1 || op == 4 || op == 5;
	struct bz_request r = {.op = BZ_REQ_XATTR, .flags = op, .root = n->root, .a_len = n->path_len,
			       .b_len = key ? strlen(key) : 0, .c_len = sets ? len : 0, .len = len};
	int64_t ret = call(&r, n->path, key, sets ? buf : NULL);

	if (ret > 0 && !sets && len)
		memcpy(buf, answer.payload, ret);
	return ret;
}

static int h_map(bz_stream s, uint64_t addr, size_t len, uint32_t prot, uint32_t flags, uint64_t off)
{
	int fd = s == BZ_STREAM_IMAGE ? image_fd : s == BZ_STREAM_ARENA ? arena_fd : s;
	void *p = mmap((void *)addr, len, prot, (flags & BZ_MAP_SHARED ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED, fd, off);

	return p == MAP_FAILED ? -errno : 0;
}

static int h_advise(uint64_t addr, size_t len, uint32_t advice)
{
	return advice == BZ_ADV_REMOVE && madvise((void *)addr, len, MADV_REMOVE) ? -errno : 0;
}

static int64_t h_clock(uint32_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void h_random(void *buf, size_t len)
{
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort();
}

/* Only threads of this program wait, and none dies: a lock's owner is not probed. */
static int h_wait(uint32_t *word, uint32_t expected, uint32_t mask, uint32_t flags, uint32_t clock, int64_t deadline)
{
	return syscall(SYS_futex, word, FUTEX_WAIT, expected, NULL) < 0 ? -errno : 0;
}

static int h_wake(uint32_t *word, uint32_t n, uint32_t mask, uint32_t flags)
{
	return syscall(SYS_futex, word, FUTEX_WAKE, n);
}

static struct bz_abi table = {
	.version = BZ_ABI_VERSION, .size = sizeof(table), .mem_advise = h_advise, .stream_open = h_open,
	.stream_close = h_close, .stream_read = h_read, .stream_write = h_write, .stream_map = h_map,
	.stream_getattr = h_getattr, .stream_setattr = h_setattr, .stream_resize = h_resize, .stream_flush = h_flush,
	.stream_rename = h_rename, .stream_link = h_link, .stream_remove = h_remove, .stream_readlink = h_readlink,
	.stream_enumerate = h_enumerate, .stream_lock = h_lock, .stream_xattr = h_xattr, .clock_read = h_clock,
	.random_bytes = h_random, .wait = h_wait, .wake = h_wake,
};

void *testhost_table(void);
void *testhost_table(void)
{
	return &table;
}

void testhost_arena(size_t size);
void testhost_arena(size_t size)
{
	arena_fd = memfd_create("arena", MFD_CLOEXEC);
	if (arena_fd < 0 || ftruncate(arena_fd, size) ||
	    mmap((void *)BZ_ARENA_BASE, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, arena_fd, 0) !=
		    (void *)BZ_ARENA_BASE ||
	    server_init(&server, 4096)) {
		perror("arena");
		exit(1);
	}
	server.proc_fd = open("/proc/self/fd", O_PATH | O_CLOEXEC);
	server.host_uid = server.guest_uid = geteuid();
	server.host_gid = server.guest_gid = getegid();
}

int testhost_grant(const char *dir);
int testhost_grant(const char *dir)
{
	int ret = server_grant(&server, open(dir, O_PATH | O_CLOEXEC), false, false, dir);

	if (ret < 0) {
		fprintf(stderr, "%s: cannot be granted: %s\n", dir, strerror(-ret));
		exit(1);
	}
	return ret;
}

long testhost_image(const char *path);
long testhost_image(const char *path)
{
	image_fd = open(path, O_RDONLY | O_CLOEXEC);
	return image_fd < 0 ? 0 : lseek(image_fd, 0, SEEK_END);
}

void testhost_gs(void *tcb);
void testhost_gs(void *tcb)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, tcb);
}
