/* Two system calls close together, where a branch behind the first leads behind the second, and a mov stands between two. */
#include "check.h"
#include <sys/syscall.h>
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
	return 0;
}
