/*
 * Ten thousand threads begin and end, some at a time: each has its own block and number, blocks are used again but never
 * while their thread lives, and the word given to thread_exit is cleared and its waiters woken.
 */
#include "tests/hostile/guest.h"

#define THREADS 10000
#define AT_ONCE 50

static uint32_t alive[AT_ONCE], started;
static struct bz_tcb *lowest, *highest;
static uint64_t mxcsr_seen;

static void child(uint64_t slot)
{
	struct bz_tcb *t = tcb();
	volatile char stack[20000];
	uint32_t mxcsr;

	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	mxcsr_seen = mxcsr;
	EXPECT(t->self == t && t->libos == NULL && t->interrupted == 0 && t->resume_flag == 0);
	EXPECT(t->stack_top > (uint64_t)stack && (uint64_t)stack > t->stack_top - t->stack_size);
	t->libos = (void *)(slot + 1);
	for (size_t i = 0; i < sizeof(stack); i += 4096)
		stack[i] = slot;
	if (!lowest || t < lowest)
		lowest = t;
	if (t > highest)
		highest = t;
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	host->thread_yield();
	EXPECT(t->libos == (void *)(slot + 1));
	for (size_t i = 0; i < sizeof(stack); i += 4096)
		EXPECT(stack[i] == (char)slot);
	host->thread_exit(&alive[slot]);
}

static void await_slot(int slot, uint32_t flags)
{
	while (__atomic_load_n(&alive[slot], __ATOMIC_SEQ_CST))
		EXPECT(host->wait(&alive[slot], 1, ~0u, flags, BZ_CLOCK_MONOTONIC,
				  host->clock_read(BZ_CLOCK_MONOTONIC) + 10000000000) != -BZ_ETIMEDOUT);
}

static void parent(void)
{
	uint32_t mxcsr = 0x1f80 | 0x6000; /* round towards zero */
	int last = 0;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	for (int i = 0; i < THREADS; i++) {
		int slot = i % AT_ONCE, tid;

		/* By a private and by a shared futex: thread_exit wakes both. */
		await_slot(slot, i / AT_ONCE & 1 ? BZ_WAIT_SHARED : 0);
		alive[slot] = 1;
		tid = host->thread_create((void *)(uint64_t)(slot + 10));
		if (tid <= 0 || tid == last)
			say("FAIL thread %d: %d", i, tid);
		last = tid;
	}
	for (int slot = 0; slot < AT_ONCE; slot++)
		await_slot(slot, 0);
	EXPECT(started == THREADS);
	EXPECT(mxcsr_seen == mxcsr);
	say("blocks used: %ld", (long)(highest - lowest) * (long)sizeof(struct bz_tcb) / 0x20000 + 1);
	/* A dying thread may keep its block a little longer than its word. */
	EXPECT((highest - lowest) * sizeof(struct bz_tcb) / 0x20000 < 4 * AT_ONCE);
	finish(1);
	host->process_exit(0);
}

void on_thread(void *arg, struct bz_context *ctx)
{
	if ((uint64_t)arg >= 10)
		child((uint64_t)arg - 10);
	parent();
}

void test_main(void)
{
	EXPECT(host->process_create((void *)1) > 0);
	await_done();
}
