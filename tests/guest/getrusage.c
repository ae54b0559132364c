/* getrusage counts the processor time and the memory that a program used. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	struct rusage before, after;
	size_t size = 20 << 20;

	CHECK_EQ(getrusage(RUSAGE_SELF, &before), 0);
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, size);
	struct timespec cpu;
	do {
		CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu), 0);
	} while (cpu.tv_sec == 0 && cpu.tv_nsec < 60000000);
	CHECK_EQ(getrusage(RUSAGE_SELF, &after), 0);
	long used = (after.ru_utime.tv_sec + after.ru_stime.tv_sec) * 1000000 + after.ru_utime.tv_usec +
		    after.ru_stime.tv_usec;
	CHECK(used >= 40000);
	CHECK(after.ru_maxrss >= 20 << 10);
	CHECK_EQ(getrusage(RUSAGE_CHILDREN, &after), 0);
	CHECK_EQ(getrusage(RUSAGE_THREAD, &after), 0);
	CHECK_ERRNO(getrusage(99, &after), EINVAL);
	return 0;
}
