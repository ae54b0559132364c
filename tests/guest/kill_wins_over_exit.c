/* A process of several threads that sends itself a deadly signal ends by it, whatever any of its threads does next. */
#include "check.h"

static int deadly;

static void *other(void *arg)
{
	for (;;)
		getppid();
	return arg;
}

static void child(void)
{
	pthread_t t;

	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&t, NULL, other, NULL));
	sched_yield();
	kill(getpid(), deadly);
	_exit(5);
}

int main(void)
{
	int signals[] = {SIGKILL, SIGTERM, SIGUSR1};

	for (int i = 0; i < 300; i++) {
		deadly = signals[i % 3];
		CHECK_EQ(status_of_child(child), deadly);
	}
	return 0;
}
