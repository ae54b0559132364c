/*
 * System calls without the C library: no errno, no lock, no state.  The template makes them while it shares the monitor's
 * memory (template.c).  They return what the kernel does: a negative error number, or a result.
 */
#ifndef BARTIZAN_RAW_H
#define BARTIZAN_RAW_H

#include <sys/syscall.h>

static inline long raw_call(long nr, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return ret;
}

/* By name; missing arguments are 0. */
#define RAW(name, ...) RAW5(SYS_##name, ##__VA_ARGS__, 0, 0, 0, 0, 0)
#define RAW5(nr, a, b, c, d, e, ...) raw_call(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e))

#endif
