/* Pseudo-terminals: names and locks, the controlling terminal, sizes, what each end sees when the other goes, packet mode. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

static volatile sig_atomic_t winched, hung;

static void note(int signo)
{
	if (signo == SIGWINCH)
		winched = 1;
	else
		hung = 1;
}

static int poll_now(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};

	CHECK(poll(&pfd, 1, 0) >= 0);
	return pfd.revents;
}

static int new_master(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	if (master < 0)
		skip("no pseudo-terminals here");
	return master;
}

static void names_and_locks(void)
{
	int a = new_master(), b = new_master(), zero = 0, one = 1, locked = -1;
	unsigned na, nb;
	char name[64], link[64], target[64] = "";
	struct stat st, by_name;

	CHECK_EQ(ioctl(a, TIOCGPTN, &na), 0);
	CHECK_EQ(ioctl(b, TIOCGPTN, &nb), 0);
	CHECK(na != nb);
	CHECK_EQ(ioctl(a, TIOCGPTLCK, &locked), 0);
	CHECK_EQ(locked, 1);
	snprintf(name, sizeof name, "/dev/pts/%u", na);
	CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO);
	CHECK_EQ(ioctl(a, TIOCSPTLCK, &zero), 0);
	int tty = open(name, O_RDWR | O_NOCTTY);
	CHECK(tty >= 0);
	CHECK_EQ(fstat(tty, &st), 0);
	CHECK_EQ(stat(name, &by_name), 0);
	CHECK_EQ(st.st_rdev, by_name.st_rdev);
	CHECK_EQ(st.st_ino, by_name.st_ino);
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_mode & 0707, 0600); /* the group depends on how /dev/pts was mounted */
	snprintf(link, sizeof link, "/proc/self/fd/%d", tty);
	CHECK(readlink(link, target, sizeof target - 1) > 0);
	CHECK_STR(target, name);
	CHECK_STR(ttyname(tty), name);
	CHECK_EQ(ioctl(a, TIOCSPTLCK, &one), 0);
	CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO);
	int peer = ioctl(b, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	CHECK(peer >= 0 || errno == EIO); /* b is locked; Linux opens it all the same */
	close(peer);
	CHECK_EQ(close(tty), 0);
	CHECK_EQ(close(a), 0);
	CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), ENOENT);
	CHECK_ERRNO(stat(name, &st), ENOENT);
	CHECK_ERRNO(mkdir("/dev/pts/x", 0700), EPERM);
	close(b);
}

static void closing(void)
{
	int master, tty;
	char text[16];

	CHECK_EQ(openpty(&master, &tty, NULL, NULL, NULL), 0);
	CHECK_EQ(poll_now(master), POLLOUT);
	CHECK_EQ(poll_now(tty), POLLOUT);
	CHECK_EQ(write(tty, "last", 4), 4);
	CHECK_EQ(close(tty), 0);
	CHECK_EQ(poll_now(master) & (POLLHUP | POLLIN), POLLHUP | POLLIN);
	CHECK_EQ(read(master, text, sizeof text), 4);
	CHECK_ERRNO(read(master, text, sizeof text), EIO);
	CHECK_EQ(poll_now(master) & (POLLHUP | POLLIN), POLLHUP);
	tty = open(ptsname(master), O_RDWR | O_NOCTTY); /* it lives again */
	CHECK(tty >= 0);
	CHECK_EQ(poll_now(master), POLLOUT);
	CHECK_EQ(close(master), 0);
	CHECK_EQ(poll_now(tty), POLLIN | POLLOUT | POLLERR | POLLHUP);
	CHECK_EQ(read(tty, text, sizeof text), 0);
	CHECK_ERRNO(write(tty, "x", 1), EIO);
	struct termios modes;
	CHECK_ERRNO(tcgetattr(tty, &modes), EIO);
	CHECK_EQ(isatty(tty), 0);
	close(tty);
}

