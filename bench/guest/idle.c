/*
 * Says that it is there, then waits to be ended: for measuring what an idle sandbox costs.  It handles
 * SIGTERM, since as process 1 of a container it would not get it otherwise.
 */
#include <signal.h>
#include <unistd.h>

static void leave(int sig)
{
	(void)sig;
	_exit(0);
}

int main(void)
{
	signal(SIGTERM, leave);
	if (write(1, "ready\n", 6) != 6)
		return 1;
	for (;;)
		pause();
}
