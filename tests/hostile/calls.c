/*
 * Every system call number, raw from guest code with arguments that no rule allows: all but the few that take
 * none or any are stopped by the filter, in the first thread, in another thread, in a forked child.
 * Argument 0 (with --no-dispatch): by the guest's own `syscall` instruction.  1 (dispatch on): by jumping to one of
 * the host layer's.  2 (--kill-unlisted): one call, which kills.
 */
#include "tests/hostile/guest.h"

#define NUMBERS 1024
#define X32 0x40000000
#define SKIPPED (-4000)

struct probe {
	uint64_t gadget;
	uint32_t *done;
	uint32_t pad;
	int32_t plain[NUMBERS], x32[NUMBERS], high[16];
};
static struct probe probe;
static uint32_t traps;

/*
 * exit and rt_sigreturn would end the probe: they pass, as every other test shows.  96, 201 and 309 trap (traps.c).
 * 335 and 336, uretprobe and uprobe, are let through by newer kernels before they ask any filter: they serve the
 * kernel's own trampolines alone, and give SIGILL anywhere else (traps.c, too).
 */
GUEST static bool is_special(long nr)
{
	return nr == 60 || nr == 15 || nr == 96 || nr == 201 || nr == 309 || nr == 335 || nr == 336;
}

GUEST static void guest(uint64_t arg)
{
	struct probe *p = (struct probe *)arg;
	struct call c;

	for (int i = 0; i < 6; i++)
		c.args[i] = -1;
	for (long nr = 0; nr < NUMBERS; nr++) {
		c.nr = nr;
		if (!is_special(nr))
			p->plain[nr] = guest_call(p->gadget, &c);
		else
			p->plain[nr] = SKIPPED;
		c.nr = nr | X32;
		p->x32[nr] = guest_call(p->gadget, &c);
	}
	for (int i = 0; i < 16; i++) {
		c.nr = 1024l << i;
		p->high[i] = guest_call(p->gadget, &c);
	}
	/* finish(1), by hand */
	*p->done = 1;
	c.nr = 202;
	c.args[0] = (long)p->done;
	c.args[1] = 1;
	c.args[2] = 1;
	guest_call(p->gadget, &c);
	for (;;)
		;
}

static void check(const char *where)
{
	/* close, munmap, sched_yield, restart_syscall take no argument that the filter looks at. */
	static const int unchecked[] = {3, 11, 24, 219};
	int passed = 0;

	for (int nr = 0; nr < NUMBERS; nr++) {
		bool expected = false;

		for (size_t i = 0; i < sizeof(unchecked) / sizeof(unchecked[0]); i++)
			expected |= unchecked[i] == nr;
		if (probe.plain[nr] == SKIPPED)
			continue;
		if ((probe.plain[nr] != STOPPED) != expected)
			say("FAIL %s: call %d gave %d", where, nr, probe.plain[nr]);
		if (probe.x32[nr] != -BZ_ENOSYS)
			say("FAIL %s: x32 call %d gave %d", where, nr, probe.x32[nr]);
		passed += probe.plain[nr] != STOPPED;
	}
	for (int i = 0; i < 16; i++)
		if (probe.high[i] != STOPPED)
			say("FAIL %s: call %d gave %d", where, 1024 << i, probe.high[i]);
	say("%s: %d of %d numbers passed without arguments", where, passed, NUMBERS);
	memset(probe.plain, 0, sizeof(probe.plain));
	memset(probe.x32, 0, sizeof(probe.x32));
	memset(probe.high, 0, sizeof(probe.high));
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
		raw(39, 0, 0, 0, 0, 0, 0);
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