static void packets(void)
{
	int master, tty, on = 1, got = 0;
	char text[16];
	struct termios modes;

	CHECK_EQ(openpty(&master, &tty, NULL, NULL, NULL), 0);
	CHECK_EQ(ioctl(master, TIOCPKT, &on), 0);
	CHECK_EQ(ioctl(master, TIOCGPKT, &got), 0);
	CHECK_EQ(got, 1);
	CHECK_EQ(write(tty, "ab", 2), 2);
	CHECK_EQ(read(master, text, sizeof text), 3);
	CHECK_EQ(memcmp(text, "\0ab", 3), 0);
	CHECK_EQ(tcflush(tty, TCIFLUSH), 0);
	CHECK_EQ(poll_now(master) & POLLPRI, POLLPRI);
	CHECK_EQ(read(master, text, sizeof text), 1);
	CHECK_EQ(text[0], TIOCPKT_FLUSHREAD);
	CHECK_EQ(tcgetattr(tty, &modes), 0);
	modes.c_iflag &= ~(tcflag_t)IXON;
	CHECK_EQ(tcsetattr(tty, TCSANOW, &modes), 0);
	CHECK_EQ(read(master, text, sizeof text), 1);
	CHECK_EQ(text[0], TIOCPKT_NOSTOP);
	close(tty);
	close(master);
}

/* In a session of its own; the parent holds the master. */
static void session(const char *name, int ready, int go)
{
	char byte = 'x';
	int fd, tty;

	CHECK(setsid() > 0);
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
	tty = open(name, O_RDWR | O_NOCTTY);
	CHECK(tty >= 0);
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_ERRNO(tcgetpgrp(tty), ENOTTY);
	CHECK_EQ(ioctl(tty, TIOCSCTTY, 0), 0);
	CHECK_EQ(tcgetpgrp(tty), getpid());
	CHECK_EQ(tcgetsid(tty), getpid());
	fd = open("/dev/tty", O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(isatty(fd), 1);
	close(fd);
	on_signal(SIGWINCH, note, SA_RESTART);
	on_signal(SIGHUP, note, SA_RESTART);
	CHECK_EQ(write(ready, &byte, 1), 1);
	WAIT_FOR(winched);
	CHECK_EQ(write(ready, &byte, 1), 1);
	CHECK_EQ(read(go, &byte, 1), 1);
	WAIT_FOR(hung);
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_ERRNO(write(tty, "x", 1), EIO);
	_exit(0);
}

static void controlling(void)
{
	struct winsize size = {30, 90, 0, 0};
	int master = new_master(), ready[2], go[2], status;
	char byte;

	CHECK_EQ(unlockpt(master), 0);
	CHECK_EQ(pipe(ready), 0);
	CHECK_EQ(pipe(go), 0);
	pid_t pid = fork();
	if (pid == 0) {
		char name[64];
		snprintf(name, sizeof name, "%s", ptsname(master));
		close(master);
		session(name, ready[1], go[0]);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &size), 0);
	CHECK_EQ(read(ready[0], &byte, 1), 1);
	CHECK_EQ(tcgetpgrp(master), pid);
	CHECK_EQ(close(master), 0);
	CHECK_EQ(write(go[1], "x", 1), 1);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

/* The leader's end takes the terminal from its session, and tells the foreground; the terminal lives on. */
static void leader_ends(void)
{
	int master = new_master(), status, ready[2];
	char text[32];

	CHECK_EQ(unlockpt(master), 0);
	CHECK_EQ(pipe(ready), 0);
	int mine = open(ptsname(master), O_RDWR | O_NOCTTY);
	CHECK(mine >= 0);
	pid_t pid = fork();
	if (pid == 0) {
		CHECK(setsid() > 0);
		CHECK(open(ptsname(master), O_RDWR) >= 0); /* becomes the controlling terminal */
		CHECK_EQ(tcgetsid(mine), getpid());
		if (fork() == 0) {
			on_signal(SIGHUP, note, SA_RESTART);
			CHECK_EQ(write(ready[1], "r", 1), 1);
			WAIT_FOR(hung);
			CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
			CHECK_EQ(write(ready[1], "h", 1), 1);
			_exit(0);
		}
		CHECK_EQ(read(ready[0], text, 1), 1);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close(ready[1]);
	CHECK_EQ(read(ready[0], text, sizeof text), 1);
	CHECK_EQ(text[0], 'h');
	CHECK_EQ(write(mine, "x", 1), 1);
	CHECK_EQ(read(master, text, sizeof text), 1);
	close(mine);
	close(master);
}

int main(void)
{
	names_and_locks();
	closing();
	packets();
	controlling();
	leader_ends();
	return 0;
}
