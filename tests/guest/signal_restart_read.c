/* A read that a handler interrupts restarts with SA_RESTART, and ends with EINTR without it. */
#include "check.h"

static int ends[2];
static volatile int handled;
static pthread_t reader;
static volatile int reading;

static void handler(int signo)
{
	handled++;
}

static void *sender(void *unused)
{
	WAIT_FOR(reading);
	sleep_ms(50);
	pthread_kill(reader, SIGUSR1);
	WAIT_FOR(handled);
	sleep_ms(20);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	return NULL;
}

static ssize_t read_with(int flags)
{
	pthread_t thread;
	char byte;

	handled = 0;
	on_signal(SIGUSR1, handler, flags);
	CHECK_OK(pthread_create(&thread, NULL, sender, NULL));
	reading = 1;
	ssize_t n = read(ends[0], &byte, 1);
	int error = errno;
	CHECK_OK(pthread_join(thread, NULL));
	CHECK_EQ(handled, 1);
	if (n < 0)
		CHECK_EQ(read(ends[0], &byte, 1), 1);
	errno = error;
	return n;
}

int main(void)
{
	CHECK_EQ(pipe(ends), 0);
	reader = pthread_self();
	CHECK_EQ(read_with(SA_RESTART), 1);
	CHECK_ERRNO(read_with(0), EINTR);
	return 0;
}
