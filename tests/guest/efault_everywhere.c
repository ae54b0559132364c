/* A bad pointer in any argument of some eighty calls is EFAULT, never a crash and never a success. */
#include "check.h"
#include <linux/futex.h>
#include <poll.h>
#include <sys/epoll.h>

static int failures;

static void efault(const char *name, long number, long a, long b, long c, long d, long e)
{
	errno = 0;
	long result = syscall(number, a, b, c, d, e, 0);

	if (result != -1 || errno != EFAULT) {
		fprintf(stderr, "%s gives %ld, errno %d (%s)\n", name, result, errno, strerror(errno));
		failures++;
	}
}

#define BAD(call, ...) efault(#call, SYS_##call, __VA_ARGS__)

int main(void)
{
	/* Three kinds of bad addresses: low, unmapped, and beyond what a user may have. */
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long bad[] = {8, (long)(uintptr_t)hole, (long)0xffff800000000000, LONG_MIN};
	int fd = file_with("f", "0123456789", 10), dir = open(".", O_RDONLY), ends[2], ep = epoll_create1(0);
	long here = AT_FDCWD, f = (long)(uintptr_t) "f";

	CHECK(hole != MAP_FAILED);
	CHECK_EQ(munmap(hole, 4096), 0);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		long p = bad[i];

		BAD(read, ends[0], p, 1, 0, 0);
		BAD(read, fd, p, 1, 0, 0);
		BAD(write, fd, p, 1, 0, 0);
		BAD(pread64, fd, p, 4, 0, 0);
		BAD(pwrite64, fd, p, 4, 0, 0);
		BAD(readv, fd, p, 1, 0, 0);
		BAD(writev, fd, p, 1, 0, 0);
		BAD(preadv, fd, p, 1, 0, 0);
		BAD(pwritev, fd, p, 1, 0, 0);
		BAD(open, p, O_RDONLY, 0, 0, 0);
		BAD(openat, here, p, O_RDONLY, 0, 0);
		BAD(openat2, here, p, p, 24, 0);
		BAD(creat, p, 0600, 0, 0, 0);
		BAD(stat, p, p, 0, 0, 0);
		BAD(stat, f, p, 0, 0, 0);
		BAD(lstat, f, p, 0, 0, 0);
		BAD(fstat, fd, p, 0, 0, 0);
		BAD(newfstatat, here, f, p, 0, 0);
		BAD(statx, here, f, 0, 0x7ff, p);
		BAD(statfs, f, p, 0, 0, 0);
		BAD(fstatfs, fd, p, 0, 0, 0);
		BAD(access, p, 0, 0, 0, 0);
		BAD(faccessat, here, p, 0, 0, 0);
		BAD(chdir, p, 0, 0, 0, 0);
		BAD(getcwd, p, 4096, 0, 0, 0);
		BAD(mkdir, p, 0700, 0, 0, 0);
		BAD(mkdirat, here, p, 0700, 0, 0);
		BAD(rmdir, p, 0, 0, 0, 0);
		BAD(unlink, p, 0, 0, 0, 0);
		BAD(unlinkat, here, p, 0, 0, 0);
		BAD(rename, f, p, 0, 0, 0);
		BAD(rename, p, f, 0, 0, 0);
		BAD(renameat2, here, p, here, f, 0);
		BAD(link, p, f, 0, 0, 0);
		BAD(symlink, p, f, 0, 0, 0);
		BAD(readlink, p, p, 10, 0, 0);
		BAD(chmod, p, 0600, 0, 0, 0);
		BAD(fchmodat, here, p, 0600, 0, 0);
		BAD(chown, p, -1, -1, 0, 0);
		BAD(fchownat, here, p, -1, -1, 0);
		BAD(truncate, p, 0, 0, 0, 0);
		BAD(utimensat, here, f, p, 0, 0);
		BAD(utimensat, here, p, 0, 0, 0);
		BAD(getdents64, dir, p, 1024, 0, 0);
		BAD(pipe, p, 0, 0, 0, 0);
		BAD(pipe2, p, 0, 0, 0, 0);
		BAD(poll, p, 1, 0, 0, 0);
		BAD(ppoll, p, 1, p, 0, 0);
		BAD(select, 1, p, 0, 0, 0);
		BAD(epoll_ctl, ep, EPOLL_CTL_ADD, ends[0], p, 0);
		BAD(fcntl, fd, F_GETLK, p, 0, 0);
		BAD(fcntl, fd, F_SETLK, p, 0, 0);
		BAD(rt_sigaction, SIGUSR1, p, 0, 8, 0);
		BAD(rt_sigaction, SIGUSR1, 0, p, 8, 0);
		BAD(rt_sigprocmask, SIG_BLOCK, p, 0, 8, 0);
		BAD(rt_sigprocmask, SIG_BLOCK, 0, p, 8, 0);
		BAD(rt_sigpending, p, 8, 0, 0, 0);
		BAD(rt_sigtimedwait, p, 0, 0, 8, 0);
		BAD(rt_sigsuspend, p, 8, 0, 0, 0);
		BAD(rt_sigqueueinfo, getpid(), SIGUSR1, p, 0, 0);
		BAD(sigaltstack, p, 0, 0, 0, 0);
		BAD(signalfd4, -1, p, 8, 0, 0);
		BAD(nanosleep, p, 0, 0, 0, 0);
		BAD(clock_nanosleep, CLOCK_MONOTONIC, 0, p, 0, 0);
		BAD(clock_gettime, CLOCK_REALTIME, p, 0, 0, 0);
		BAD(clock_getres, CLOCK_REALTIME, p, 0, 0, 0);
		BAD(gettimeofday, p, 0, 0, 0, 0);
		BAD(setitimer, 0, p, 0, 0, 0);
		BAD(getitimer, 0, p, 0, 0, 0);
		BAD(timer_create, CLOCK_MONOTONIC, p, p, 0, 0);
		BAD(timerfd_settime, ep, 0, p, 0, 0);
		BAD(uname, p, 0, 0, 0, 0);
		BAD(sysinfo, p, 0, 0, 0, 0);
		BAD(times, p, 0, 0, 0, 0);
		BAD(getrusage, 0, p, 0, 0, 0);
		BAD(getrlimit, 7, p, 0, 0, 0);
		BAD(setrlimit, 7, p, 0, 0, 0);
		BAD(prlimit64, 0, 7, 0, p, 0);
		BAD(getrandom, p, 16, 0, 0, 0);
		BAD(getresuid, p, p, p, 0, 0);
		BAD(getcpu, p, 0, 0, 0, 0);
		BAD(sched_getaffinity, 0, 128, p, 0, 0);
		BAD(memfd_create, p, 0, 0, 0, 0);
		BAD(prctl, 15, p, 0, 0, 0);
		BAD(clone3, p, 88, 0, 0, 0);
		BAD(ioctl, ends[0], 0x541b, p, 0, 0);
		BAD(futex, p & ~3l, FUTEX_WAIT, 0, 0, 0);
	}
	CHECK_EQ(failures, 0);
	return 0;
}
