/*
 * An interrupt at any instruction of the two windows is not lost: between the look at the mark and the `syscall` of a
 * blocking call, and between the look and the guest's first instruction.  The launcher stops the thread at each of
 * them in turn and sends the interrupt there (step.c).
 */
#include "tests/hostile/guest.h"

#define SECOND 1000000000ll

static uint32_t stop, ready, late, interrupted, remotes;

GUEST static void guest(uint64_t arg)
{
	volatile uint32_t *flags = (volatile uint32_t *)arg; /* stop */
	uint32_t n = 0;

	while (!flags[0]) {
		raw(6000 + (n++ & 1), 0, 0, 0, 0, 0, 0);
	}
	raw(CALL_END, 0, 0, 0, 0, 0, 0);
	for (;;)
		;
}

static uint32_t shared_flags[1];

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	if (exc->kind != BZ_EXC_SYSCALL || exc->in_libos) {
		say("FAIL exception %d code %d at %lx", exc->kind, exc->code, (long)ctx->rip);
		host->process_exit(1);
	}
	if (ctx->rax == CALL_END) {
		finish(1);
		host->process_exit(0);
	}
	/* The mark is only set again if the interrupt was taken for one of the library OS's own time. */
	if (tcb()->interrupted)
		late++;
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	ctx->rflags &= ~0x100ul; /* may be left of the launcher's single steps */
	ctx->flags = ctx->rax & 1 ? BZ_CTX_FULL : 0;
}

void on_remote(struct bz_context *ctx)
{
	remotes++;
	ctx->rflags &= ~0x100ul;
	ctx->flags |= BZ_CTX_FULL;
}

void on_thread(void *arg, struct bz_context *ctx)
{
	if (!arg) {
		uint32_t word = 0;

		while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
			int64_t deadline = host->clock_read(BZ_CLOCK_MONOTONIC) + SECOND / 500;
			int ret = host->wait(&word, 0, ~0u, 0, BZ_CLOCK_MONOTONIC, deadline);

			interrupted += ret == -BZ_EINTR;
			EXPECT(ret == -BZ_ETIMEDOUT || ret == -BZ_EINTR);
			tcb()->interrupted = 0;
			__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
		}
		finish(1);
		host->process_exit(0);
	}
	guest_setup();
	guest_enter(ctx, guest, (uint64_t)shared_flags, 0);
}

/* Returns how many interrupts were sent. */
static uint32_t run(void *arg, const char *command)
{
	struct bz_control ctl = {0};

	ready = 0;
	EXPECT(host->process_create(arg) > 0);
	/* While it steps the launcher answers no request: all that a start asks for must be over. */
	while (!__atomic_load_n(&ready, __ATOMIC_SEQ_CST))
		host->thread_yield();
	say("%s", command);
	/* The launcher answers with an event when it is done. */
	say("event");
	for (;;) {
		uint32_t word = 0;

		if (host->control_next(&ctl, &word, 0, BZ_NO_DEADLINE) == 1)
			break;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	shared_flags[0] = 1;
	await_done();
	stop = 0;
	shared_flags[0] = 0;
	return ctl.arg;
}

void test_main(void)
{
	uint32_t sent = run((void *)0, "step block");

	EXPECT(sent > 10);
	if (interrupted != sent)
		say("FAIL %d interrupts were sent, %d waits interrupted", sent, interrupted);
	sent = run((void *)1, "step resume");
	EXPECT(sent > 100);
	if (remotes != sent || late)
		say("FAIL %d interrupts were sent, %d remote upcalls, %d of them late", sent, remotes, late);
}
