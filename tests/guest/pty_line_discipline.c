/* A pseudo-terminal edits lines, echoes, maps newlines, and in raw mode passes each byte. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

static void expect(int fd, const char *want)
{
	char text[256] = "";
	size_t have = 0;

	while (have < strlen(want)) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		if (poll(&pfd, 1, 2000) != 1)
			break;
		ssize_t n = read(fd, text + have, sizeof text - 1 - have);
		CHECK(n > 0);
		have += (size_t)n;
	}
	text[have] = 0;
	CHECK_STR(text, want);
}

int main(void)
{
	struct termios modes;
	struct winsize size = {24, 80, 0, 0}, got;
	char line[64] = "";
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	if (master < 0)
		skip("no pseudo-terminals here");
	CHECK_EQ(grantpt(master), 0);
	CHECK_EQ(unlockpt(master), 0);
	int tty = open(ptsname(master), O_RDWR | O_NOCTTY);
	CHECK(tty >= 0);
	CHECK_EQ(isatty(tty), 1);
	CHECK_EQ(ioctl(master, TIOCSWINSZ, &size), 0);
	CHECK_EQ(ioctl(tty, TIOCGWINSZ, &got), 0);
	CHECK_EQ(got.ws_col, 80);
	CHECK_EQ(write(master, "abx\177c\n", 6), 6); /* a rubout */
	CHECK_EQ(read(tty, line, sizeof line), 4);
	CHECK_EQ(memcmp(line, "abc\n", 4), 0);
	expect(master, "abx\b \bc\r\n");
	CHECK_EQ(write(tty, "out\n", 4), 4);
	expect(master, "out\r\n");
	CHECK_EQ(write(master, "kill\025ok\004", 8), 8); /* line kill, end of file */
	CHECK_EQ(read(tty, line, sizeof line), 2);
	CHECK_EQ(memcmp(line, "ok", 2), 0);
	CHECK_EQ(tcgetattr(tty, &modes), 0);
	cfmakeraw(&modes);
	CHECK_EQ(tcsetattr(tty, TCSAFLUSH, &modes), 0);
	CHECK_EQ(write(master, "\003\n", 2), 2);
	CHECK_EQ(read(tty, line, sizeof line), 2);
	CHECK_EQ(memcmp(line, "\003\n", 2), 0);
	return 0;
}
