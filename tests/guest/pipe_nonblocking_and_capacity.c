/* A pipe holds its capacity and not a byte more; F_SETPIPE_SZ rounds up; non-blocking ends say EAGAIN. */
#include "check.h"
#include <sys/ioctl.h>

int main(void)
{
	static char page[4096];
	int ends[2], available;
	long total = 0;

	CHECK_EQ(pipe2(ends, O_NONBLOCK | O_CLOEXEC), 0);
	CHECK_EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	CHECK_ERRNO(read(ends[0], page, 1), EAGAIN);
	int capacity = fcntl(ends[1], F_GETPIPE_SZ);
	CHECK(capacity >= 4096);
	for (ssize_t n; (n = write(ends[1], page, sizeof page)) > 0;)
		total += n;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(total, capacity);
	CHECK_EQ(ioctl(ends[0], FIONREAD, &available), 0);
	CHECK_EQ(available, total);
	CHECK_ERRNO(fcntl(ends[1], F_SETPIPE_SZ, 4096), EBUSY);
	while (read(ends[0], page, sizeof page) > 0)
		;
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 5000), 8192);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
	CHECK_ERRNO(lseek(ends[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(pread(ends[0], page, 1, 0), ESPIPE);
	CHECK_ERRNO(write(ends[0], page, 1), EBADF);
	CHECK_ERRNO(read(ends[1], page, 1), EBADF);
	CHECK_ERRNO(pipe2(ends, 0x40000000), EINVAL);
	return 0;
}
