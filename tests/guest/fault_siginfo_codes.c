/* SIGFPE, SIGILL, SIGTRAP, SIGSEGV and SIGBUS carry the code and address of what went wrong. */
#include "check.h"
#include <setjmp.h>
#include <ucontext.h>

static sigjmp_buf back;
static volatile int signo_seen, code;
static volatile uintptr_t address, rip;

static void handler(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	signo_seen = signo;
	code = info->si_code;
	address = (uintptr_t)info->si_addr;
	rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	siglongjmp(back, 1);
}

#define FAULT(statement)                       \
	do {                                   \
		signo_seen = 0;                \
		if (sigsetjmp(back, 1) == 0) { \
			statement;             \
		}                              \
	} while (0)

int main(void)
{
	on_siginfo(SIGFPE, handler, 0);
	on_siginfo(SIGILL, handler, 0);
	on_siginfo(SIGTRAP, handler, 0);
	on_siginfo(SIGSEGV, handler, 0);
	on_siginfo(SIGBUS, handler, 0);
	FAULT(__asm__ volatile("xor %%ecx, %%ecx\n mov $1, %%eax\n cltd\n idiv %%ecx" ::
				   : "rax", "rcx", "rdx"));
	CHECK_EQ(signo_seen, SIGFPE);
	CHECK_EQ(code, FPE_INTDIV);
	CHECK_EQ(address, rip);
	FAULT(__asm__ volatile("ud2"));
	CHECK_EQ(signo_seen, SIGILL);
	CHECK_EQ(code, ILL_ILLOPN);
	CHECK_EQ(address, rip);
	FAULT(__asm__ volatile("int3"));
	CHECK_EQ(signo_seen, SIGTRAP);
	CHECK_EQ(code, SI_KERNEL);
	FAULT(__asm__ volatile("movl $1, 0x10" ::: "memory"));
	CHECK_EQ(signo_seen, SIGSEGV);
	CHECK_EQ(code, SEGV_MAPERR);
	CHECK_EQ(address, 0x10);
	FAULT(__asm__ volatile("hlt"));
	CHECK_EQ(signo_seen, SIGSEGV);
	CHECK_EQ(code, SI_KERNEL);
	FAULT(__asm__ volatile("movabs $0x8000000000000000, %%rax\n movl $1, (%%rax)" ::: "rax", "memory"));
	CHECK_EQ(signo_seen, SIGSEGV); /* a non-canonical address */
	CHECK_EQ(code, SI_KERNEL);
	return 0;
}
