/*
 * Picoprocesses cloned a thousand times, from one with several threads: memory is copied, the arena and the descriptors
 * are shared, numbers and random bytes are the child's own, and no one who ended stays behind.
 */
#include "tests/hostile/guest.h"

#define CLONES 1000

static uint32_t child_done, child_ok, bystander_runs;
static uint64_t child_random[2], parent_random[2];
static int32_t child_tid;
static uint64_t mark = 0x1234567812345678;

#define PRIVATE ((volatile uint64_t *)0x10000000)

GUEST static void guest_child(uint64_t arg)
{
	raw(7000, arg, 0, 0, 0, 0, 0);
	for (;;)
		;
}

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	EXPECT(exc->kind == BZ_EXC_SYSCALL && ctx->rax == 7000 && ctx->rdi == 77);
	child_ok++;
	__atomic_store_n(&child_done, 1, __ATOMIC_SEQ_CST);
	host->wake(&child_done, 1, ~0u, BZ_WAIT_SHARED);
	host->process_exit(0);
}

static void child(struct bz_context *ctx, int i, int32_t parent_tid)
{
	uint32_t threads;

	EXPECT(tcb()->tid != parent_tid);
	EXPECT(*PRIVATE == (uint64_t)i);
	*PRIVATE = 4711;
	child_tid = tcb()->tid;
	host->random_bytes(child_random, sizeof(child_random));
	/* Threads work here as well. */
	threads = 1;
	if (i % 100 == 0) {
		static uint32_t word;

		word = 1;
		EXPECT(host->thread_create(&word) > 0);
		while (__atomic_load_n(&word, __ATOMIC_SEQ_CST))
			host->wait(&word, threads, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
	}
	guest_enter(ctx, guest_child, 77, 1);
}

static bool parent(struct bz_context *ctx)
{
	int32_t self = tcb()->tid, tid;

	EXPECT(host->mem_map((uint64_t)PRIVATE, 4096, 3, 0) == 0);
	EXPECT(host->thread_create((void *)2) > 0);
	for (int i = 0; i < CLONES; i++) {
		*PRIVATE = i;
		child_done = 0;
		tid = host->process_clone();
		if (tid == 0) {
			child(ctx, i, self);
			return true;
		}
		if (tid < 0) {
			say("FAIL clone %d: %d", i, tid);
			break;
		}
		while (!__atomic_load_n(&child_done, __ATOMIC_SEQ_CST))
			host->wait(&child_done, 0, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
		EXPECT(tid == child_tid);
		EXPECT(tcb()->tid == self);
		EXPECT(*PRIVATE == (uint64_t)i);
		host->random_bytes(parent_random, sizeof(parent_random));
		EXPECT(memcmp(parent_random, child_random, sizeof(parent_random)));
		while (host->thread_interrupt(tid, 1) != -BZ_ESRCH)
			host->thread_yield(); /* reaped by no one but the kernel */
	}
	EXPECT(child_ok == CLONES);
	EXPECT(mark == 0x1234567812345678);
	EXPECT(bystander_runs > 0);
	finish(1);
	return false;
}

void on_thread(void *arg, struct bz_context *ctx)
{
	if (arg == (void *)1) {
		guest_setup();
		if (parent(ctx))
			return;
		host->process_exit(0);
	}
	if (arg == (void *)2) {
		for (;;) { /* in the way */
			__atomic_add_fetch(&bystander_runs, 1, __ATOMIC_SEQ_CST);
			host->thread_yield();
		}
	}
	host->thread_exit(arg);
}

void test_main(void)
{
	uint64_t left = 0;

	EXPECT(host->process_create((void *)1) > 0);
	await_done();
	EXPECT(host->process_clone() == -BZ_EINVAL); /* the template is not to be copied so */
	say("cloned %d times, %ld left", CLONES, (long)left);
}
