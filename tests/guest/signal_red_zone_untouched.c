/* A handler's frame lies below the 128 bytes under the stack pointer that leaf functions use. */
#include "check.h"

static volatile int count;

static void handler(int signo)
{
	volatile char use[512];

	memset((char *)use, 0x5a, sizeof use);
	count++;
}

int main(void)
{
	long same = 0;

	on_signal(SIGUSR1, handler, 0);
	__asm__ volatile("movq $0x11223344, -8(%%rsp)\n"
			 "movq $0x55667788, -128(%%rsp)\n"
			 "mov %[tgkill], %%eax\n"
			 "syscall\n"
			 "cmpq $0x11223344, -8(%%rsp)\n"
			 "jne 1f\n"
			 "cmpq $0x55667788, -128(%%rsp)\n"
			 "jne 1f\n"
			 "mov $1, %[same]\n"
			 "1:\n"
			 : [same] "+r"(same)
			 : [tgkill] "i"(SYS_tgkill), "D"(getpid()), "S"(gettid()), "d"(SIGUSR1)
			 : "rax", "rcx", "r11", "memory", "cc");
	CHECK_EQ(count, 1);
	CHECK_EQ(same, 1);
	return 0;
}
