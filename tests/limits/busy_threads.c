/* Threads that take turns at a lock and sleep with it: futexes, timers and wake-ups of all kinds. */
#include "tests/guest/check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sum;

static void *turns(void *arg)
{
	for (int i = 0; i < 100; i++) {
		pthread_mutex_lock(&lock);
		sum++;
		if (i % 25 == 0)
			usleep(100);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

int main(void)
{
	pthread_t thread[8];

	for (int i = 0; i < 8; i++)
		CHECK_OK(pthread_create(&thread[i], NULL, turns, NULL));
	for (int i = 0; i < 8; i++)
		CHECK_OK(pthread_join(thread[i], NULL));
	CHECK_EQ(sum, 800);
	return 0;
}
