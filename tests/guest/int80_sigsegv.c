/* In a sandbox int 0x80 is SIGSEGV (natively it is the 32-bit call: the test is the sandbox's alone). */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;

static void handler(int signo)
{
	siglongjmp(back, 1);
}

int main(void)
{
	int result = 20; /* getpid of the 32-bit table */

	on_signal(SIGSEGV, handler, 0);
	if (sigsetjmp(back, 1) == 0) {
		__asm__ volatile("int $0x80" : "+a"(result)::"memory");
		check_failed(__FILE__, __LINE__, "int 0x80 returned %d", result);
	}
	return 0;
}
