/*
 * Streams: opened through the monitor and used without it; waiting for them, and for the operator; and picoprocesses that
 * are stopped and continued from outside in every call that blocks, without noticing.
 */
#include "tests/hostile/guest.h"

static bz_stream open_name(const char *path, uint32_t len, uint32_t flags, struct bz_attr *attr)
{
	struct bz_name name = {BZ_VOLUME, 1, path, len};

	return host->stream_open(&name, flags, 0600, NULL, attr);
}

static int64_t put(bz_stream s, const char *text, size_t len, int64_t off, uint32_t flags)
{
	struct bz_iov iov = {(void *)text, len};

	return host->stream_write(s, &iov, 1, off, flags);
}

static int64_t get(bz_stream s, char *buf, size_t len, int64_t off, uint32_t flags)
{
	struct bz_iov iov = {buf, len};

	return host->stream_read(s, &iov, 1, off, flags);
}

static int64_t in_ms(int64_t ms)
{
	return host->clock_read(BZ_CLOCK_MONOTONIC) + ms * 1000000;
}

static void files(void)
{
	struct bz_attr attr;
	bz_stream s = open_name("file", 4, BZ_OPEN_READ | BZ_OPEN_WRITE, &attr), d;
	char buf[32];

	EXPECT(s > BZ_STREAM_STDERR);
	EXPECT(put(s, "hello", 5, 100, BZ_IO_SYNC) == 5);
	EXPECT(put(s, " world", 6, 0, BZ_IO_APPEND) == 6);
	EXPECT(get(s, buf, 32, 100, 0) == 11 && !memcmp(buf, "hello world", 11));
	EXPECT(get(s, buf, 32, 111, 0) == 0);
	EXPECT(get(s, buf, 5, 100, BZ_IO_NOWAIT) == 5);
	EXPECT(put(s, "hello", 5, 100, BZ_IO_NOWAIT | BZ_IO_DSYNC) == 5);
	EXPECT(get(s, buf, 32, 100, 0x100) == -BZ_EINVAL);
	EXPECT(host->stream_map(s, 0x20000000, 4096, 3, BZ_MAP_SHARED, 0) == 0);
	EXPECT(!memcmp((char *)0x20000064, "hello", 5));
	EXPECT(host->stream_map(s, 0x20000000, 4096, 3, BZ_MAP_SHARED | BZ_MAP_NOREPLACE, 0) == -BZ_EEXIST);
	EXPECT(host->stream_map(s, BZ_RESERVED_LOW, 4096, 3, BZ_MAP_SHARED, 0) == -BZ_EINVAL);
	EXPECT(host->stream_map(BZ_STREAM_ARENA, 0x20000000, 4096, 3, BZ_MAP_SHARED, 0) == -BZ_EINVAL);
	EXPECT(host->stream_wait(s, BZ_WAIT_IN, BZ_NO_DEADLINE) == BZ_WAIT_IN);
	EXPECT(host->stream_getattr(s, NULL, BZ_ATTR_BASIC, &attr) == -BZ_EACCES); /* this monitor's answer */
	EXPECT(host->stream_close(s, 0) == 0);
	EXPECT(host->stream_close(s, 0) == -BZ_EBADF);
	EXPECT(host->stream_getattr(s, NULL, BZ_ATTR_BASIC, &attr) == -BZ_EBADF);
	d = open_name("dir", 3, BZ_OPEN_READ | BZ_OPEN_DIRECTORY, NULL);
	EXPECT(d >= 0x40000000);
	EXPECT(host->stream_flush(d, 0) == -BZ_EACCES);
	EXPECT(get(d, buf, 32, 0, 0) == -BZ_EBADF);
	EXPECT(host->stream_close(d, 0) == 0);
	EXPECT(host->stream_flush(d, 0) == -BZ_EBADF);
	EXPECT(open_name("nothing", 7, BZ_OPEN_READ, NULL) == -BZ_ENOENT);
	/* The host's own channels are no streams. */
	EXPECT(get(0, buf, 32, BZ_OFFSET_NONE, 0) == -BZ_EBADF);
	EXPECT(put(7, buf, 32, BZ_OFFSET_NONE, 0) == -BZ_EBADF);
	EXPECT(host->stream_close(0, 0) == -BZ_EBADF && host->stream_close(6, 0) == -BZ_EBADF);
	EXPECT(host->stream_close(BZ_STREAM_ARENA, 0) == -BZ_EBADF && host->stream_close(BZ_STREAM_IMAGE, 0) == -BZ_EBADF);
}

