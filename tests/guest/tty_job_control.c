/* A group of the background: SIGTTIN and SIGTTOU, EIO when ignored or orphaned; output that is stuck does not stop ^C. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

static int master, tty;

static void stopped_by(pid_t pid, int signo)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), signo);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
}

static void ended(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

enum act { READ, MODES, GROUP, FLUSH, FLOW, BREAK, SIZE, WRITE };

static long act(enum act what)
{
	struct termios modes;
	struct winsize size = {10, 20, 0, 0};
	char byte;

	switch (what) {
	case READ:
		return read(tty, &byte, 1);
	case MODES:
		CHECK_EQ(tcgetattr(tty, &modes), 0);
		return tcsetattr(tty, TCSANOW, &modes);
	case GROUP:
		return tcsetpgrp(tty, getpgrp());
	case FLUSH:
		return tcflush(tty, TCIFLUSH);
	case FLOW:
		return tcflow(tty, TCOON);
	case BREAK:
		return tcsendbreak(tty, 0);
	case SIZE:
		return ioctl(tty, TIOCSWINSZ, &size);
	default:
		return write(tty, "w", 1);
	}
}

/* In the background; what: the act; `signo` is ignored, if it is not zero, and then `result` must come. */
static pid_t background(enum act what, int ignored, long result, int error)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	setpgid(0, 0);
	if (ignored)
		signal(ignored, SIG_IGN);
	errno = 0;
	long ret = act(what);
	CHECK_EQ(ret, result);
	if (ret < 0)
		CHECK_EQ(errno, error);
	_exit(0);
}

/* A group without a parent in its session that could continue it. */
static void orphans(void)
{
	int report[2];
	char byte = 0;

	CHECK_EQ(pipe(report), 0);
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		pid_t parent = getpid();
		if (fork() == 0) {
			while (getppid() == parent)
				sleep_ms(2);
			CHECK_ERRNO(act(READ), EIO);
			CHECK_ERRNO(act(MODES), EIO);
			CHECK_ERRNO(act(GROUP), ENOTTY);
			CHECK_EQ(write(report[1], "k", 1), 1);
		}
		_exit(0);
	}
	close(report[1]);
	ended(pid);
	CHECK_EQ(read(report[0], &byte, 1), 1);
	CHECK_EQ(byte, 'k');
}

static void leader(void)
{
	struct termios modes;

	CHECK(setsid() > 0);
	tty = open(ptsname(master), O_RDWR);
	CHECK(tty >= 0);
	CHECK_EQ(tcgetpgrp(tty), getpid());
	stopped_by(background(READ, 0, 0, 0), SIGTTIN);
	ended(background(READ, SIGTTIN, -1, EIO));
	for (enum act a = MODES; a <= BREAK; a++)
		stopped_by(background(a, 0, 0, 0), SIGTTOU);
	ended(background(MODES, SIGTTOU, 0, 0));
	ended(background(FLUSH, SIGTTOU, 0, 0));
	ended(background(SIZE, 0, 0, 0));
	ended(background(WRITE, 0, 1, 0));
	CHECK_EQ(tcgetattr(tty, &modes), 0);
	modes.c_lflag |= TOSTOP;
	CHECK_EQ(tcsetattr(tty, TCSANOW, &modes), 0);
	stopped_by(background(WRITE, 0, 0, 0), SIGTTOU);
	ended(background(WRITE, SIGTTOU, 1, 0));
	orphans();
	CHECK_ERRNO(tcsetpgrp(tty, 1 << 21), ESRCH);

	/* A group takes the foreground by ignoring SIGTTOU, and has it. */
	ended(background(GROUP, SIGTTOU, 0, 0));
	signal(SIGTTOU, SIG_IGN);
	CHECK_EQ(tcsetpgrp(tty, getpid()), 0);
	signal(SIGTTOU, SIG_DFL);

	pid_t writer = fork();
	if (writer == 0) {
		char block[4096];
		memset(block, 'y', sizeof block);
		for (;;)
			CHECK(write(tty, block, sizeof block) > 0);
	}
	int status;
	signal(SIGINT, SIG_IGN);
	sleep_ms(100); /* until it is stuck; natively too nothing tells when */
	CHECK_EQ(write(master, "\003", 1), 1);
	CHECK_EQ(waitpid(writer, &status, 0), writer);
	CHECK(WIFSIGNALED(status));
	CHECK_EQ(WTERMSIG(status), SIGINT);
	_exit(0);
}

int main(void)
{
	master = posix_openpt(O_RDWR | O_NOCTTY);
	if (master < 0)
		skip("no pseudo-terminals here");
	CHECK_EQ(unlockpt(master), 0);
	pid_t pid = fork();
	if (pid == 0)
		leader();
	ended(pid);
	return 0;
}
