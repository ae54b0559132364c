/* A sandbox that stands still to be looked at: two picoprocesses besides the template, one with two threads. */
#include "tests/hostile/guest.h"

static uint32_t never;

static void stand_still(void)
{
	for (;;)
		host->wait(&never, 0, ~0u, BZ_WAIT_SHARED, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
}

void on_thread(void *arg, struct bz_context *ctx)
{
	if (arg == (void *)1)
		EXPECT(host->thread_create((void *)3) > 0);
	else
		say("ready");
	stand_still();
}

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	say("FAIL exception %u", exc->kind);
}

void on_remote(struct bz_context *ctx)
{
}

void test_main(void)
{
	EXPECT(host->process_create((void *)1) > 0);
	EXPECT(host->process_create((void *)2) > 0);
	/* The template waits as a library OS's does: for its operator. */
	for (;;) {
		struct bz_control control;

		host->control_next(&control, &never, 0, BZ_NO_DEADLINE);
	}
}
