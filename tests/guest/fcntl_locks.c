/* POSIX record locks: a process does not conflict with itself, ranges are checked, and bad requests refused.
 */
#include "check.h"

int main(void)
{
	int fd = file_with("f", "0123456789", 10), ro = open("f", O_RDONLY);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 5};

	CHECK_EQ(fcntl(fd, F_SETLK, &lock), 0);
	CHECK_EQ(fcntl(fd, F_SETLKW, &lock), 0);
	lock.l_start = 0;
	lock.l_len = 0;
	CHECK_EQ(fcntl(fd, F_GETLK, &lock), 0);
	CHECK_EQ(lock.l_type, F_UNLCK); /* its own locks are no obstacle */
	lock.l_type = F_WRLCK;
	CHECK_ERRNO(fcntl(ro, F_SETLK, &lock), EBADF);
	lock.l_type = 77;
	CHECK_ERRNO(fcntl(fd, F_SETLK, &lock), EINVAL);
	lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = -5, .l_len = 1};
	CHECK_ERRNO(fcntl(fd, F_SETLK, &lock), EINVAL);
	lock = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_END, .l_start = -3, .l_len = 3};
	CHECK_EQ(fcntl(ro, F_SETLK, &lock), 0);
	lock.l_type = F_UNLCK;
	CHECK_EQ(fcntl(ro, F_SETLK, &lock), 0);
	return 0;
}
