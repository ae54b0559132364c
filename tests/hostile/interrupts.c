/*
 * No interrupt and no wake-up is lost, however it meets its thread: on the way into a wait, asleep, on the way back to
 * the guest, in guest code.  A lost one stops the test (and its timeout fails it).
 */
#include "tests/hostile/guest.h"

#define ROUNDS 20000
#define FOREVER BZ_NO_DEADLINE

enum phase { WAITING = 1, UNTIMED_READ, SET, GUEST_CODE };
static uint32_t phase, rounds, ready, stop, word, in_guest_words[3], unexpected;
#define in_guest in_guest_words[0]
static int32_t target;
static bz_stream pipe_end, set;

static void spin(uint32_t n)
{
	while (n--)
		__asm__ volatile("pause");
}

static uint32_t next_random(void)
{
	static uint64_t x = 88172645463325252ull;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

static bz_stream open_name(const char *path, uint32_t len)
{
	struct bz_name name = {BZ_VOLUME, 1, path, len};

	return host->stream_open(&name, BZ_OPEN_READ, 0, NULL, NULL);
}

static void block(uint32_t how)
{
	struct bz_ready r;
	char c;
	struct bz_iov iov = {&c, 1};
	int64_t ret = 0;

	switch (how) {
	case WAITING:
		ret = host->wait(&word, 0, ~0u, 0, BZ_CLOCK_MONOTONIC, FOREVER);
		break;
	case UNTIMED_READ:
		ret = host->stream_read(pipe_end, &iov, 1, BZ_OFFSET_NONE, 0);
		break;
	case SET:
		ret = host->waitset_wait(set, &r, 1, FOREVER);
		break;
	}
	if (ret != -BZ_EINTR)
		say("FAIL phase %d: %ld", how, (long)ret);
	EXPECT(tcb()->interrupted == 1);
	tcb()->interrupted = 0;
	__atomic_add_fetch(&rounds, 1, __ATOMIC_SEQ_CST);
}

/* Sends one interrupt a round, at a random moment, and waits for it to have arrived. */
static void interrupt_all(uint32_t how, uint32_t count)
{
	__atomic_store_n(&rounds, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&phase, how, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < count; i++) {
		spin(next_random() % 300);
		EXPECT(host->thread_interrupt(target, 0) == 0);
		for (uint32_t n = 0; __atomic_load_n(&rounds, __ATOMIC_SEQ_CST) == i; n++)
			if (n > 200)
				host->thread_yield();
	}
	say("phase %d: %d interrupts", how, (int)count);
}

GUEST static void guest(uint64_t arg)
{
	volatile uint32_t *stopped = (volatile uint32_t *)arg;

	while (!*stopped) {
		for (volatile int i = 0; i < 50; i++)
			;
		raw(6000, 0, 0, 0, 0, 0, 0);
	}
	raw(CALL_END, 0, 0, 0, 0, 0, 0);
}

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	if (exc->kind != BZ_EXC_SYSCALL || exc->in_libos) {
		say("FAIL exception %d at %lx", exc->kind, (long)ctx->rip);
		host->process_exit(1);
	}
	if (__atomic_load_n(&in_guest, __ATOMIC_SEQ_CST))
		unexpected++;
	if (ctx->rax == CALL_END) {
		ready = 2;
		host->thread_exit(&ready);
	}
	/* Sometimes by the quick way, sometimes by the other. */
	if (next_random() & 1)
		ctx->flags |= BZ_CTX_FULL;
	else
		ctx->flags = 0;
}

void on_remote(struct bz_context *ctx)
{
	if (__atomic_load_n(&in_guest, __ATOMIC_SEQ_CST))
		unexpected++;
	EXPECT(tcb()->interrupted == 0);
	__atomic_add_fetch(&rounds, 1, __ATOMIC_SEQ_CST);
	ctx->flags |= BZ_CTX_FULL;
}

static void target_thread(struct bz_context *ctx)
{
	uint32_t last = 0, now;

	target = tcb()->tid;
	tcb()->resume_flag = (uint64_t)in_guest_words;
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	while ((now = __atomic_load_n(&phase, __ATOMIC_SEQ_CST)) != GUEST_CODE) {
		if (!now)
			continue;
		if (now != last) {
			last = now;
		}
		block(now);
		if (__atomic_load_n(&rounds, __ATOMIC_SEQ_CST) == ROUNDS)
			while (__atomic_load_n(&phase, __ATOMIC_SEQ_CST) == now)
				;
	}
	guest_setup();
	guest_enter(ctx, guest, (uint64_t)&stop, 0);
}

/* Two threads of two processes hand a token back and forth. */
static uint32_t token;

static void pass_token(uint32_t self)
{
	for (int i = 0; i < ROUNDS; i++) {
		while (__atomic_load_n(&token, __ATOMIC_SEQ_CST) != self)
			host->wait(&token, !self, 1u << self, BZ_WAIT_SHARED, BZ_CLOCK_REALTIME, FOREVER);
		__atomic_store_n(&token, !self, __ATOMIC_SEQ_CST);
		host->wake(&token, 1, 1u << !self, BZ_WAIT_SHARED);
	}
}

void on_thread(void *arg, struct bz_context *ctx)
{
	switch ((uint64_t)arg) {
	case 1:
		pipe_end = open_name("r", 1);
		set = host->stream_open(&(struct bz_name){BZ_WAITSET, 0, NULL, 0}, 0, 0, NULL, NULL);
		EXPECT(pipe_end > 0 && set > 0);
		EXPECT(host->waitset_change(set, BZ_WAITSET_ADD, pipe_end, BZ_WAIT_IN, 7) == 0);
		EXPECT(host->thread_create((void *)2) > 0);
		while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
			host->thread_yield();
		interrupt_all(WAITING, ROUNDS);
		interrupt_all(UNTIMED_READ, ROUNDS);
		interrupt_all(SET, ROUNDS);
		interrupt_all(GUEST_CODE, ROUNDS);
		stop = 1;
		while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
			host->thread_yield();
		EXPECT(unexpected == 0);
		/* It has left its block, and soon is no more. */
		while (host->thread_interrupt(target, 1) != -BZ_ESRCH)
			host->thread_yield();
		finish(1);
		host->process_exit(0);
	case 2:
		target_thread(ctx);
		return;
	case 3:
		pass_token(1);
		finish(1);
		host->process_exit(0);
	case 4:
		pass_token(0);
		host->process_exit(0);
	}
}

void test_main(void)
{
	EXPECT(host->process_create((void *)1) > 0);
	await_done();
	EXPECT(host->process_create((void *)3) > 0);
	EXPECT(host->process_create((void *)4) > 0);
	await_done();
	say("token passed %d times", 2 * ROUNDS);
}
