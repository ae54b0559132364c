/* membarrier answers its query, and a private expedited barrier works once it is registered. */
#include "check.h"
#include <linux/membarrier.h>

int main(void)
{
	long supported = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	if (supported < 0) {
		CHECK_EQ(errno, ENOSYS);
		skip("no membarrier");
	}
	CHECK_ERRNO(syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
	if (supported & MEMBARRIER_CMD_PRIVATE_EXPEDITED) {
		CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
		CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0), 0);
		CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), 0);
	}
	return 0;
}
