/* In place of libos/coredump: no core file is ever written. */
#include "libos/coredump/coredump.h"

char core_pattern[CORE_PATTERN_MAX];

bool core_dump(int sig, const struct siginfo_kernel *info)
{
	return false;
}

void core_park(struct thread *t)
{
}

void core_forget(struct process *p)
{
}
