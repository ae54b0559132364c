/* The trap flag single-steps: one SIGTRAP with TRAP_TRACE an instruction. */
#include "check.h"
#include <ucontext.h>

static volatile int steps, code;

static void handler(int signo, siginfo_t *info, void *context)
{
	steps++;
	code = info->si_code;
}

int main(void)
{
	on_siginfo(SIGTRAP, handler, 0);
	__asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq\n nop\n nop\n nop\n"
			 "pushfq\n andq $~0x100, (%%rsp)\n popfq\n" ::
			     : "memory", "cc");
	CHECK(steps >= 5 && steps <= 7);
	CHECK_EQ(code, TRAP_TRACE);
	return 0;
}
