/* A write to a read-only page arrives as SIGSEGV with its address and SEGV_ACCERR; the handler makes it
 * succeed. */
#include "check.h"

static char *page;
static volatile int faults, code;
static void *volatile address;

static void handler(int signo, siginfo_t *info, void *context)
{
	faults++;
	code = info->si_code;
	address = info->si_addr;
	if (mprotect(page, 4096, PROT_READ | PROT_WRITE) != 0)
		_exit(9);
}

int main(void)
{
	on_siginfo(SIGSEGV, handler, 0);
	page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	((volatile char *)page)[123] = 'w';
	CHECK_EQ(faults, 1);
	CHECK_EQ(code, SEGV_ACCERR);
	CHECK(address == page + 123);
	CHECK_EQ(page[123], 'w');
	return 0;
}
