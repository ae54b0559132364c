/*
 * ISIG of a terminal: what signal each character sends, to the foreground group alone, and what it throws away (NOFLSH);
 * TCFLSH from either end; a hang-up of the whole session.
 */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, tty;
static volatile sig_atomic_t got[65];

static void count(int signo)
{
	got[signo]++;
}

static int waiting(int fd)
{
	int n = -1;

	CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
	return n;
}

static void set(tcflag_t lflag)
{
	struct termios modes;

	CHECK_EQ(tcgetattr(tty, &modes), 0);
	modes.c_lflag = lflag;
	modes.c_cc[VMIN] = 1;
	CHECK_EQ(tcsetattr(tty, TCSAFLUSH, &modes), 0);
}

static void type(const char *text)
{
	CHECK_EQ(write(master, text, strlen(text)), strlen(text));
}

static void characters(void)
{
	struct {
		const char *typed;
		int signo;
	} all[] = {{"\003", SIGINT}, {"\034", SIGQUIT}, {"\032", SIGTSTP}};
	char text[16];

	for (size_t i = 0; i < 3; i++) {
		set(ISIG);
		type("ab");
		WAIT_FOR(waiting(tty) == 2);
		type(all[i].typed);
		WAIT_FOR(got[all[i].signo] == 1);
		WAIT_FOR(waiting(tty) == 0); /* thrown away, the character too */
		set(ISIG | NOFLSH);
		type("ab");
		type(all[i].typed);
		WAIT_FOR(got[all[i].signo] == 2);
		WAIT_FOR(waiting(tty) == 2);
		CHECK_EQ(read(tty, text, sizeof text), 2);
		set(0); /* and without ISIG it is a byte like others */
		type(all[i].typed);
		CHECK_EQ(read(tty, text, sizeof text), 1);
		CHECK_EQ(text[0], all[i].typed[0]);
		CHECK_EQ(got[all[i].signo], 2);
	}
}

/* In a session of its own, leader of the foreground; a child in the background hears nothing of the characters. */
static void session(const char *name)
{
	int status, told[2];
	char byte;

	CHECK(setsid() > 0);
	tty = open(name, O_RDWR);
	CHECK(tty >= 0);
	for (int signo = 1; signo < 32; signo++)
		if (signo != SIGKILL && signo != SIGSTOP && signo != SIGCHLD)
			on_signal(signo, count, SA_RESTART);
	CHECK_EQ(pipe(told), 0);
	pid_t behind = fork(), here;
	if (behind == 0) {
		CHECK_EQ(setpgid(0, 0), 0);
		CHECK_EQ(write(told[1], "r", 1), 1);
		WAIT_FOR(got[SIGUSR1]);
		_exit(got[SIGINT] + got[SIGQUIT] + got[SIGTSTP]);
	}
	here = fork();
	if (here == 0) { /* of the foreground as well */
		CHECK_EQ(write(told[1], "r", 1), 1);
		WAIT_FOR(got[SIGINT] && got[SIGQUIT] && got[SIGTSTP]);
		_exit(0);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(read(told[0], &byte, 1), 1);
	characters();
	CHECK_EQ(waitpid(here, &status, 0), here);
	CHECK_EQ(status, 0);
	CHECK_EQ(kill(behind, SIGUSR1), 0);
	CHECK_EQ(waitpid(behind, &status, 0), behind);
	CHECK_EQ(status, 0);
	/* The other end goes: the leader hears SIGHUP, then SIGCONT, reads nothing and writes nowhere. */
	CHECK_EQ(close(master), 0);
	CHECK_EQ(write(tty, "g", 1), 1);
	WAIT_FOR(got[SIGHUP] == 1 && got[SIGCONT] == 1);
	CHECK_EQ(read(tty, &byte, 1), 0);
	CHECK_ERRNO(write(tty, "x", 1), EIO);
	_exit(0);
}

static void flushes(void)
{
	char text[16];

	CHECK_EQ(openpty(&master, &tty, NULL, NULL, NULL), 0);
	set(0);
	type("input");
	WAIT_FOR(waiting(tty) == 5);
	CHECK_EQ(ioctl(tty, TCFLSH, TCOFLUSH), 0);
	CHECK_EQ(waiting(tty), 5);
	CHECK_EQ(ioctl(tty, TCFLSH, TCIFLUSH), 0);
	CHECK_EQ(waiting(tty), 0);
	CHECK_EQ(write(tty, "output", 6), 6);
	WAIT_FOR(waiting(master) == 6);
	CHECK_EQ(ioctl(tty, TCFLSH, TCIFLUSH), 0);
	CHECK_EQ(waiting(master), 6);
	CHECK_EQ(read(master, text, sizeof text), 6); /* TCOFLUSH may come too late for what the master has already */
	type("both");
	WAIT_FOR(waiting(tty) == 4);
	CHECK_EQ(ioctl(tty, TCFLSH, TCIOFLUSH), 0);
	CHECK_EQ(waiting(tty), 0);
	CHECK_EQ(write(tty, "on", 2), 2);
	CHECK_EQ(read(master, text, sizeof text), 2);
	/* Half a line goes as well. */
	set(ICANON);
	type("half");
	type("\004"); /* now it may be read */
	WAIT_FOR(waiting(tty) == 4);
	type("more");
	CHECK_EQ(ioctl(tty, TCFLSH, TCIFLUSH), 0);
	type("new\n");
	CHECK_EQ(read(tty, text, sizeof text), 4);
	CHECK_EQ(memcmp(text, "new\n", 4), 0);
	CHECK_ERRNO(ioctl(tty, TCFLSH, 3), EINVAL);
	/* From the master's side. */
	set(0);
	CHECK_EQ(write(tty, "output", 6), 6);
	WAIT_FOR(waiting(master) == 6);
	int from_master = ioctl(master, TCFLSH, TCIFLUSH);
	printf("flush of input by the master: %d, then %d waiting\n", from_master, waiting(master));
	close(tty);
	close(master);
}

int main(void)
{
	char name[64], byte;
	int status;

	if ((master = posix_openpt(O_RDWR | O_NOCTTY)) < 0)
		skip("no pseudo-terminals here");
	CHECK_EQ(unlockpt(master), 0);
	snprintf(name, sizeof name, "%s", ptsname(master));
	pid_t pid = fork();
	if (pid == 0)
		session(name);
	do
		CHECK_EQ(read(master, &byte, 1), 1);
	while (byte != 'g');
	CHECK_EQ(close(master), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	flushes();
	return 0;
}
