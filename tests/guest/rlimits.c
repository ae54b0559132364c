/* Limits read back as set, lower is always allowed, soft above hard is EINVAL, and prlimit sees the same. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	struct rlimit limit, same;

	for (int i = 0; i < RLIM_NLIMITS; i++) {
		CHECK_EQ(getrlimit(i, &limit), 0);
		CHECK(limit.rlim_cur <= limit.rlim_max);
		CHECK_EQ(setrlimit(i, &limit), 0);
	}
	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 100;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	CHECK_EQ(prlimit(0, RLIMIT_NOFILE, NULL, &same), 0);
	CHECK_EQ(same.rlim_cur, 100);
	limit.rlim_max = 50;
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	CHECK_ERRNO(getrlimit(99, &limit), EINVAL);
	limit = (struct rlimit){1000, 1000};
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	on_signal(SIGXFSZ, SIG_IGN, 0);
	int fd = file_with("f", "x", 1);
	CHECK_EQ(pwrite(fd, "y", 1, 999), 1);
	CHECK_ERRNO(pwrite(fd, "y", 1, 1000), EFBIG);
	CHECK_ERRNO(ftruncate(fd, 2000), EFBIG);
	return 0;
}
