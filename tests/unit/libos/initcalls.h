/* The linker script of the library OS says where its parts are; in a program of the test host the linker's own names do. */
#ifndef TESTS_INITCALLS_H
#define TESTS_INITCALLS_H

#include "libos/kernel/syscall.h"

extern const struct syscall_entry __start_syscalls[], __stop_syscalls[];
extern const struct initcall __start_initcalls[], __stop_initcalls[];

static void run_initcalls(void)
{
	for (u32 order = 0; order <= INIT_LATE; order++)
		for (const struct initcall *c = __start_initcalls; c < __stop_initcalls; c++)
			if (c->order == order)
				c->fn();
}

#endif
