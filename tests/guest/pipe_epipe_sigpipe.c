/* Writing to a pipe without readers is EPIPE and SIGPIPE; a blocked writer learns it when the reader closes.
 */
#include "check.h"

static volatile int pipes;
static int ends[2];

static void handler(int signo)
{
	pipes++;
}

static void *closer(void *unused)
{
	sleep_ms(30);
	CHECK_EQ(close(ends[0]), 0);
	return NULL;
}

int main(void)
{
	static char big[200000];
	pthread_t t;

	on_signal(SIGPIPE, handler, 0);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(close(ends[0]), 0);
	CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
	CHECK_EQ(pipes, 1);
	on_signal(SIGPIPE, SIG_IGN, 0);
	CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
	CHECK_EQ(close(ends[1]), 0);
	CHECK_EQ(pipe(ends), 0);
	CHECK_OK(pthread_create(&t, NULL, closer, NULL));
	ssize_t n = write(ends[1], big, sizeof big); /* what went in counts */
	CHECK(n > 0 ? n < (ssize_t)sizeof big : errno == EPIPE);
	CHECK_OK(pthread_join(t, NULL));
	CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
	return 0;
}
