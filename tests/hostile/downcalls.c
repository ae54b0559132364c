/*
 * Downcalls with arguments that make no sense: each gives an error or does what it says, none makes a host call that
 * the filter stops (which would end the sandbox for a mistake of the library OS), none destroys the host layer.
 */
#include "tests/hostile/guest.h"

#define ROUNDS 30000

static uint64_t state = 88172645463325252ull;
static char buffer[8192];

static uint64_t any(void)
{
	static const uint64_t values[] = {
		0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 31, 100, 4095, 4096, 8192, 65536, 1ul << 20, 1ul << 31, 1ul << 32, 1ul << 46,
		-1ul, -2ul, -4096ul, 0x7fffffff, 0x40000000, 0x40000001, 0x10000000, 0x7f0000000000,
		BZ_GUEST_HIGH, BZ_GUEST_HIGH - 4096, BZ_RESERVED_LOW, BZ_RESERVED_LOW - 4096, BZ_RESERVED_HIGH,
		BZ_LIBOS_BASE, BZ_ARENA_BASE, BZ_ARENA_BASE + 0x8000000, BZ_IMAGE_BASE, 0x8000000000000000,
	};

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return values[state % (sizeof(values) / sizeof(values[0]))];
}

/* Short, so that the test is not about how long the kernel takes to map terabytes. */
static size_t any_len(void)
{
	return any() % (1ul << 22);
}

static void memory(void)
{
	host->mem_map(any(), any_len(), any(), any());
	host->mem_unmap(any(), any_len());
	host->mem_protect(any(), any_len(), any());
	/* Not the arena: REMOVE there is for the library OS to use, on itself if it likes. */
	host->mem_advise(0x10000000 + any_len(), any_len(), any());
	host->mem_move(any(), any_len(), any(), any_len(), any());
	host->stream_map(any(), any(), any_len(), any(), any(), any());
}

static void waiting(void)
{
	static uint32_t words[4];

	host->wait(any() & 1 ? words : (void *)any(), 0, any(), any(), any(), any() & 1 ? 0 : -1);
	host->wake(any() & 1 ? words : (void *)any(), any(), any(), any());
	host->requeue(words, any(), any(), any() & 1 ? words + 1 : (void *)any(), any(), any());
	if ((int32_t)any() > 100)
		EXPECT(host->thread_interrupt(any() | 0x10000000, any()) == -BZ_ESRCH);
	host->clock_read(any());
}

static void streams(void)
{
	struct bz_name name = {any(), any(), any() & 1 ? "file" : (void *)any(), any()};
	struct bz_iov iov[2] = {{buffer, any() & 255}, {any() & 1 ? buffer : (void *)any(), any() & 255}};
	struct bz_lock lock = {0};
	struct bz_address address = {.port = any()};
	struct bz_attr attr = {0};
	struct bz_ready ready;
	bz_stream s = any();

	s = host->stream_open(&name, any(), any(), "target", &attr);
	host->stream_read(any() & 1 ? s : (bz_stream)any(), iov, 2, any(), any() | BZ_IO_NOWAIT);
	host->stream_write(any() & 1 ? s : (bz_stream)any(), iov, 2, any(), any() | BZ_IO_NOWAIT);
	host->stream_wait(any(), any(), 0);
	host->stream_getattr(any(), &name, any(), &attr);
	host->stream_setattr(any(), &name, &attr);
	host->stream_resize(any(), any(), any(), any());
	host->stream_flush(any(), any());
	host->stream_rename(&name, &name, any());
	host->stream_link(any(), &name, &name);
	host->stream_remove(&name, any());
	host->stream_readlink(&name, buffer, sizeof(buffer));
	host->stream_enumerate(&name, any(), buffer, sizeof(buffer));
	host->stream_connect(any(), &address, &address);
	host->stream_open(&(struct bz_name){BZ_TCP, any(), NULL, 0}, any(), any(), NULL, NULL);
	host->stream_accept(any(), &address);
	host->stream_close(any() & 1 ? s : (bz_stream)any(), any() | 1);
	host->stream_lock(any(), &lock);
	host->stream_xattr(any(), &name, any(), "user.x", buffer, sizeof(buffer));
	host->waitset_change(any(), any(), any(), any(), any());
	host->waitset_wait(any(), &ready, any() & 1, 0);
	if (s > 8)
		host->stream_close(s, 0);
	host->stream_close(any(), 0);
}

void on_thread(void *arg, struct bz_context *ctx)
{
	for (int i = 0; i < ROUNDS; i++) {
		memory();
		waiting();
		if (i % 10 == 0)
			streams();
	}
	EXPECT(host->process_create(NULL) == -BZ_EINVAL);
	finish(1);
	host->process_exit(0);
}

void test_main(void)
{
	EXPECT(host->process_create(NULL) > 0);
	await_done();
	say("%d rounds", ROUNDS);
}
