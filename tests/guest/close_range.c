/* close_range closes what is open in a range and can mark it close-on-exec instead. */
#include "check.h"
#include <linux/close_range.h>

int main(void)
{
	int fd = file_with("f", "x", 1);

	for (int i = 100; i < 110; i++)
		CHECK_EQ(dup2(fd, i), i);
	CHECK_EQ(close_range(103, 105, 0), 0);
	CHECK_ERRNO(fcntl(103, F_GETFD), EBADF);
	CHECK_EQ(fcntl(102, F_GETFD), 0);
	CHECK_EQ(fcntl(106, F_GETFD), 0);
	CHECK_EQ(close_range(106, ~0u, CLOSE_RANGE_CLOEXEC), 0);
	CHECK_EQ(fcntl(106, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(close_range(100, ~0u, 0), 0);
	CHECK_ERRNO(fcntl(109, F_GETFD), EBADF);
	CHECK_ERRNO(close_range(10, 9, 0), EINVAL);
	CHECK_ERRNO(close_range(10, 11, 0x80), EINVAL);
	return 0;
}
