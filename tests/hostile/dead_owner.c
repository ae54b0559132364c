/*
 * A picoprocess dies with the lock of the channel to the monitor.  Between requests (argument 0) the next one takes
 * it over; within a request (argument 1) the conversation cannot be put right: the sandbox ends and says why, instead
 * of hanging.
 */
#include "tests/hostile/guest.h"

/* The host layer's shared page, as a guest may write it: lock, waiters, busy. */
#define HOST_PAGE ((volatile uint32_t *)BZ_ARENA_BASE)

void on_thread(void *arg, struct bz_context *ctx)
{
	struct bz_name name = {BZ_EVENT, 0, NULL, 0};

	if (arg == (void *)1) {
		HOST_PAGE[0] = tcb()->tid;
		HOST_PAGE[2] = boot->memory_limit;
		finish(1);
		host->thread_exit(NULL); /* the only one */
	}
	EXPECT(host->stream_open(&name, 0, 0, NULL, NULL) > 0);
	EXPECT(boot->memory_limit == 0);
	finish(2);
	host->process_exit(0);
}

void test_main(void)
{
	static uint32_t word;
	struct bz_control ctl;
	bz_stream set;

	/* The template's own request is made before. */
	EXPECT(host->control_next(&ctl, &word, 1, 0) == 0);
	EXPECT(host->process_create((void *)1) > 0);
	await_done();
	EXPECT(host->process_create((void *)2) > 0);
	if (!boot->memory_limit) {
		await_done();
		set = host->stream_open(&(struct bz_name){BZ_WAITSET, 0, NULL, 0}, 0, 0, NULL, NULL);
		EXPECT(set > 0);
		return;
	}
	for (;;)
		host->control_next(&ctl, &word, 0, BZ_NO_DEADLINE);
}
