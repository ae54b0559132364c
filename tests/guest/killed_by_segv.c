/* A fault without a handler ends the program with SIGSEGV (139), even when the signal is blocked and ignored.
 */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	struct rlimit none = {0, 0};
	sigset_t set;

	setrlimit(RLIMIT_CORE, &none);
	on_signal(SIGSEGV, SIG_IGN, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*(volatile int *)8 = 1;
	return 0;
}
