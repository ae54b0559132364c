/* SIGKILL from any thread ends them all (137). */
#include "check.h"

static void *thread(void *unused)
{
	sleep_ms(20);
	kill(getpid(), SIGKILL);
	return NULL;
}

int main(void)
{
	pthread_t t;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	CHECK_OK(pthread_create(&t, NULL, thread, NULL));
	for (;;)
		pause();
}
