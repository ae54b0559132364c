/* PROT_NONE stops reads and writes of just its page; the contents come back with the permission. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;

static void handler(int signo)
{
	siglongjmp(back, 1);
}

static int faults(volatile char *p, int write)
{
	if (sigsetjmp(back, 1))
		return 1;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

int main(void)
{
	on_signal(SIGSEGV, handler, 0);
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 'g', 3 * 4096);
	CHECK_EQ(mprotect(p + 4096, 4096, PROT_NONE), 0);
	CHECK_EQ(faults(p + 4096, 0), 1);
	CHECK_EQ(faults(p + 8191, 1), 1);
	CHECK_EQ(faults(p + 4095, 1), 0);
	CHECK_EQ(faults(p + 8192, 1), 0);
	CHECK_EQ(mprotect(p + 4096, 4096, PROT_READ), 0);
	CHECK_EQ(faults(p + 4096, 0), 0);
	CHECK_EQ(p[5000], 'g');
	CHECK_EQ(faults(p + 4096, 1), 1);
	return 0;
}
