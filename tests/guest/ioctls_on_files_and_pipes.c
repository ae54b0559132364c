/* Terminal ioctls on files are ENOTTY; FIONREAD, FIONBIO and FIOCLEX work where they should. */
#include "check.h"
#include <sys/ioctl.h>
#include <termios.h>

int main(void)
{
	struct winsize size;
	struct termios modes;
	int ends[2], n = -1, on = 1, fd = file_with("f", "12345", 5);

	CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, &size), ENOTTY);
	CHECK_ERRNO(tcgetattr(fd, &modes), ENOTTY);
	CHECK_EQ(isatty(fd), 0);
	CHECK_ERRNO(ioctl(0x7fff, TIOCGWINSZ, &size), EBADF);
	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
	CHECK_EQ(n, 3);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERRNO(tcgetattr(ends[0], &modes), ENOTTY);
	CHECK_EQ(write(ends[1], "abcd", 4), 4);
	CHECK_EQ(ioctl(ends[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(ioctl(ends[0], FIONBIO, &on), 0);
	CHECK_EQ(fcntl(ends[0], F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	CHECK_EQ(ioctl(ends[0], FIOCLEX), 0);
	CHECK_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(ioctl(ends[0], FIONCLEX), 0);
	CHECK_EQ(fcntl(ends[0], F_GETFD), 0);
	return 0;
}
