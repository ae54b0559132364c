/* Room in a pipe is counted in pages: small writes join the last one, a size is cut to 32 bits and rounded up. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>

static char buf[70000];

static void pages(void)
{
	struct iovec half_bad[2] = {{"abc", 3}, {(void *)8, 10}};
	struct pollfd out;
	int ends[2], n;

	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	out = (struct pollfd){.fd = ends[1], .events = POLLOUT};
	CHECK_ERRNO(writev(ends[1], half_bad, 2), EFAULT);
	CHECK_ERRNO(read(ends[0], buf, 10), EAGAIN); /* nothing of it arrived */
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(write(ends[1], buf, 65536), 65536 - 4096);
	CHECK_EQ(poll(&out, 1, 0), 0);
	CHECK_EQ(ioctl(ends[1], FIONREAD, &n), 0);
	CHECK_EQ(n, 65536 - 4096 + 1);
	CHECK_EQ(read(ends[0], buf, 1), 1);
	CHECK_EQ(buf[0], 'x');
	CHECK_EQ(poll(&out, 1, 0), 1);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 2 * 65536), 2 * 65536);
	CHECK_EQ(write(ends[1], buf, 65536), 65536);
	CHECK_EQ(write(ends[1], buf, 8192), 4096);
	CHECK_ERRNO(fcntl(ends[1], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(read(ends[0], buf, sizeof buf), sizeof buf);
}

static void sizes(void)
{
	int ends[2];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 0), 4096);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 4097), 8192);
	CHECK_ERRNO(fcntl(ends[1], F_SETPIPE_SZ, -1), EINVAL);
	CHECK_ERRNO(fcntl(ends[1], F_SETPIPE_SZ, (1u << 31) + 1), EINVAL);
	CHECK_EQ(syscall(SYS_fcntl, ends[1], F_SETPIPE_SZ, 1ul << 32), 4096);
	CHECK_ERRNO(fcntl(0, F_SETPIPE_SZ, 4096), EBADF);
}

int main(void)
{
	pages();
	sizes();
	return 0;
}
