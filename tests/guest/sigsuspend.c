/* sigsuspend lets a blocked signal in, returns EINTR after its handler, and puts the old mask back. */
#include "check.h"

static volatile int count;

static void handler(int signo)
{
	count++;
}

int main(void)
{
	sigset_t block, wait, now;

	on_signal(SIGUSR1, handler, SA_RESTART);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(count, 0);
	sigemptyset(&wait);
	CHECK_ERRNO(sigsuspend(&wait), EINTR);
	CHECK_EQ(count, 1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	CHECK_EQ(sigismember(&now, SIGUSR1), 1);
	return 0;
}
