/* mlock within the limit succeeds and keeps contents; with a limit of 0 an ordinary user gets EPERM or
 * ENOMEM. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	struct rlimit limit;
	char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 'l', 4 * 4096);
	CHECK_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	if (limit.rlim_cur >= 4 * 4096) {
		CHECK_EQ(mlock(p, 4 * 4096), 0);
		CHECK_EQ(p[4096], 'l');
		CHECK_EQ(munlock(p, 4 * 4096), 0);
	} else if (mlock(p, 4 * 4096) != 0) {
		CHECK(errno == EPERM || errno == ENOMEM);
	}
	CHECK_EQ(munmap(p + 4096, 4096), 0);
	CHECK(mlock(p, 4 * 4096) == -1 && (errno == ENOMEM || errno == EPERM)); /* there is a hole */
	CHECK_ERRNO(mlockall(0), EINVAL);
	return 0;
}
