/* ppoll and pselect swap the mask atomically: a pending signal that it opens ends the wait with EINTR. */
#include "check.h"
#include <poll.h>
#include <sys/select.h>

static volatile int count;

static void handler(int signo)
{
	count++;
}

int main(void)
{
	sigset_t block, open_set, now;
	int ends[2];

	on_signal(SIGUSR1, handler, 0);
	CHECK_EQ(pipe(ends), 0);
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &block, NULL), 0);
	sigemptyset(&open_set);
	raise(SIGUSR1);
	struct pollfd pfd = {.fd = ends[0], .events = POLLIN};
	CHECK_ERRNO(ppoll(&pfd, 1, NULL, &open_set), EINTR);
	CHECK_EQ(count, 1);
	raise(SIGUSR1);
	CHECK_ERRNO(pselect(0, NULL, NULL, NULL, NULL, &open_set), EINTR);
	CHECK_EQ(count, 2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	CHECK_EQ(sigismember(&now, SIGUSR1), 1);
	raise(SIGUSR1);
	struct timespec brief = {0, 1000000};
	CHECK_EQ(ppoll(&pfd, 1, &brief, &block), 0); /* stays blocked */
	CHECK_EQ(count, 2);
	return 0;
}
