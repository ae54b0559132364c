/* A signalfd gives pending signals with their details, can change its mask, and polls readable. */
#include "check.h"
#include <poll.h>
#include <sys/signalfd.h>

int main(void)
{
	struct signalfd_siginfo info[4];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	int fd = signalfd(-1, &set, SFD_NONBLOCK);
	CHECK(fd >= 0);
	CHECK_ERRNO(read(fd, info, sizeof info), EAGAIN);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42}), 0);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(read(fd, info, sizeof info), 2 * sizeof *info);
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[0].ssi_pid, getpid());
	CHECK_EQ(info[1].ssi_signo, SIGRTMIN);
	CHECK_EQ(info[1].ssi_int, 42);
	CHECK_EQ(info[1].ssi_code, SI_QUEUE);
	CHECK_EQ(poll(&pfd, 1, 0), 0);
	sigdelset(&set, SIGUSR1);
	CHECK_EQ(signalfd(fd, &set, 0), fd);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_ERRNO(read(fd, info, sizeof info), EAGAIN);
	CHECK_ERRNO(read(fd, info, 8), EINVAL);
	CHECK_ERRNO(signalfd(0x7fff, &set, 0), EBADF);
	return 0;
}
