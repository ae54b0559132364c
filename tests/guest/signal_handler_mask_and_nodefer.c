/* A handler runs with its signal and sa_mask blocked; SA_NODEFER leaves its own open; SA_RESETHAND fires
 * once. */
#include "check.h"

static volatile int depth, deepest, runs, usr2_while_usr1;
static volatile int in_usr1;

static void nested(int signo)
{
	if (++depth > deepest)
		deepest = depth;
	if (++runs < 3)
		raise(SIGUSR1);
	depth--;
}

static void usr1(int signo)
{
	in_usr1 = 1;
	raise(SIGUSR2);
	in_usr1 = 0;
}

static void usr2(int signo)
{
	usr2_while_usr1 = in_usr1;
}

int main(void)
{
	on_signal(SIGUSR1, nested, 0);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 1);
	CHECK_EQ(runs, 3); /* one after the other */
	deepest = runs = 0;
	on_signal(SIGUSR1, nested, SA_NODEFER);
	raise(SIGUSR1);
	CHECK_EQ(deepest, 3);

	struct sigaction action = {.sa_handler = usr1}, now;
	sigaddset(&action.sa_mask, SIGUSR2);
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	on_signal(SIGUSR2, usr2, 0);
	usr2_while_usr1 = 7;
	raise(SIGUSR1);
	CHECK_EQ(usr2_while_usr1, 0); /* it came after the first handler ended */

	on_signal(SIGUSR2, usr2, (int)SA_RESETHAND);
	raise(SIGUSR2);
	CHECK_EQ(sigaction(SIGUSR2, NULL, &now), 0);
	CHECK(now.sa_handler == SIG_DFL);
	return 0;
}
