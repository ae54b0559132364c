/* A picoprocess that abuses its monitor in the way that its first argument names. */
#include "tests/hostile/guest.h"

#include "abi/bartizan_wire.h"
#include "host/linux/calls.h"

static char message[70000];
static uint32_t never;

static bool is(const char *want)
{
	const uint32_t *argv = (const void *)((const char *)boot + boot->argv);
	const char *have = (const char *)boot + argv[1];

	while (*want && *want == *have)
		want++, have++;
	return *want == *have;
}

/* Raw calls of the template by the host layer's instructions: they meet nothing but the filter. */
static uint64_t gadget;

static long send_raw(int fd, const void *data, size_t len)
{
	struct bz_iov iov = { (void *)data, len };

	return host_call(gadget, HOST_NR_pwritev2, fd, (long)&iov, 1, -1, -1, 0);
}

static long receive_raw(void)
{
	struct bz_iov iov = { message, sizeof(message) };

	return host_call(gadget, HOST_NR_preadv2, BZ_FD_CONTROL, (long)&iov, 1, -1, -1, 0);
}

static uint64_t next_random(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	return x ^= x << 17;
}

/* Requests of any size and content; each gets an answer but those that have none. */
static void garbage(void)
{
	for (int i = 0; i < 3000; i++) {
		size_t len = next_random() % (i % 10 ? 600 : sizeof(message));
		struct bz_request *head = (void *)message;

		for (size_t k = 0; k < len; k++)
			message[k] = next_random();
		if (i % 2 && len >= sizeof(*head)) { /* half of them well-formed from outside */
			head->op = 3 + next_random() % 24;
			head->root = next_random() % 3;
			head->handle = 0;
			head->a_len = next_random() % 8 + 1;
			head->b_len = head->c_len = 0;
			for (uint32_t k = 0; k < head->a_len; k++)
				message[sizeof(*head) + k] = 'a' + k;
			len = sizeof(*head) + head->a_len;
		}
		if (!len || (len >= sizeof(*head) && (head->op == BZ_REQ_EXIT || head->op == BZ_REQ_FORGET ||
							head->op == BZ_REQ_UNWATCH)))
			continue;
		EXPECT(send_raw(BZ_FD_CONTROL, message, len) == (long)len);
		EXPECT(receive_raw() >= (long)sizeof(struct bz_reply));
	}
	say("survived");
	host->process_exit(0);
}

/* Requests whose answers nobody takes. */
static void deaf(void)
{
	struct bz_request request = { .op = BZ_REQ_RANDOM };

	for (;;)
		send_raw(BZ_FD_CONTROL, &request, sizeof(request));
}

static void noisy(void)
{
	for (int i = 0; i < 20000; i++)
		host->debug_log(BZ_LOG_WARN, "\033[2Jnoise", 9);
	say("survived");
	host->process_exit(5 << 8);
}

/* Each request once, as a library OS would make it: the confined monitor must be able to serve them all. */
static void watches(const struct bz_name *dir, const struct bz_name *d, const struct bz_name *single)
{
	struct bz_name changes = { BZ_CHANGES, 0, NULL, 0 }, all = *dir, one = *single, none = { BZ_WATCH, 77, "", 0 };
	struct bz_iov iov = { message, sizeof(message) };
	struct bz_change *c = (void *)message;
	int s, w;

	all.scheme = one.scheme = BZ_WATCH;
	EXPECT(host->stream_open(&all, BZ_OPEN_READ, 0, NULL, NULL) == -BZ_EBADF);
	s = host->stream_open(&changes, BZ_OPEN_READ, 0, NULL, NULL);
	EXPECT(s > 0);
	EXPECT(host->stream_read(s, &iov, 1, BZ_OFFSET_NONE, BZ_IO_NOWAIT) == -BZ_EAGAIN);
	w = host->stream_open(&all, BZ_OPEN_READ, 0, NULL, NULL);
	EXPECT(w >= BZ_WATCH_BASE && host->stream_open(&all, BZ_OPEN_READ, 0, NULL, NULL) == w);
	EXPECT(host->stream_open(&one, BZ_OPEN_READ, 0, NULL, NULL) > w);
	EXPECT(host->stream_open(&none, BZ_OPEN_READ, 0, NULL, NULL) == -BZ_EACCES);
	EXPECT(host->stream_remove(d, 1) == 0);
	EXPECT(host->stream_read(s, &iov, 1, BZ_OFFSET_NONE, BZ_IO_NOWAIT) >= (long)sizeof(*c) + 2);
	EXPECT(c->watch == w - BZ_WATCH_BASE && c->mask == 0x40000200 && c->name[0] == d->path[0]);
	EXPECT(host->stream_close(w, 0) == 0 && host->stream_close(w, 0) == 0);
	EXPECT(host->stream_open(d, BZ_OPEN_CREATE | BZ_OPEN_DIRECTORY, 0755, NULL, NULL) == 0);
	EXPECT(host->stream_close(s, 0) == 0);
}

