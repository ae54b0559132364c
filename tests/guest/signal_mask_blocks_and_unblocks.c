/* A blocked signal stays pending, once, and comes when it is unblocked; SIGKILL and SIGSTOP cannot be
 * blocked. */
#include "check.h"

static volatile int count;

static void handler(int signo)
{
	count++;
}

int main(void)
{
	sigset_t set, old, pending;

	on_signal(SIGUSR1, handler, 0);
	sigfillset(&set);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, &old), 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(count, 0);
	CHECK_EQ(sigpending(&pending), 0);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
	CHECK_EQ(sigismember(&pending, SIGUSR2), 0);
	CHECK_EQ(sigprocmask(SIG_SETMASK, NULL, &set), 0);
	CHECK_EQ(sigismember(&set, SIGKILL), 0);
	CHECK_EQ(sigismember(&set, SIGSTOP), 0);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK_EQ(count, 1); /* a standard signal does not queue */
	CHECK_ERRNO(sigprocmask(99, &set, NULL), EINVAL);
	struct sigaction action = {.sa_handler = handler};
	CHECK_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL);
	CHECK_ERRNO(sigaction(SIGSTOP, &action, NULL), EINVAL);
	CHECK_ERRNO(sigaction(65, &action, NULL), EINVAL);
	return 0;
}
