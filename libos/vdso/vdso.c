/*
 * The guest's vDSO: vdso(7).  An image of its own, linked by vdso.lds, mapped into every guest process.  The clocks that
 * can be read without the library OS are read by the host's clock_read, whose address the library OS writes into
 * vdso_data of its copy; the rest are system calls.  Runs on the guest's stack with the guest's registers.
 */
#include <stdint.h>
#include <asm/unistd_64.h>

#define BILLION 1000000000ull
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
	int64_t (*clock_read)(uint32_t clock);
	uint32_t cpus;
};
__attribute__((section(".vdso_data"), used)) const volatile struct vdso_data vdso_data = {
	.magic = 0x6f736476a5a55a5aull,
};

static long syscall2(long nr, long a, long b)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "0"(nr), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return ret;
}

/*
 * An interrupt that came while the host's code ran here is only marked in the thread's block (bz_tcb.interrupted): the
 * host looks at the mark when the guest resumes, so a system call must follow, or a loop that reads the clock until a
 * signal handler ends it would never see the signal.
 */
static void see_interrupt(void)
{
	uint32_t interrupted;

	__asm__ volatile("movl %%gs:44, %0" : "=r"(interrupted));
	if (__builtin_expect(interrupted, 0))
		syscall2(__NR_getpid, 0, 0);
}

static uint64_t read_clock(uint32_t clock)
{
	uint64_t ns = (uint64_t)vdso_data.clock_read(clock);

	see_interrupt();
	return ns;
}

/* The host's clock for a guest's, or -1.  Coarse clocks may be finer than promised. */
static int host_clock(int clock)
{
	switch (clock) {
	case 0: case 5:
		return 0;
	case 1: case 6:
		return 1;
	case 7:
		return 7;
	}
	return -1;
}

EXPORT int __vdso_clock_gettime(int clock, struct timespec64 *ts);
EXPORT int __vdso_clock_gettime(int clock, struct timespec64 *ts)
{
	int c = host_clock(clock);
	uint64_t ns;

	if (__builtin_expect(c < 0, 0))
		return (int)syscall2(__NR_clock_gettime, clock, (long)ts);
	ns = read_clock((uint32_t)c);
	ts->sec = (int64_t)(ns / BILLION);
	ts->nsec = (int64_t)(ns % BILLION);
	return 0;
}

EXPORT int __vdso_clock_getres(int clock, struct timespec64 *ts);
EXPORT int __vdso_clock_getres(int clock, struct timespec64 *ts)
{
	return (int)syscall2(__NR_clock_getres, clock, (long)ts);
}

EXPORT int __vdso_gettimeofday(struct timeval64 *tv, struct timezone_pair *tz);
EXPORT int __vdso_gettimeofday(struct timeval64 *tv, struct timezone_pair *tz)
{
	uint64_t ns;

	if (tv) {
		ns = read_clock(0);
		tv->sec = (int64_t)(ns / BILLION);
		tv->usec = (int64_t)(ns % BILLION / 1000);
	}
	if (tz)
		tz->minuteswest = tz->dsttime = 0;
	return 0;
}

EXPORT int64_t __vdso_time(int64_t *t);
EXPORT int64_t __vdso_time(int64_t *t)
{
	int64_t sec = (int64_t)(read_clock(0) / BILLION);

	if (t)
		*t = sec;
	return sec;
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
