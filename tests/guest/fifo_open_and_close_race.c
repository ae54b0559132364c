/* Opens and closes of one FIFO from several threads: who waits for a partner finds one; a reader hangs up after a writer. */
#include "check.h"
#include <poll.h>

#define ROUNDS 300

static int enough;

/* What it writes while the reader is closing is lost: it goes on until the reader has had enough. */
static void *writer(void *arg)
{
	while (!__atomic_load_n(&enough, __ATOMIC_SEQ_CST)) {
		int fd = open("fifo", O_WRONLY);

		CHECK(fd >= 0);
		if (write(fd, "x", 1) != 1)
			CHECK_EQ(errno, EPIPE);
		close(fd);
	}
	return arg;
}

/* Opens and closes at once, so that a last close meets an open. */
static void *passer(void *arg)
{
	for (int i = 0; i < 4 * ROUNDS; i++) {
		int fd = open("fifo", O_RDWR | O_NONBLOCK);

		CHECK(fd >= 0);
		close(fd);
	}
	return arg;
}

static void race(void)
{
	pthread_t w, p[2];
	int got = 0, fd = -1;
	char c;

	signal(SIGPIPE, SIG_IGN);
	CHECK_OK(pthread_create(&p[0], NULL, passer, NULL));
	CHECK_OK(pthread_create(&p[1], NULL, passer, NULL));
	CHECK_OK(pthread_join(p[0], NULL));
	CHECK_OK(pthread_join(p[1], NULL));
	CHECK_OK(pthread_create(&w, NULL, writer, NULL));
	while (got < ROUNDS) {
		if (fd < 0)
			fd = open("fifo", O_RDONLY);
		CHECK(fd >= 0);
		if (read(fd, &c, 1) == 1) {
			got++;
			continue;
		}
		close(fd); /* the end of what has been written so far */
		fd = -1;
	}
	__atomic_store_n(&enough, 1, __ATOMIC_SEQ_CST);
	CHECK_OK(pthread_join(w, NULL));
	close(fd);
}

static void hang_up(void)
{
	int early = open("fifo", O_RDONLY | O_NONBLOCK), out = open("fifo", O_WRONLY), late;
	struct pollfd in[2];

	CHECK(early >= 0 && out >= 0);
	close(out);
	late = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(late >= 0);
	in[0] = (struct pollfd){.fd = early, .events = POLLIN};
	in[1] = (struct pollfd){.fd = late, .events = POLLIN};
	CHECK_EQ(poll(in, 2, 0), 1);
	CHECK_EQ(in[0].revents, POLLHUP);
	CHECK_EQ(in[1].revents, 0); /* it has seen no writer yet */
	close(early);
	close(late);
	CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
}

int main(void)
{
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	race();
	hang_up();
	return 0;
}
