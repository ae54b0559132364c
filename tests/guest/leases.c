/* Leases: who gets one, whom an open or a truncation tells, and how long it waits. */
#include "check.h"
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static int fd;

/* A child that opens (or truncates) meanwhile: its wait status, once the lease was given up. */
static int in_child(int flags, int give_up)
{
	struct timespec patience = {20, 0};
	sigset_t io;
	siginfo_t info;
	int status;
	pid_t pid;

	sigemptyset(&io);
	sigaddset(&io, SIGIO);
	pid = fork();
	if (!pid) {
		int other = flags < 0 ? truncate("file", 3) : open("file", flags);

		_exit(other >= 0 ? 0 : errno);
	}
	CHECK_EQ(sigtimedwait(&io, &info, &patience), SIGIO);
	if (give_up >= 0) {
		CHECK_EQ(fcntl(fd, F_GETLEASE), give_up);
		CHECK(!fcntl(fd, F_SETLEASE, give_up));
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

int main(void)
{
	int other, ends[2];
	sigset_t io;

	sigemptyset(&io);
	sigaddset(&io, SIGIO);
	sigprocmask(SIG_BLOCK, &io, NULL);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_UNLCK), EAGAIN);
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, 77), EINVAL);
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_RDLCK), EAGAIN);	/* it is open for writing */
	CHECK(!pipe(ends));
	CHECK_ERRNO(fcntl(ends[0], F_SETLEASE, F_RDLCK), EINVAL);
	CHECK(!fcntl(fd, F_SETLEASE, F_WRLCK));
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_WRLCK);
	CHECK_ERRNO(open("file", O_RDONLY | O_NONBLOCK), EWOULDBLOCK);
	CHECK(!fcntl(fd, F_SETLEASE, F_UNLCK));
	sigtimedwait(&io, NULL, &(struct timespec){0, 0});
	close(fd);

	fd = open("file", O_RDONLY);
	other = open("file", O_RDONLY);
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_WRLCK), EAGAIN);	/* open elsewhere */
	CHECK(!fcntl(fd, F_SETLEASE, F_RDLCK));
	CHECK(!fcntl(other, F_SETLEASE, F_RDLCK));
	CHECK_ERRNO(fcntl(fd, F_SETLEASE, F_WRLCK), EAGAIN);
	close(other);						/* and its lease with it */
	CHECK(!fcntl(fd, F_SETLEASE, F_WRLCK));
	CHECK_EQ(in_child(O_RDONLY, F_RDLCK), 0);		/* a reader is content with a read lease */
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_RDLCK);
	CHECK_EQ(in_child(O_WRONLY, F_UNLCK), 0);
	CHECK(!fcntl(fd, F_SETLEASE, F_RDLCK));
	CHECK_EQ(in_child(-1, F_UNLCK), 0);
	CHECK(!fcntl(fd, F_SETLEASE, F_WRLCK));
	CHECK_EQ(in_child(O_RDWR | O_NONBLOCK, -1), EWOULDBLOCK);
	CHECK_EQ(fcntl(fd, F_GETLEASE), F_UNLCK);
	CHECK(!fcntl(fd, F_SETLEASE, F_UNLCK));
	return 0;
}
