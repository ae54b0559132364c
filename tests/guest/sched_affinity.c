/* The affinity mask has the processors that are counted online; getcpu names one of them; an empty mask is
 * refused. */
#include "check.h"
#include <sched.h>

int main(void)
{
	cpu_set_t set, none;
	unsigned cpu = 9999, node = 9999;

	CHECK_EQ(sched_getaffinity(0, sizeof set, &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CHECK(sysconf(_SC_NPROCESSORS_ONLN) >= CPU_COUNT(&set));
	CHECK_EQ(getcpu(&cpu, &node), 0);
	CHECK(cpu < CPU_SETSIZE && CPU_ISSET(cpu, &set));
	CHECK_EQ(sched_setaffinity(0, sizeof set, &set), 0);
	CPU_ZERO(&none);
	CHECK_ERRNO(sched_setaffinity(0, sizeof none, &none), EINVAL);
	CHECK_ERRNO(sched_getaffinity(0x3fffffff, sizeof set, &set), ESRCH);
	CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 1, &set), EINVAL);
	return 0;
}
