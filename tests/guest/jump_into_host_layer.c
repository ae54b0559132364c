/* Sandboxed alone.  A program that jumps into the host layer's or the library OS's code and faults there gets its signal, as
 * from any other bad address; nobody else is blamed. */
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile uintptr_t seen_rip;
static volatile int seen_signal;

static void handler(int sig, siginfo_t *info, void *context)
{
	seen_signal = sig;
	seen_rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	siglongjmp(back, 1);
}

static void jump(uintptr_t to, int sig)
{
	seen_signal = 0;
	seen_rip = 0;
	if (sigsetjmp(back, 1) == 0)
		((void (*)(void))to)();
	CHECK_EQ(seen_signal, sig);
	CHECK_EQ(seen_rip, to);
}

/* Each hlt, which no program may execute, in a range that is known to be there (host/linux/calls.h, abi/bartizan_abi.h);
 * it may be a part of another instruction. */
static int jump_to_traps(uintptr_t from, uintptr_t size)
{
	const unsigned char *code = (const void *)from;
	int count = 0;

	for (uintptr_t i = 0; i < size && count < 20; i++) {
		if (code[i] != 0xf4)
			continue;
		jump(from + i, SIGSEGV);
		count++;
	}
	return count;
}

int main(void)
{
	on_siginfo(SIGSEGV, handler, SA_NODEFER);
	CHECK(jump_to_traps(0x200000000000, 0x3000) > 0);
	CHECK(jump_to_traps(0x2007c0001000, 0x20000) > 0);
	jump(0x2000001f0000, SIGSEGV); /* nothing is mapped there */
	puts("ok");
	return 0;
}
