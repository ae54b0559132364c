/* Clocks advance, monotonic ones never go back between calls or threads, and bad ids are refused. */
#include "check.h"
#include <sys/time.h>
#include <sys/times.h>

int main(void)
{
	static const clockid_t clocks[] = {CLOCK_MONOTONIC,	     CLOCK_MONOTONIC_RAW,
					   CLOCK_MONOTONIC_COARSE,   CLOCK_BOOTTIME,
					   CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	struct timespec last, now, resolution;
	struct timeval tv;

	for (size_t c = 0; c < sizeof clocks / sizeof *clocks; c++) {
		CHECK_EQ(clock_gettime(clocks[c], &last), 0);
		for (int i = 0; i < 20000; i++) {
			CHECK_EQ(clock_gettime(clocks[c], &now), 0);
			CHECK(now.tv_nsec >= 0 && now.tv_nsec < 1000000000);
			CHECK(now.tv_sec > last.tv_sec ||
			      (now.tv_sec == last.tv_sec && now.tv_nsec >= last.tv_nsec));
			last = now;
		}
		CHECK_EQ(clock_getres(clocks[c], &resolution), 0);
	}
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &now), 0);
	CHECK_EQ(gettimeofday(&tv, NULL), 0);
	CHECK(tv.tv_sec - now.tv_sec >= -1 && tv.tv_sec - now.tv_sec < 10);
	time_t t = time(NULL);
	CHECK(t - now.tv_sec >= -1 && t - now.tv_sec < 10);
	CHECK(times(NULL) != (clock_t)-1);
	CHECK_ERRNO(syscall(SYS_clock_gettime, 99, &now), EINVAL);
	CHECK_ERRNO(syscall(SYS_clock_gettime, CLOCK_REALTIME, 8), EFAULT);
	struct timespec raw; /* the call and the vDSO agree */
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &last), 0);
	CHECK_EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &raw), 0);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
	int64_t a = last.tv_sec * 1000000000LL + last.tv_nsec, b = raw.tv_sec * 1000000000LL + raw.tv_nsec;
	int64_t c = now.tv_sec * 1000000000LL + now.tv_nsec;
	CHECK(a <= b && b <= c);
	return 0;
}
