/*
 * Names of x86-64 system calls, for people: the table is made from the kernel's header when the monitor is
 * built.
 */
#include <stddef.h>

#include "monitor/monitor.h"

static const char *const names[] = {
#include "syscall_names.inc"
};

const char *syscall_name(unsigned int nr)
{
	return nr < sizeof(names) / sizeof(names[0]) ? names[nr] : NULL;
}
