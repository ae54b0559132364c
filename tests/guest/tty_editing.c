/* The line discipline byte by byte: what is echoed and what is read, for each editing character and mode. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static int master, tty;
static struct termios modes;

static void set(tcflag_t iflag, tcflag_t lflag)
{
	modes.c_iflag = iflag;
	modes.c_lflag = lflag;
	CHECK_EQ(tcsetattr(tty, TCSAFLUSH, &modes), 0);
}

/* All that comes out of fd soon. */
static size_t drain(int fd, char *text, size_t size)
{
	size_t have = 0;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	while (have < size && poll(&pfd, 1, 20) == 1) {
		ssize_t n = read(fd, text + have, size - have);
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

static void show(const char *what, const char *text, size_t n)
{
	printf("%s: ", what);
	for (size_t i = 0; i < n; i++)
		printf(text[i] >= 32 && text[i] < 127 ? "%c" : "<%02x>", (unsigned char)text[i]);
	putchar('\n');
}

/* The outputs of both runs, natively and in the sandbox, are compared. */
static void type(const char *what, const char *typed, size_t n)
{
	char text[256];
	int waiting = -1;

	printf("-- %s\n", what);
	CHECK_EQ(write(master, typed, n), n);
	show("echo", text, drain(master, text, sizeof text));
	CHECK_EQ(ioctl(tty, FIONREAD, &waiting), 0);
	printf("waiting %d\n", waiting);
	for (;;) {
		ssize_t got = read(tty, text, sizeof text);
		if (got < 0) {
			CHECK_EQ(errno, EAGAIN);
			break;
		}
		show("read", text, (size_t)got);
		if (got == 0 && !(modes.c_lflag & ICANON))
			break;
	}
	tcflush(tty, TCIOFLUSH);
	drain(master, text, sizeof text);
}
#define TYPE(what, typed) type(what, typed, sizeof(typed) - 1)

int main(void)
{
	const tcflag_t usual = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;

	if (openpty(&master, &tty, NULL, NULL, NULL) != 0)
		skip("no pseudo-terminals here");
	CHECK_EQ(fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	CHECK_EQ(tcgetattr(tty, &modes), 0);
	set(ICRNL | IXON, usual);
	TYPE("rubout", "abc\177\177d\n");
	TYPE("rubout of nothing", "\177a\177\177\n");
	TYPE("rubout of control characters", "a\001\177b\n");
	TYPE("kill", "some words\025x\n");
	TYPE("word erase", "one two, thr_33\027\027x\n");
	TYPE("word erase with blanks", "one   \027x\n");
	TYPE("literal next", "a\026\003\026\177\026\026b\n");
	TYPE("reprint", "ab\022c\n");
	TYPE("end of file on an empty line", "\004");
	TYPE("end of file after text", "ab\004cd\n");
	TYPE("two ends of file", "ab\004\004");
	TYPE("bytes of zero", "a\0b\n\0\n");
	TYPE("return is newline", "ab\r");
	TYPE("a tab is rubbed out", "a\tb\177\177c\n");
	TYPE("control characters are shown", "\001\033[A\n");
	TYPE("interrupt throws away", "abc\003d\n");
	TYPE("half a line is not read", "abc");
	TYPE("the terminal is stopped", "a\023b\021c\n");
	set(ICRNL | IXON | IUTF8, usual);
	TYPE("a character of two bytes", "a\303\244\177b\n");
	TYPE("a word of such", "x \303\244\303\266\027y\n");
	set(ICRNL | IXON, usual);
	TYPE("bytes of one", "a\303\244\177b\n");
	set(ICRNL, usual & ~(tcflag_t)ECHOKE);
	TYPE("kill with a new line", "ab\025c\n");
	set(ICRNL, usual & ~(tcflag_t)(ECHOKE | ECHOK));
	TYPE("kill shown", "ab\025c\n");
	set(ICRNL, usual & ~(tcflag_t)ECHOE);
	TYPE("rubout shown", "ab\177c\n");
	set(ICRNL, usual & ~(tcflag_t)ECHOCTL);
	TYPE("control characters as they are", "a\001\177b\n");
	set(ICRNL, ICANON | ECHONL);
	TYPE("newline alone is shown", "ab\n");
	TYPE("no extensions: word erase is data", "ab\027c\026d\n");
	set(INLCR, usual);
	TYPE("newline is return", "ab\n\004");
	set(IGNCR, usual);
	TYPE("return is ignored", "a\rb\n");
	set(ISTRIP, usual);
	TYPE("eight bits are seven", "\341b\n");
	modes.c_cc[VEOL] = ';';
	set(ICRNL, usual);
	TYPE("another end of line", "ab;cd\n");
	modes.c_cc[VMIN] = 1;
	set(0, ECHO);
	TYPE("raw with echo", "a\003\177\r\n\t\0z");

	/* A line has at most 4095 bytes and its end. */
	static char line[5000], got[8192];
	set(ICRNL, ICANON);
	memset(line, 'a', sizeof line);
	line[4998] = 'z';
	line[4999] = '\n';
	CHECK_EQ(write(master, line, sizeof line), (ssize_t)sizeof line);
	WAIT_FOR(read(tty, got, 0) == 0);
	struct pollfd pfd = {.fd = tty, .events = POLLIN};
	CHECK_EQ(poll(&pfd, 1, 2000), 1);
	ssize_t n = read(tty, got, sizeof got);
	CHECK_EQ(n, 4096);
	show("its end", got + n - 4, 4);

	/* A switch to raw shows what was typed; one back makes a line of it. */
	CHECK_EQ(write(master, "half", 4), 4);
	modes.c_lflag = 0;
	CHECK_EQ(tcsetattr(tty, TCSANOW, &modes), 0);
	CHECK_EQ(poll(&pfd, 1, 2000), 1);
	n = read(tty, got, 2);
	CHECK_EQ(n, 2);
	modes.c_lflag = ICANON;
	CHECK_EQ(tcsetattr(tty, TCSANOW, &modes), 0);
	CHECK_EQ(poll(&pfd, 1, 2000), 1);
	CHECK_EQ(read(tty, got, sizeof got), 2);
	CHECK_EQ(memcmp(got, "lf", 2), 0);
	return 0;
}
