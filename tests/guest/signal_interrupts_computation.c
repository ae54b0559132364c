/* A signal reaches a thread that makes no system call at all. */
#include "check.h"
#include <sys/time.h>

static volatile int ticks;

static void handler(int signo)
{
	ticks++;
}

int main(void)
{
	struct itimerval every = {{0, 5000}, {0, 5000}};
	volatile uint64_t spin = 0;

	on_signal(SIGALRM, handler, 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &every, NULL), 0);
	while (ticks < 10)
		spin++;
	CHECK(spin > 0);
	return 0;
}
