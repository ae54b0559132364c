/* The default policy is SCHED_OTHER with priority 0; limits and bad values answer as on Linux. */
#include "check.h"
#include <sched.h>
#include <sys/resource.h>

int main(void)
{
	struct sched_param param = {.sched_priority = 99};

	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	CHECK_EQ(sched_getparam(0, &param), 0);
	CHECK_EQ(param.sched_priority, 0);
	CHECK_EQ(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_EQ(sched_get_priority_min(SCHED_FIFO), 1);
	CHECK_EQ(sched_get_priority_max(SCHED_OTHER), 0);
	CHECK_ERRNO(sched_get_priority_max(77), EINVAL);
	CHECK_EQ(sched_setscheduler(0, SCHED_BATCH, &param), 0);
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
	param.sched_priority = 5;
	CHECK_ERRNO(sched_setscheduler(0, SCHED_OTHER, &param), EINVAL);
	CHECK_EQ(sched_yield(), 0);
	errno = 0;
	int before = getpriority(PRIO_PROCESS, 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, before + 1), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), before + 1);
	CHECK_ERRNO(getpriority(99, 0), EINVAL);
	return 0;
}
