/* A picoprocess is created, makes system calls that arrive in the library OS, faults, and goes on. */
#include "tests/hostile/guest.h"

static uint64_t calls, faults;

GUEST static void guest(uint64_t arg)
{
	long ret = 0;

	for (int i = 0; i < 100; i++)
		ret += raw(6000, i, 0, 0, 0, 0, 0);
	*(volatile uint64_t *)arg = ret;
	*(volatile char *)0x1234 = 1; /* the handler skips it */
	raw(CALL_END, 0, 0, 0, 0, 0, 0);
}

static uint64_t sum;

void on_thread(void *arg, struct bz_context *ctx)
{
	guest_setup();
	guest_enter(ctx, guest, (uint64_t)arg, 0);
}

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	if (exc->kind == BZ_EXC_SYSCALL && ctx->rax == 6000) {
		calls++;
		ctx->rax = ctx->rdi * 2;
	} else if (exc->kind == BZ_EXC_SEGV) {
		EXPECT(exc->addr == 0x1234 && !exc->in_libos);
		faults++;
		ctx->rip += 8 - 1 + 1; /* movb $1, 0x1234: eight bytes */
	} else {
		finish(1);
		host->process_exit(0);
	}
}

void test_main(void)
{
	int tid = host->process_create(&sum);

	EXPECT(tid > 0);
	await_done();
	EXPECT(calls == 100);
	EXPECT(faults == 1);
	EXPECT(sum == 9900);
	EXPECT(host->clock_read(BZ_CLOCK_MONOTONIC) > 0);
	say("process %d made %d calls", tid, (int)calls);
}
