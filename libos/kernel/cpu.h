/* The processor, asked directly.  Each CPUID traps on a virtual machine: ask once, and off the start's path if it can be. */
#ifndef LIBOS_CPU_H
#define LIBOS_CPU_H

#include "libos/kernel/types.h"

/* r: eax, ebx, ecx, edx. */
static inline void cpuid(u32 leaf, u32 sub, u32 r[4])
{
	__asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(leaf), "c"(sub));
}

#endif
