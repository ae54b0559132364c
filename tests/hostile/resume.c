/*
 * Resuming the guest restores every register, the flags, the red zone and the vector state: after system calls by the
 * quick and by the full path, after faults, and while another thread interrupts all the time.
 */
#include "tests/hostile/guest.h"

struct registers {
	uint64_t loops, fault, flags_in, gpr_in[13], red_in[16];
	uint8_t vec_in[512];
	uint64_t rax_out, flags_out, gpr_out[13], rsp_in, rsp_out, pad, red_out[16];
	uint8_t vec_out[512];
};
_Static_assert(offsetof(struct registers, red_in) == 128 && offsetof(struct registers, vec_in) == 256 &&
		       offsetof(struct registers, rax_out) == 768 && offsetof(struct registers, rsp_in) == 888 &&
		       offsetof(struct registers, red_out) == 912 && offsetof(struct registers, vec_out) == 1040,
	       "registers.S knows these");

__attribute__((visibility("hidden"))) void guest_registers(struct registers *r);

#define FLAGS_ALL 0xcd5u /* OF DF SF ZF AF PF CF */
#define ROUNDS 5000
#define REMOTES 2000

static struct registers r;
static uint64_t round, remotes, random_state = 88172645463325252ull;
static int32_t guest_tid;
static bool full, interrupting;
static uint32_t stop;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	return random_state ^= random_state << 17;
}

static void prepare(void)
{
	uint64_t *v = (uint64_t *)r.vec_in;

	for (int i = 0; i < 13; i++)
		r.gpr_in[i] = next_random();
	for (int i = 0; i < 16; i++)
		r.red_in[i] = next_random();
	for (int i = 0; i < 64; i++)
		v[i] = next_random();
	r.flags_in = (next_random() & FLAGS_ALL) | 0x202;
	r.fault = round % 3 == 2;
	full = round % 3 == 1;
}

static void check(void)
{
	bool all = r.fault || (full && !interrupting);

	EXPECT(r.rax_out == 0x1122334455667788);
	EXPECT(r.rsp_out == r.rsp_in);
	/* rcx and r11 are a system call's to change. */
	if (memcmp(r.gpr_in, r.gpr_out, (r.fault ? 13 : 11) * 8))
		say("FAIL general registers, round %ld fault %d full %d", (long)round, (int)r.fault, (int)all);
	if ((r.flags_in & FLAGS_ALL) != (r.flags_out & FLAGS_ALL))
		say("FAIL flags %lx became %lx, round %ld", (long)r.flags_in, (long)r.flags_out, (long)round);
	if (memcmp(r.red_in, r.red_out, sizeof(r.red_in)))
		say("FAIL red zone, round %ld", (long)round);
	if (memcmp(r.vec_in, r.vec_out, sizeof(r.vec_in)))
		say("FAIL vector registers, round %ld", (long)round);
}

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	EXPECT(!exc->in_libos);
	if (exc->kind == BZ_EXC_ILL && ctx->rax == 6000) {
		EXPECT(r.fault);
		ctx->rip += 2;
		ctx->rax = 0x1122334455667788;
		ctx->flags |= BZ_CTX_FULL;
		return;
	}
	if (exc->kind != BZ_EXC_SYSCALL) {
		say("FAIL exception %d code %d at %lx", exc->kind, exc->code, (long)ctx->rip);
		host->process_exit(1);
	}
	if (ctx->rax == 6000) {
		ctx->rax = 0x1122334455667788;
		ctx->flags = full ? BZ_CTX_FULL : 0;
		return;
	}
	check();
	if (++round >= ROUNDS && (!interrupting || remotes >= REMOTES)) {
		if (interrupting) {
			__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
			host->wait(&stop, 1, ~0u, 0, BZ_CLOCK_MONOTONIC, BZ_NO_DEADLINE);
			finish(1);
			host->process_exit(0);
		}
		interrupting = true;
		round = 0;
		EXPECT(host->thread_create((void *)2) > 0);
	}
	prepare();
	ctx->flags = full ? BZ_CTX_FULL : 0;
}

void on_remote(struct bz_context *ctx)
{
	remotes++;
	ctx->flags |= BZ_CTX_FULL;
}

void on_thread(void *arg, struct bz_context *ctx)
{
	if (arg == (void *)2) {
		while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
			EXPECT(host->thread_interrupt(guest_tid, 0) == 0);
			host->thread_yield();
		}
		stop = 2;
		host->thread_exit(&stop);
	}
	guest_tid = tcb()->tid;
	guest_setup();
	prepare();
	guest_enter(ctx, guest_registers, (uint64_t)&r, 0);
}

void test_main(void)
{
	EXPECT(host->process_create(NULL) > 0);
	await_done();
	say("%ld rounds, %ld remote upcalls", (long)round, (long)remotes);
}
