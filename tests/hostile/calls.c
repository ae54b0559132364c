/*
 * Every system call number, raw from guest code with arguments that no rule allows, in the first thread, in another thread,
 * in a forked child.  Argument 0: by the guest's own `syscall` instruction, which traps whatever the number.  1: by jumping
 * to one of the host layer's: all but the few that take no argument or any are stopped by the filter.  2
 * (--kill-unlisted): one call, which kills.
 */
#include "tests/hostile/guest.h"

#define NUMBERS 1024
#define X32 0x40000000
#define SKIPPED (-4000)
#define TRAPPED (-4001)
#define CALL_FINISH 6001

struct probe {
	uint64_t gadget;
	uint32_t *done;
	uint32_t pad;
	int32_t plain[NUMBERS], x32[NUMBERS], high[16];
};
static struct probe probe;
static uint32_t traps;

/*
 * exit and rt_sigreturn would end the probe: they pass, as every other test shows.
 * 335 and 336, uretprobe and uprobe, are let through by newer kernels before they ask any filter: they serve the
 * kernel's own trampolines alone, and give SIGILL anywhere else (traps.c, too).
 */
GUEST static bool is_special(long nr, bool trapped)
{
	return (!trapped && (nr == 60 || nr == 15)) || nr == 335 || nr == 336;
}

GUEST static long call_by(uint64_t gadget, struct call *c)
{
	if (gadget)
		return guest_call(gadget, c);
	return raw(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4], c->args[5]);
}

GUEST static void guest(uint64_t arg)
{
	struct probe *p = (struct probe *)arg;
	struct call c;

	for (int i = 0; i < 6; i++)
		c.args[i] = -1;
	for (long nr = 0; nr < NUMBERS; nr++) {
		c.nr = nr;
		if (!is_special(nr, !p->gadget))
			p->plain[nr] = call_by(p->gadget, &c);
		else
			p->plain[nr] = SKIPPED;
		c.nr = nr | X32;
		p->x32[nr] = call_by(p->gadget, &c);
	}
	for (int i = 0; i < 16; i++) {
		c.nr = 1024l << i;
		p->high[i] = call_by(p->gadget, &c);
	}
	/* finish(1), by hand */
	if (p->gadget)
		*p->done = 1;
	c.nr = p->gadget ? 202 : CALL_FINISH;
	c.args[0] = (long)p->done;
	c.args[1] = 1;
	c.args[2] = 1;
	call_by(p->gadget, &c);
	for (;;)
		;
}

static void check(const char *where)
{
	/* close, munmap, pread64, sched_yield, restart_syscall take no argument that the filter looks at. */
	static const int unchecked[] = {3, 11, 17, 24, 219};
	int passed = 0;

	for (int nr = 0; nr < NUMBERS; nr++) {
		bool expected = false;

		for (size_t i = 0; i < sizeof(unchecked) / sizeof(unchecked[0]); i++)
			expected |= unchecked[i] == nr;
		if (probe.plain[nr] == SKIPPED)
			continue;
		if (probe.gadget ? (probe.plain[nr] != STOPPED) != expected : probe.plain[nr] != TRAPPED)
			say("FAIL %s: call %d gave %d", where, nr, probe.plain[nr]);
		if (probe.x32[nr] != (probe.gadget ? -BZ_ENOSYS : TRAPPED))
			say("FAIL %s: x32 call %d gave %d", where, nr, probe.x32[nr]);
		passed += probe.plain[nr] != STOPPED && probe.plain[nr] != TRAPPED;
	}
	for (int i = 0; i < 16; i++)
		if (probe.high[i] != (probe.gadget ? STOPPED : TRAPPED))
			say("FAIL %s: call %d gave %d", where, 1024 << i, probe.high[i]);
	say("%s: %d of %d numbers passed without arguments", where, passed, NUMBERS);
	memset(probe.plain, 0, sizeof(probe.plain));
	memset(probe.x32, 0, sizeof(probe.x32));
	memset(probe.high, 0, sizeof(probe.high));
}

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	EXPECT(exc->kind == BZ_EXC_SYSCALL && !exc->in_libos && !probe.gadget);
	if (ctx->rax == CALL_FINISH)
		finish(1);
	ctx->rax = TRAPPED;
}

static void enter(struct bz_context *ctx)
{
	guest_setup();
	guest_enter(ctx, guest, (uint64_t)&probe, 0);
}

void on_thread(void *arg, struct bz_context *ctx)
{
	switch ((uint64_t)arg) {
	case 1:
		enter(ctx);
		return;
	case 2:
		EXPECT(host->thread_create((void *)1) > 0);
		break;
	case 3:
		if (host->process_clone() == 0) {
			enter(ctx);
			return;
		}
		break;
	}
	for (;;)
		host->wait(&traps, 0, ~0u, 0, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
}

void test_main(void)
{
	static const char *const where[] = {"first thread", "another thread", "forked child"};

	/* --kill-unlisted: the template's own end tells the launcher. */
	if (boot->memory_limit == 2) {
		host_call(find_gadget(), 39, 0, 0, 0, 0, 0, 0);
		say("FAIL getpid did not kill");
		return;
	}
	probe.gadget = boot->memory_limit ? find_gadget() : 0;
	probe.done = &done;
	for (uint64_t i = 1; i <= 3; i++) {
		EXPECT(host->process_create((void *)i) > 0);
		await_done();
		check(where[i - 1]);
	}
}
