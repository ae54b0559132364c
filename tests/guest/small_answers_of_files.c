/* Errnos and effects of calls on descriptors and names that few make: what LTP found to differ. */
#include "check.h"
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>

static void splices(void)
{
	int p[2], event = eventfd(0, 0), dir = open(".", O_RDONLY);

	CHECK(!pipe(p));
	CHECK_ERRNO(splice(dir, NULL, p[1], NULL, 1, 0), EINVAL);
	CHECK_ERRNO(splice(event, NULL, p[1], NULL, 1, 0), EINVAL);
	CHECK_ERRNO(splice(p[0], NULL, event, NULL, 1, 0), EINVAL);	/* and does not wait for what may come */
}

static void pairs(void)
{
	int fds[2];

	CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 0, fds), EOPNOTSUPP);
	CHECK_ERRNO(socketpair(AF_INET, SOCK_STREAM, 1, fds), EPROTONOSUPPORT);
	CHECK_ERRNO(socketpair(AF_INET, SOCK_DGRAM, 6, fds), EPROTONOSUPPORT);
}

static void largest_file(void)
{
	int fd = open("large", O_CREAT | O_RDWR, 0600);

	CHECK_ERRNO(fallocate(fd, 1, LLONG_MAX - 1023, 1024), EFBIG);
	CHECK_ERRNO(fallocate(fd, 1, 1024, LLONG_MAX - 1023), EFBIG);
}

static void seals(void)
{
	char path[64];
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING), again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK((again = open(path, O_RDWR)) >= 0);
	CHECK_EQ(fcntl(again, F_GET_SEALS), 0);
	CHECK(!fcntl(again, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK);
}

static void terminals(void)
{
	struct termio io;
	struct termios now;
	int master, slave, file = open("file", O_CREAT | O_RDWR, 0600);

	CHECK(!openpty(&master, &slave, NULL, NULL, NULL));
	CHECK_ERRNO(ioctl(file, TCGETA, &io), ENOTTY);
	CHECK_ERRNO(ioctl(slave, TCGETA, (void *)8), EFAULT);
	CHECK(!ioctl(slave, TCGETA, &io));
	CHECK(io.c_lflag & ICANON);
	io.c_lflag &= ~ICANON;
	io.c_cc[VMIN] = 7;
	CHECK(!ioctl(slave, TCSETA, &io));
	CHECK(!tcgetattr(slave, &now));
	CHECK(!(now.c_lflag & ICANON) && (now.c_lflag & ISIG));
	CHECK_EQ(now.c_cc[VMIN], 7);
}

static void outside_of_the_root(void)
{
	char buf[PATH_MAX];

	if (geteuid())
		return;
	CHECK(!mkdir("root", 0700));
	if (!fork()) {
		CHECK(!chroot("root"));
		CHECK(syscall(SYS_getcwd, buf, sizeof(buf)) > 0);
		CHECK(!strncmp(buf, "(unreachable)/", 14));
		_exit(0);
	}
	int status;

	CHECK(wait(&status) > 0 && status == 0);
}

int main(void)
{
	splices();
	pairs();
	largest_file();
	seals();
	terminals();
	outside_of_the_root();
	return 0;
}
