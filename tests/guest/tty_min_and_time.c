/* MIN and TIME of a raw terminal: how much a read waits for, and how long between bytes. */
#include "check.h"
#include <poll.h>
#include <pty.h>
#include <termios.h>

static int master, tty;

static void set(cc_t min, cc_t tenths)
{
	struct termios modes;

	CHECK_EQ(tcgetattr(tty, &modes), 0);
	cfmakeraw(&modes);
	modes.c_cc[VMIN] = min;
	modes.c_cc[VTIME] = tenths;
	CHECK_EQ(tcsetattr(tty, TCSAFLUSH, &modes), 0);
}

static void *type_slowly(void *count)
{
	for (long i = 0; i < (long)count; i++) {
		sleep_ms(100);
		CHECK_EQ(write(master, "x", 1), 1);
	}
	return NULL;
}

static ssize_t read_typed(long count, size_t room, int64_t *took)
{
	pthread_t typist;
	char text[64];
	int64_t start = now_ms();

	CHECK_OK(pthread_create(&typist, NULL, type_slowly, (void *)count));
	ssize_t n = read(tty, text, room);
	*took = now_ms() - start;
	CHECK_OK(pthread_join(typist, NULL));
	return n;
}

int main(void)
{
	struct pollfd pfd;
	int64_t took;
	char text[64];

	if (openpty(&master, &tty, NULL, NULL, NULL) != 0)
		skip("no pseudo-terminals here");
	pfd = (struct pollfd){.fd = tty, .events = POLLIN};

	set(4, 0);
	CHECK_EQ(read_typed(4, 64, &took), 4);
	CHECK(took >= 350);
	CHECK_EQ(read_typed(2, 2, &took), 2); /* no more than there is room for */
	CHECK_EQ(write(master, "xxx", 3), 3);
	CHECK_EQ(poll(&pfd, 1, 100), 0);
	CHECK_EQ(write(master, "x", 1), 1);
	CHECK_EQ(poll(&pfd, 1, 1000), 1);

	set(10, 5); /* the clock starts anew at each byte */
	CHECK_EQ(read_typed(3, 64, &took), 3);
	CHECK(took >= 750);
	set(3, 5);
	CHECK_EQ(read_typed(3, 64, &took), 3);
	CHECK(took < 750);

	set(0, 3);
	int64_t start = now_ms();
	CHECK_EQ(read(tty, text, sizeof text), 0);
	CHECK(now_ms() - start >= 280);
	CHECK_EQ(read_typed(1, 64, &took), 1);
	CHECK(took < 280);
	set(0, 0);
	CHECK_EQ(read(tty, text, sizeof text), 0);
	CHECK_EQ(fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	CHECK_EQ(read(tty, text, sizeof text), 0);
	set(1, 0);
	CHECK_ERRNO(read(tty, text, sizeof text), EAGAIN);
	set(4, 0);
	CHECK_EQ(write(master, "ab", 2), 2);
	ssize_t n = 0;
	WAIT_FOR((n = read(tty, text, sizeof text)) > 0);
	CHECK_EQ(n, 2);
	return 0;
}
