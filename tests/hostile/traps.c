/*
 * What must become an exception of the guest, whoever stops it: int 0x80, sysenter, the vsyscall page, faults of all
 * kinds, wild jumps, contexts that cannot be resumed; and faults of the library OS at its fixups.
 */
#include "tests/hostile/guest.h"

#define LABEL(name) extern const char name[] __attribute__((visibility("hidden")))
LABEL(guest_traps);
LABEL(guest_int80);
LABEL(guest_after_int80);
LABEL(guest_int3);
LABEL(guest_div);
LABEL(guest_after_div);
LABEL(guest_ud);
LABEL(guest_noncanonical);
LABEL(guest_load);
LABEL(guest_after_load);
LABEL(guest_after_gettimeofday);
LABEL(guest_after_time);
LABEL(guest_after_getcpu);
LABEL(guest_after_jump);
LABEL(guest_after_arena);
LABEL(guest_call_noncanonical);
LABEL(guest_after_noncanonical);
LABEL(guest_bad_stack);
LABEL(guest_sysenter);
LABEL(guest_sysenter_low);

#define AT(label) guest_address(label)
#define NONCANONICAL 0x8000000000001234ul
#define CALLED 0x1000000000000000ul	/* traps.S */
#define SI_KERNEL_CODE 0x80
#define SEGV_MAPERR_CODE 1
#define SEGV_ACCERR_CODE 2

/* A load that may fault, at a fixup. */
long load_or_fail(const void *p);
__asm__(".text\n"
	"load_or_fail: 1: mov (%rdi), %rax\n"
	"2: xor %eax, %eax\n"
	"ret\n"
	"3: mov $-14, %rax\n"
	"ret\n"
	".section .fixups, \"a\"\n"
	".quad 1b, 2b, 3b\n"
	".text\n");

static int step;

static void expect(struct bz_context *ctx, const struct bz_exception *exc, int kind, int code, uint64_t rip, uint64_t addr,
		   uint64_t next)
{
	if (exc->kind != (uint32_t)kind || exc->code != code || ctx->rip != rip || exc->addr != addr || exc->in_libos)
		say("FAIL step %d: kind %d code %d rip %lx addr %lx trap %d err %lx, not kind %d code %d rip %lx addr %lx",
		    step, exc->kind, exc->code, (long)ctx->rip, (long)exc->addr, (int)exc->trapno, (long)exc->err, kind,
		    code, (long)rip, (long)addr);
	ctx->rip = next;
	ctx->flags |= BZ_CTX_FULL;
	step++;
}

static void pop_return(struct bz_context *ctx)
{
	ctx->rsp += 8;
}

/* A kernel without that page (CONFIG_LEGACY_VSYSCALL_NONE, as Debian's) gives a program SIGSEGV there, whoever stops it. */
static void vsyscall(struct bz_context *ctx, const struct bz_exception *exc, uint64_t nr, uint64_t rip, uint64_t page)
{
	if (exc->kind == BZ_EXC_SEGV && ctx->rip == page && exc->addr == page)
		pop_return(ctx);
	else if (exc->kind != BZ_EXC_SYSCALL || ctx->rax != nr || ctx->rip != rip)
		say("FAIL vsyscall %d: kind %d code %d rax %ld rip %lx", (int)nr, exc->kind, exc->code, (long)ctx->rax,
		    (long)ctx->rip);
	ctx->rip = rip;
	ctx->rax = 0;
	ctx->flags |= BZ_CTX_FULL;
	step++;
}

/* The processor faults in the call; an emulator (QEMU's TCG) goes there first, its return address pushed. */
static void called_noncanonical(struct bz_context *ctx, const struct bz_exception *exc)
{
	bool there = ctx->rip == CALLED;

	if (there)
		pop_return(ctx);
	expect(ctx, exc, BZ_EXC_SEGV, SI_KERNEL_CODE, there ? CALLED : AT(guest_call_noncanonical), 0, NONCANONICAL);
}

void on_exception(struct bz_context *ctx, const struct bz_exception *exc)
{
	EXPECT(load_or_fail((void *)16) == -14);
	EXPECT(load_or_fail(&step) == 0);
	switch (step) {
	case 0:
		expect(ctx, exc, BZ_EXC_SEGV, SI_KERNEL_CODE, AT(guest_int80), 0, AT(guest_after_int80));
		break;
	case 1:
		expect(ctx, exc, BZ_EXC_TRAP, SI_KERNEL_CODE, AT(guest_int3) + 1, 0, AT(guest_int3) + 1);
		break;
	case 2:
		expect(ctx, exc, BZ_EXC_FPE, 1, AT(guest_div), AT(guest_div), AT(guest_after_div));
		break;
	case 3:
		expect(ctx, exc, BZ_EXC_ILL, 2, AT(guest_ud), AT(guest_ud), AT(guest_noncanonical));
		break;
	case 4:
		expect(ctx, exc, BZ_EXC_SEGV, SI_KERNEL_CODE, AT(guest_load), 0, AT(guest_after_load));
		break;
	case 5:
		vsyscall(ctx, exc, 96, AT(guest_after_gettimeofday), 0xffffffffff600000);
		break;
	case 6:
		vsyscall(ctx, exc, 201, AT(guest_after_time), 0xffffffffff600400);
		break;
	case 7:
		vsyscall(ctx, exc, 309, AT(guest_after_getcpu), 0xffffffffff600800);
		break;
	case 8:
		expect(ctx, exc, BZ_EXC_SEGV, SEGV_MAPERR_CODE, 0x250000000000, 0x250000000000, AT(guest_after_jump));
		pop_return(ctx);
		break;
	case 9:
		expect(ctx, exc, BZ_EXC_SEGV, SEGV_ACCERR_CODE, 0x200808000000, 0x200808000000, AT(guest_after_arena));
		pop_return(ctx);
		break;
	case 10:
		called_noncanonical(ctx, exc);
		break;
	case 11: /* resumed there by iretq */
		expect(ctx, exc, BZ_EXC_SEGV, SI_KERNEL_CODE, NONCANONICAL, 0, NONCANONICAL);
		ctx->flags = 0;
		break;
	case 12: /* and by a jump */
		expect(ctx, exc, BZ_EXC_SEGV, SI_KERNEL_CODE, NONCANONICAL, 0, AT(guest_after_noncanonical));
		break;
	case 13:
		EXPECT(ctx->rsp == 0x10);
		expect(ctx, exc, BZ_EXC_ILL, 2, AT(guest_bad_stack), AT(guest_bad_stack), AT(guest_bad_stack) + 2);
		break;
	case 14:
	case 15:
		/* sysenter does not tell where it was; the processor may not know it either (ud: SIGILL). */
		if (exc->kind != BZ_EXC_SEGV && exc->kind != BZ_EXC_ILL)
			say("FAIL sysenter: kind %d code %d rip %lx", exc->kind, exc->code, (long)ctx->rip);
		say("sysenter: kind %d code %d rip %lx", exc->kind, exc->code, (long)ctx->rip);
		if (step == 14) {
			ctx->rip = AT(guest_sysenter_low);
			ctx->flags |= BZ_CTX_FULL;
			step++;
			return;
		}
		finish(1);
		host->process_exit(0);
	}
}

void on_thread(void *arg, struct bz_context *ctx)
{
	guest_setup();
	guest_enter(ctx, guest_traps, 0, 0);
}

void test_main(void)
{
	EXPECT(host->process_create(NULL) > 0);
	await_done();
	EXPECT(step == 15);
}
