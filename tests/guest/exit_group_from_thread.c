/* exit in a thread other than main ends the process with its code while others block or spin. */
#include "check.h"

static int ends[2];

static void *blocked(void *unused)
{
	char byte;

	CHECK_EQ(read(ends[0], &byte, 1), 1);
	return NULL;
}

static void *spinning(void *unused)
{
	for (volatile int i = 0;; i++)
		;
	return NULL;
}

static void *ender(void *unused)
{
	sleep_ms(30);
	exit(23);
}

int main(void)
{
	pthread_t t;
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

	CHECK_EQ(pipe(ends), 0);
	CHECK_OK(pthread_create(&t, NULL, blocked, NULL));
	CHECK_OK(pthread_create(&t, NULL, spinning, NULL));
	CHECK_OK(pthread_create(&t, NULL, ender, NULL));
	pthread_mutex_lock(&mutex);
	pthread_mutex_lock(&mutex); /* for ever */
	return 0;
}
