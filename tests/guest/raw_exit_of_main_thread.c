/* The raw exit call ends one thread; exit_group by another gives the process its code. */
#include "check.h"

static void *thread(void *unused)
{
	sleep_ms(20);
	CHECK_EQ(kill(getpid(), 0), 0); /* the leader's id stays */
	_exit(7);
}

int main(void)
{
	pthread_t t;

	CHECK_OK(pthread_create(&t, NULL, thread, NULL));
	syscall(SYS_exit, 3);
	return 0;
}
