/* Vectors of more than 1024 parts, negative lengths and bad pointers give EINVAL and EFAULT; none is 0. */
#include "check.h"

int main(void)
{
	static struct iovec many[1025];
	static char byte[1025];
	int fd = file_with("f", "", 0);

	for (int i = 0; i < 1025; i++)
		many[i] = (struct iovec){&byte[i], 1};
	CHECK_ERRNO(writev(fd, many, 1025), EINVAL);
	CHECK_EQ(writev(fd, many, 1024), 1024);
	CHECK_ERRNO(syscall(SYS_writev, fd, many, -1), EINVAL);
	CHECK_EQ(writev(fd, many, 0), 0);
	many[3].iov_len = (size_t)-1;
	CHECK_ERRNO(writev(fd, many, 8), EINVAL);
	many[3] = (struct iovec){(void *)16, 1};
	CHECK_EQ(file_size(fd), 1024);
	ssize_t n = writev(fd, many, 8); /* what lies before the bad part may be written */
	CHECK(n == 3 || (n == -1 && errno == EFAULT));
	CHECK_ERRNO(syscall(SYS_writev, fd, 16, 1), EFAULT);
	return 0;
}
