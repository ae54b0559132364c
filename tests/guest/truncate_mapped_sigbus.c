/* Touching a mapped file beyond its end is SIGBUS with BUS_ADRERR; growing the file makes it readable again.
 */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;
static volatile int signo_seen, code;
static void *volatile address;

static void handler(int signo, siginfo_t *info, void *context)
{
	signo_seen = signo;
	code = info->si_code;
	address = info->si_addr;
	siglongjmp(back, 1);
}

int main(void)
{
	on_siginfo(SIGBUS, handler, 0);
	int fd = file_with("f", "start", 5);
	CHECK_EQ(ftruncate(fd, 3 * 4096), 0);
	volatile char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[2 * 4096 + 10] = 'z';
	CHECK_EQ(ftruncate(fd, 4096), 0);
	if (sigsetjmp(back, 1) == 0) {
		(void)p[2 * 4096 + 10];
		CHECK(!"no SIGBUS");
	}
	CHECK_EQ(signo_seen, SIGBUS);
	CHECK_EQ(code, BUS_ADRERR);
	CHECK(address == p + 2 * 4096 + 10);
	CHECK_EQ(p[0], 's');
	CHECK_EQ(ftruncate(fd, 3 * 4096), 0);
	CHECK_EQ(p[2 * 4096 + 10], 0);
	return 0;
}
