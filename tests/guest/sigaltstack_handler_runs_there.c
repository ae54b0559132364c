/* SA_ONSTACK runs the handler on the alternate stack; SS_ONSTACK shows it, and changing it meanwhile is
 * EPERM. */
#include "check.h"

static char stack[64 << 10];
static volatile int there, flags, change;

static void handler(int signo)
{
	char here;
	stack_t now, other = {.ss_sp = stack, .ss_size = sizeof stack};

	there = &here > stack && &here < stack + sizeof stack;
	sigaltstack(NULL, &now);
	flags = now.ss_flags;
	change = sigaltstack(&other, NULL) == -1 ? errno : 0;
}

int main(void)
{
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack}, old;

	CHECK_EQ(sigaltstack(&ss, &old), 0);
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	on_signal(SIGUSR1, handler, SA_ONSTACK);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(there, 1);
	CHECK_EQ(flags, SS_ONSTACK);
	CHECK_EQ(change, EPERM);
	on_signal(SIGUSR1, handler, 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(there, 0);
	ss.ss_size = 100;
	CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
	ss.ss_flags = SS_DISABLE;
	CHECK_EQ(sigaltstack(&ss, &old), 0);
	CHECK(old.ss_sp == stack && old.ss_size == sizeof stack && old.ss_flags == 0);
	ss.ss_flags = 0x1000;
	CHECK_ERRNO(sigaltstack(&ss, NULL), EINVAL);
	return 0;
}
