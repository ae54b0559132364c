/* abort ends with SIGABRT (134) even when a handler returns; buffered output is lost, written output is not.
 */
#include "check.h"
#include <sys/resource.h>

static void handler(int signo)
{
	if (write(1, "handled\n", 8) != 8)
		_exit(9);
}

int main(void)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	on_signal(SIGABRT, handler, 0);
	abort();
}
