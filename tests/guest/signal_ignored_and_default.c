/* An ignored signal interrupts nothing; those whose default is to be ignored do nothing. */
#include "check.h"

int main(void)
{
	struct timespec brief = {0, 30000000};
	sigset_t pending;

	on_signal(SIGTERM, SIG_IGN, 0);
	CHECK_EQ(raise(SIGTERM), 0);
	CHECK_EQ(raise(SIGCHLD), 0);
	CHECK_EQ(raise(SIGURG), 0);
	CHECK_EQ(raise(SIGWINCH), 0);
	CHECK_EQ(raise(SIGCONT), 0);
	CHECK_EQ(nanosleep(&brief, NULL), 0);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	on_signal(SIGUSR1, SIG_IGN, 0); /* discards what is pending */
	CHECK_EQ(sigpending(&pending), 0);
	CHECK_EQ(sigismember(&pending, SIGUSR1), 0);
	return 0;
}
