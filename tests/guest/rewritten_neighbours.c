/* Two system calls close together, where a branch behind the first leads behind the second, and a mov stands between two. */
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define TIMES 3000

/* The second is made if the first returns 0.  Returns the last one's result + 7. */
long call_either(long first, long second);
/* Makes both and adds what they return. */
long call_both(void);

__asm__(".text\n"
	".globl call_either\n"
	".type call_either, @function\n"
	"call_either:\n"
	".cfi_startproc\n"
	"	mov %edi, %eax\n"
	"	syscall\n"
	"	test %eax, %eax\n"
	"	jne 1f\n"
	"	mov %esi, %eax\n"
	"	syscall\n"
	"	nop\n"
	"1:	lea 7(%rax), %rax\n"
	"	ret\n"
	".cfi_endproc\n"
	".size call_either, . - call_either\n"
	".globl call_both\n"
	".type call_both, @function\n"
	"call_both:\n"
	".cfi_startproc\n"
	"	mov $110, %eax\n"		/* getppid */
	"	syscall\n"
	"	mov %rax, %r8\n"
	"	mov $39, %eax\n"		/* getpid: the mov stands before a syscall that a branch leads behind */
	"	syscall\n"
	"	jmp 3f\n"
	"2:	nop\n"
	"3:	add %r8, %rax\n"
	"	test %rax, %rax\n"
	"	js 2b\n"
	"	ret\n"
	".cfi_endproc\n"
	".size call_both, . - call_both\n");

static unsigned long step[256];
static volatile int steps;

static void on_step(int sig, siginfo_t *info, void *context)
{
	unsigned long rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	CHECK((unsigned long)info->si_addr == rip);
	if (rip - (unsigned long)call_either < 64 || rip - (unsigned long)call_both < 64)
		step[steps++ % 256] = rip - (unsigned long)call_either;
}

/* Stepped, the functions show each of their instructions and no other address: printed, for the native run's to be compared. */
static void walk(long parent, long self)
{
	on_siginfo(SIGTRAP, on_step, 0);
	for (int i = 0; i < 3; i++) {
		long either, both;

		__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
		either = call_either(SYS_sched_yield, SYS_getppid);
		both = call_both();
		__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
		CHECK_EQ(either, parent + 7);
		CHECK_EQ(both, parent + self);
	}
	for (int i = 0; i < steps; i++)
		printf("%lx ", step[i]);
	printf("%d\n", steps);
}

int main(void)
{
	long parent = getppid(), self = getpid();

	for (int i = 0; i < TIMES; i++)
		CHECK_EQ(call_either(SYS_getpid, SYS_getppid), self + 7);
	for (int i = 0; i < TIMES; i++)
		CHECK_EQ(call_either(SYS_sched_yield, SYS_getppid), parent + 7);
	for (int i = 0; i < TIMES; i++)
		CHECK_EQ(call_either(SYS_getpid, SYS_getppid), self + 7);
	for (int i = 0; i < TIMES; i++)
		CHECK_EQ(call_both(), parent + self);
	walk(parent, self);
	return 0;
}
