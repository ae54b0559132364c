/* Unmapping the middle leaves both ends usable and the hole faulting. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;

static void handler(int signo)
{
	siglongjmp(back, signo);
}

int main(void)
{
	on_signal(SIGSEGV, handler, 0);
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 'q', 3 * 4096);
	CHECK_EQ(munmap(p + 4096, 4096), 0);
	CHECK_EQ(p[4095], 'q');
	CHECK_EQ(p[8192], 'q');
	if (sigsetjmp(back, 1) == 0) {
		*(volatile char *)(p + 4096) = 1;
		CHECK(!"the hole is writable");
	}
	return 0;
}
