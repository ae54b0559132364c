/* A system call changes rax, rcx and r11 alone: rcx becomes the return address, r11 the flags; vectors and
 * the red zone stay. */
#include "check.h"

extern char after_syscall[];

int main(void)
{
	uint64_t r[10], xmm[2] = {0x1122334455667788, 0x99aabbccddeeff00}, xmm_after[2];

	__asm__ volatile(
	    "movdqu %[xmm], %%xmm7\n"
	    "mov $1, %%edi\n mov $2, %%esi\n mov $3, %%edx\n mov $4, %%r8d\n mov $5, %%r9d\n mov $6, %%r10d\n"
	    "mov $7, %%r12d\n mov $8, %%r13d\n mov $9, %%r14d\n"
	    "mov %[getpid], %%eax\n"
	    "syscall\n"
	    "after_syscall:\n"
	    "mov %%rdi, %[r]\n mov %%rsi, 8+%[r]\n mov %%rdx, 16+%[r]\n mov %%r8, 24+%[r]\n mov %%r9, "
	    "32+%[r]\n"
	    "mov %%r10, 40+%[r]\n mov %%r12, 48+%[r]\n mov %%r13, 56+%[r]\n mov %%r14, 64+%[r]\n mov %%rcx, "
	    "72+%[r]\n"
	    "movdqu %%xmm7, %[after]\n"
	    : [r] "=m"(r), [after] "=m"(xmm_after)
	    : [xmm] "m"(xmm), [getpid] "i"(SYS_getpid)
	    : "rax", "rcx", "r11", "rdi", "rsi", "rdx", "r8", "r9", "r10", "r12", "r13", "r14", "xmm7",
	      "memory");
	for (int i = 0; i < 9; i++)
		CHECK_EQ(r[i], i + 1);
	CHECK_EQ(r[9], (uintptr_t)after_syscall);
	CHECK_EQ(memcmp(xmm, xmm_after, 16), 0);
	return 0;
}