static void sweep(void)
{
	struct bz_name dir = { BZ_VOLUME, 2, "", 0 }, a = { BZ_VOLUME, 2, "a", 1 }, b = { BZ_VOLUME, 2, "b", 1 };
	struct bz_name d = { BZ_VOLUME, 2, "d", 1 }, single = { BZ_VOLUME, 3, "", 0 };
	struct bz_attr attr = { .valid = BZ_ATTR_MODE | BZ_ATTR_OWNER | BZ_ATTR_ATIME | BZ_ATTR_MTIME, .mode = 0640,
				.uid = 1000, .gid = 1000, .mtime = 1000000007 };
	struct bz_lock lock = { .type = 1, .len = 10 }, whole = { .type = 1, .flags = BZ_LOCK_WHOLE };
	int f = host->stream_open(&a, BZ_OPEN_READ | BZ_OPEN_WRITE | BZ_OPEN_CREATE, 0644, NULL, NULL);
	char text[16];

	EXPECT(f >= 0);
	EXPECT(host->stream_resize(f, 0, 5000, 0) == 0);
	for (uint32_t op = 1; op <= 3; op++) {
		int ret = host->stream_resize(f, op, 4096, 4096);

		EXPECT(ret == 0 || ret == -BZ_EOPNOTSUPP);
	}
	EXPECT(host->stream_flush(f, 0) == 0 && host->stream_flush(f, 1) == 0);
	EXPECT(host->stream_lock(f, &lock) == 0);
	lock.flags = BZ_LOCK_TEST;
	EXPECT(host->stream_lock(f, &lock) == 0);
	EXPECT(host->stream_lock(f, &whole) == 0);
	if (host->stream_xattr(f, NULL, 1, "user.x", "v", 1) >= 0) {
		EXPECT(host->stream_xattr(-1, &a, 0, "user.x", text, sizeof(text)) == 1);
		EXPECT(host->stream_xattr(-1, &a, 3, NULL, text, sizeof(text)) == 7);
		EXPECT(host->stream_xattr(-1, &a, 2, "user.x", NULL, 0) == 0);
	}
	EXPECT(host->stream_setattr(f, NULL, &attr) == 0);
	EXPECT(host->stream_setattr(-1, &a, &attr) == 0);
	EXPECT(host->stream_getattr(-1, &a, BZ_ATTR_FS, &attr) == 0 && attr.mode == 0640 && attr.mtime == 1000000007);
	EXPECT(host->stream_rename(&a, &b, 1) == 0);
	EXPECT(host->stream_link(-1, &b, &a) == 0);
	EXPECT(host->stream_open(&d, BZ_OPEN_CREATE | BZ_OPEN_SYMLINK, 0, "target", NULL) == 0);
	EXPECT(host->stream_readlink(&d, text, sizeof(text)) == 6);
	EXPECT(host->stream_remove(&d, 0) == 0);
	EXPECT(host->stream_open(&d, BZ_OPEN_CREATE | BZ_OPEN_DIRECTORY, 0755, NULL, NULL) == 0);
	EXPECT(host->stream_enumerate(&dir, 0, message, sizeof(message)) > 0);
	EXPECT(host->stream_enumerate(&dir, ((struct bz_dirent *)message)->cookie, message, sizeof(message)) > 0);
	EXPECT(host->stream_open(&dir, BZ_OPEN_UNNAMED | BZ_OPEN_WRITE, 0600, NULL, NULL) >= 0);
	EXPECT(host->stream_open(&single, BZ_OPEN_READ | BZ_OPEN_WRITE | BZ_OPEN_TRUNC, 0, NULL, NULL) >= 0);
	watches(&dir, &d, &single);
	EXPECT(host->stream_remove(&d, 1) == 0 && host->stream_remove(&a, 0) == 0 && host->stream_remove(&b, 0) == 0);
	EXPECT(host->stream_close(f, 0) == 0);
	host->random_bytes(message, 100);
	say("survived");
	host->process_exit(0);
}

void on_thread(void *arg, struct bz_context *ctx)
{
}

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	host->process_exit(99 << 8);
}

void on_remote(struct bz_context *ctx)
{
}

void test_main(void)
{
	struct bz_control control;

	gadget = find_gadget();
	if (is("garbage"))
		garbage();
	if (is("deaf"))
		deaf();
	if (is("sweep"))
		sweep();
	if (is("noisy"))
		noisy();
	if (is("forbidden"))
		host_call(gadget, 41, 2, 1, 0, 0, 0, 0); /* socket */
	if (is("panic")) {
		host->debug_log(BZ_LOG_PANIC, "the \033[31mend", 12);
		host->debug_log(BZ_LOG_PANIC, "what followed from that", 23);
		host->process_exit(6);
	}
	if (is("die"))
		host_call(gadget, HOST_NR_exit, 3, 0, 0, 0, 0, 0);
	for (;;)
		if (host->control_next(&control, &never, 0, BZ_NO_DEADLINE) == 1 && is("echo"))
			host->process_exit(control.kind << 8 | control.arg << 12);
}
