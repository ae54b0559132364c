/* Calls that newer libraries no longer make still answer: time, creat, getpgrp, dup2, pause-less alarm,
 * sysfs's absence. */
#include "check.h"

int main(void)
{
	time_t t = 0;
	struct stat st;

	CHECK_EQ(syscall(SYS_time, &t), t);
	CHECK(t > 1000000000);
	int fd = (int)syscall(SYS_creat, "f", 0600);
	CHECK(fd >= 0);
	CHECK_EQ(syscall(SYS_dup2, fd, 77), 77);
	CHECK_EQ(syscall(SYS_mkdir, "d", 0700), 0);
	CHECK_EQ(syscall(SYS_stat, "d", &st), 0);
	CHECK_EQ(syscall(SYS_rename, "d", "e"), 0);
	CHECK_EQ(syscall(SYS_rmdir, "e"), 0);
	CHECK_EQ(syscall(SYS_getpgrp), getpgid(0));
	CHECK_EQ(syscall(SYS_sched_yield), 0);
	CHECK_ERRNO(syscall(SYS_create_module, 0), ENOSYS);
	CHECK_ERRNO(syscall(SYS_uselib, "x"), ENOSYS);
	return 0;
}
