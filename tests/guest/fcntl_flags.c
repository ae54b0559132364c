/* F_SETFL changes the status flags that may change and no others; F_SETFD just close-on-exec. */
#include "check.h"

int main(void)
{
	close(file_with("f", "abc", 3));
	int fd = open("f", O_RDWR);

	CHECK_EQ(fcntl(fd, F_GETFL) & ~O_LARGEFILE & ~0100000, O_RDWR);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK | O_TRUNC | O_WRONLY), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_APPEND | O_NONBLOCK | O_TRUNC | O_ACCMODE),
		 O_APPEND | O_NONBLOCK | O_RDWR);
	CHECK_EQ(file_size(fd), 3);
	CHECK_EQ(write(fd, "d", 1), 1);
	CHECK_EQ(file_size(fd), 4);
	CHECK_EQ(fcntl(fd, F_SETFD, FD_CLOEXEC), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_SETFD, 0), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_ERRNO(fcntl(fd, 9999), EINVAL);
	CHECK_ERRNO(fcntl(0x7fff, F_GETFD), EBADF);
	return 0;
}
