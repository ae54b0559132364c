/* dup takes the lowest number, dup2 and dup3 replace and share the offset, F_DUPFD counts from its argument.
 */
#include "check.h"

int main(void)
{
	int fd = file_with("f", "0123456789", 10), other = file_with("g", "other", 5);
	char byte;

	int copy = dup(fd);
	CHECK(copy > fd);
	CHECK_EQ(read(copy, &byte, 1), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
	CHECK_EQ(dup2(fd, other), other);
	CHECK_EQ(read(other, &byte, 1), 1);
	CHECK_EQ(byte, '1');
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_ERRNO(dup3(fd, fd, 0), EINVAL);
	CHECK_ERRNO(dup3(fd, 200, 0x1), EINVAL);
	CHECK_EQ(dup3(fd, 200, O_CLOEXEC), 200);
	CHECK_EQ(fcntl(200, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_DUPFD, 150), 150);
	CHECK_EQ(fcntl(150, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 150), 151);
	CHECK_EQ(fcntl(151, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(close(copy), 0);
	CHECK_EQ(dup(fd), copy);
	CHECK_ERRNO(dup(0x7fff), EBADF);
	CHECK_ERRNO(dup2(0x7fff, 5), EBADF);
	CHECK_ERRNO(dup2(fd, -1), EBADF);
	CHECK_ERRNO(close(0x7fff), EBADF);
	return 0;
}