static void events(void)
{
	struct bz_name name = {BZ_EVENT, 0, NULL, 0};
	bz_stream e = host->stream_open(&name, 0, 0, NULL, NULL), set = host->stream_open(&(struct bz_name){BZ_WAITSET, 0, NULL, 0}, 0, 0, NULL, NULL);
	struct bz_ready ready;
	uint64_t n = 3, before;
	int64_t now;

	EXPECT(e > 0 && set > 0);
	EXPECT(get(e, (char *)&n, 8, BZ_OFFSET_NONE, BZ_IO_NOWAIT) == -BZ_EAGAIN);
	EXPECT(host->stream_wait(e, BZ_WAIT_IN, 0) == 0);
	before = host->clock_read(BZ_CLOCK_MONOTONIC);
	EXPECT(host->stream_wait(e, BZ_WAIT_IN, before + 3000000) == 0);
	now = host->clock_read(BZ_CLOCK_MONOTONIC);
	EXPECT(now - before >= 3000000);
	EXPECT(host->waitset_change(set, BZ_WAITSET_ADD, e, BZ_WAIT_IN | BZ_WAIT_EDGE, 42) == 0);
	EXPECT(host->waitset_wait(set, &ready, 1, 0) == 0);
	EXPECT(put(e, (char *)&n, 8, BZ_OFFSET_NONE, 0) == 8);
	EXPECT(host->stream_wait(e, BZ_WAIT_IN | BZ_WAIT_OUT, BZ_NO_DEADLINE) == (BZ_WAIT_IN | BZ_WAIT_OUT));
	EXPECT(host->waitset_wait(set, &ready, 1, BZ_NO_DEADLINE) == 1 && ready.data == 42 && ready.events == BZ_WAIT_IN);
	EXPECT(host->waitset_wait(set, &ready, 1, 0) == 0);
	n = 0;
	EXPECT(get(e, (char *)&n, 8, BZ_OFFSET_NONE, 0) == 8 && n == 3);
	EXPECT(host->stream_close(e, 0) == 0);
	EXPECT(host->stream_close(set, 0) == 0);
}

static void clocks(void)
{
	int64_t cpu = host->clock_read(BZ_CLOCK_THREAD_CPU);

	EXPECT(cpu > 0 && cpu <= host->clock_read(BZ_CLOCK_PROCESS_CPU));
	EXPECT(host->clock_read(BZ_CLOCK_REALTIME) > 1600000000000000000);
	cpu = host->clock_read(BZ_CLOCK_MONOTONIC);
	EXPECT(host->clock_read(BZ_CLOCK_BOOTTIME) >= cpu);
	EXPECT(host->clock_read(11) == -BZ_EINVAL);
}

/* ------------------------------------------------------------------------------------------------------ */

#define FROZEN 120 /* ms: the operator stops and continues us twenty times in 80 */
static uint32_t word, never, waiting, ready;

static void joined(void)
{
	if (__atomic_sub_fetch(&waiting, 1, __ATOMIC_SEQ_CST) == 0)
		finish(1);
	host->process_exit(0);
}

/* The next thing that this one does is to wait. */
static void about_to_wait(void)
{
	__atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
}

static void frozen_wait(void)
{
	about_to_wait();
	EXPECT(host->wait(&never, 0, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, in_ms(FROZEN)) == -BZ_ETIMEDOUT);
	joined();
}

static void frozen_wait_forever(void)
{
	int ret;

	about_to_wait();
	ret = host->wait(&word, 0, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
	EXPECT(ret == 0 || ret == -BZ_EAGAIN); /* on a busy machine the word may change before it is back at its sleep */
	joined();
}

static void frozen_read(void)
{
	bz_stream r = open_name("r", 1, BZ_OPEN_READ, NULL);
	char c = 0;

	about_to_wait();
	EXPECT(get(r, &c, 1, BZ_OFFSET_NONE, 0) == 1 && c == 'x');
	joined();
}

static void frozen_poll(void)
{
	bz_stream w = open_name("w", 1, BZ_OPEN_WRITE, NULL);

	about_to_wait();
	EXPECT(host->stream_wait(w, BZ_WAIT_IN, in_ms(FROZEN)) == 0);
	joined();
}

static void (*const frozen[])(void) = {frozen_wait, frozen_wait_forever, frozen_read, frozen_poll};
#define FROZEN_COUNT (sizeof(frozen) / sizeof(frozen[0]))

void on_thread(void *arg, struct bz_context *ctx)
{
	if ((uint64_t)arg < FROZEN_COUNT)
		frozen[(uint64_t)arg]();
	files();
	events();
	clocks();
	finish(1);
	host->process_exit(0);
}

static void operators_wishes(void)
{
	struct bz_control ctl = {0};
	uint32_t kick = 0;
	int64_t before = host->clock_read(BZ_CLOCK_MONOTONIC);
	int ret;

	EXPECT(host->control_next(&ctl, &kick, 1, BZ_NO_DEADLINE) == 0); /* the word differs already */
	/* Processes that end now may be reported first. */
	do
		EXPECT(host->control_next(&ctl, &kick, 0, before + 5000000) == 0);
	while (host->clock_read(BZ_CLOCK_MONOTONIC) < before + 5000000);
	say("event");
	do
		ret = host->control_next(&ctl, &kick, 0, BZ_NO_DEADLINE);
	while (ret == 0);
	EXPECT(ret == 1 && ctl.kind == BZ_CTL_SIGNAL && ctl.arg == 15);
}

void test_main(void)
{
	struct bz_control ctl;
	bz_stream w;
	int64_t until;

	EXPECT(host->process_create((void *)100) > 0);
	await_done();
	operators_wishes();
	waiting = FROZEN_COUNT;
	for (uint64_t i = 0; i < FROZEN_COUNT; i++)
		EXPECT(host->process_create((void *)i) > 0);
	/* While it freezes the launcher answers no request: all that comes before a wait must be over. */
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) < FROZEN_COUNT)
		host->thread_yield();
	say("freeze");
	until = in_ms(FROZEN);
	while (host->clock_read(BZ_CLOCK_MONOTONIC) < until)
		EXPECT(host->control_next(&ctl, &word, 0, until) == 0);
	word = 1;
	EXPECT((unsigned int)host->wake(&word, 1, ~0u, BZ_WAIT_SHARED) <= 1);
	w = open_name("w", 1, BZ_OPEN_WRITE, NULL);
	EXPECT(put(w, "x", 1, BZ_OFFSET_NONE, 0) == 1);
	await_done();
}
