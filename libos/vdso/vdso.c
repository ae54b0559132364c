/*
 * The guest's vDSO: vdso(7).  An image of its own, linked by vdso.lds, mapped into each guest process.  The clocks that
 * can be read without the library OS are read by functions of the host, whose addresses the library OS writes into
 * vdso_data of its copy; the rest are system calls.  Runs on the guest's stack with the guest's registers.
 */
#include <stdbool.h>
#include <stdint.h>
#include <asm/unistd_64.h>

#define EXPORT __attribute__((visibility("default"), used))

struct timespec64 {
	int64_t sec, nsec;
};

struct timeval64 {
	int64_t sec, usec;
};

struct timezone_pair {
	int32_t minuteswest, dsttime;
};

/* Found by its first word; see proc/vdso.c. */
struct vdso_data {
	uint64_t magic;
	int (*clock_gettime)(int clock, struct timespec64 *ts);
	int (*gettimeofday)(struct timeval64 *tv, struct timezone_pair *tz);
	int64_t (*time)(int64_t *t);
	const uint64_t *slot;	/* of the library OS's entry, see rewrite/stub.c, then of the host's; 0: system calls trap */
	uint32_t cpus;
};
__attribute__((section(".vdso_data"), used)) const volatile struct vdso_data vdso_data = {
	.magic = 0x6f736476a5a55a5aull,
};

/* The clocks that the host's function knows: 0, 1, 5, 6, 7. */
#define HOST_CLOCKS 0xe3u

/*
 * By a jump, as from a stub of the rewriter's: rcx is where to go on, and in front of that stands the distance to the
 * address that signals are to show, which has a `syscall` in front of it, to be executed by who restarts there.
 */
static inline long syscall2_by(const uint64_t *by, long nr, long a, long b)
{
	register const uint64_t *slot __asm__("r11") = by;
	long ret;

	__asm__ volatile("test %%r11, %%r11\n"
			 "	jz 1f\n"
			 "	lea 3f(%%rip), %%rcx\n"
			 "	jmp *(%%r11)\n"
			 "	.quad 2f - 3f\n"
			 "3:	jmp 2f\n"
			 "1:	syscall\n"
			 "2:"
			 : "=a"(ret), "+r"(slot)
			 : "0"(nr), "D"(a), "S"(b)
			 : "rcx", "memory");
	return ret;
}

static long syscall2(long nr, long a, long b)
{
	return syscall2_by(vdso_data.slot, nr, a, b);
}

/* Clocks that are the same for the host: the thread's and the process's processor time.  It writes for us, but not into its own range. */
static bool is_direct(int clock, const void *p)
{
	return (clock == 2 || clock == 3) && (uint64_t)p >> 44 != 2 && vdso_data.slot;
}

EXPORT int __vdso_clock_gettime(int clock, struct timespec64 *ts);
EXPORT int __vdso_clock_gettime(int clock, struct timespec64 *ts)
{
	if (__builtin_expect((unsigned int)clock < 32 && (HOST_CLOCKS >> clock & 1), 1))
		return vdso_data.clock_gettime(clock, ts);
	if (is_direct(clock, ts))
		return (int)syscall2_by(vdso_data.slot + 1, __NR_clock_gettime, clock, (long)ts);
	return (int)syscall2(__NR_clock_gettime, clock, (long)ts);
}

EXPORT int __vdso_clock_getres(int clock, struct timespec64 *ts);
EXPORT int __vdso_clock_getres(int clock, struct timespec64 *ts)
{
	return (int)syscall2(__NR_clock_getres, clock, (long)ts);
}

EXPORT int __vdso_gettimeofday(struct timeval64 *tv, struct timezone_pair *tz);
EXPORT int __vdso_gettimeofday(struct timeval64 *tv, struct timezone_pair *tz)
{
	if (__builtin_expect(tz != 0, 0))	/* the host's time zone is none of the guest's business */
		return (int)syscall2(__NR_gettimeofday, (long)tv, (long)tz);
	return vdso_data.gettimeofday(tv, tz);
}

EXPORT int64_t __vdso_time(int64_t *t);
EXPORT int64_t __vdso_time(int64_t *t)
{
	return vdso_data.time(t);
}

/* The limit of segment 15 is the processor and node, by the kernel's convention; reading it needs no feature. */
EXPORT int __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused);
EXPORT int __vdso_getcpu(uint32_t *cpu, uint32_t *node, void *unused)
{
	uint32_t v = 0;

	__asm__ volatile("lsl %1, %0" : "+r"(v) : "r"(0x7b));
	if (cpu)
		*cpu = vdso_data.cpus ? (v & 0xfff) % vdso_data.cpus : v & 0xfff;
	if (node)
		*node = 0;
	return 0;
}

#define ALIAS(name, target)                                                                                  \
	EXPORT __attribute__((weak, alias(#target))) __typeof__(target) name
ALIAS(clock_gettime, __vdso_clock_gettime);
ALIAS(clock_getres, __vdso_clock_getres);
ALIAS(gettimeofday, __vdso_gettimeofday);
ALIAS(time, __vdso_time);
ALIAS(getcpu, __vdso_getcpu);
