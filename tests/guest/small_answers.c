/* Errnos and effects of calls that few make: what LTP found to differ. */
#include "check.h"
#include <grp.h>
#include <sched.h>
#include <sys/wait.h>

int main(void)
{
	struct sched_param p = {0};
	int fd = open("/dev/null", O_RDWR), status;
	char buf[8];

	CHECK_ERRNO(readlink("", buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(readlink(".", buf, sizeof(buf)), EINVAL);
	CHECK_ERRNO(sync_file_range(fd, 0, 1, SYNC_FILE_RANGE_WRITE), ESPIPE);
	CHECK(!sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &p));
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH | SCHED_RESET_ON_FORK);
	if (!fork())
		_exit(sched_getscheduler(0) == SCHED_BATCH ? 17 : 1);
	CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 17);
	if (geteuid())
		return 0;
	CHECK_ERRNO(setgroups(65536, (gid_t *)8), EFAULT);
	CHECK_ERRNO(setgroups(65537, (gid_t *)8), EINVAL);
	p.sched_priority = 3;
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p))
		return 0;	/* not everywhere */
	if (!fork())
		_exit(sched_getscheduler(0) == SCHED_OTHER ? 17 : 1);
	CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 17);
	return 0;
}
