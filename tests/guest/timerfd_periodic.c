/* A timerfd counts its expirations, once or periodically, relative or absolute, and tells the time that is
 * left. */
#include "check.h"
#include <poll.h>
#include <sys/timerfd.h>

int main(void)
{
	struct itimerspec when = {{0, 5000000}, {0, 10000000}}, left;
	uint64_t count, total = 0;
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	CHECK(fd >= 0);
	int64_t begin = now_ms();
	CHECK_EQ(timerfd_settime(fd, 0, &when, NULL), 0);
	while (total < 5) {
		CHECK_EQ(read(fd, &count, 8), 8);
		CHECK(count >= 1);
		total += count;
	}
	CHECK(now_ms() - begin >= 29);
	CHECK_EQ(timerfd_gettime(fd, &left), 0);
	CHECK_EQ(left.it_interval.tv_nsec, 5000000);
	CHECK(left.it_value.tv_nsec <= 5000000);
	when = (struct itimerspec){{0, 0}, {0, 0}};
	CHECK_EQ(timerfd_settime(fd, 0, &when, &left), 0);
	CHECK_EQ(left.it_interval.tv_nsec, 5000000);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	CHECK_EQ(poll(&pfd, 1, 20), 0); /* disarmed */
	clock_gettime(CLOCK_MONOTONIC, &when.it_value);
	when.it_value.tv_sec--; /* in the past: at once */
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &when, NULL), 0);
	CHECK_EQ(poll(&pfd, 1, 10000), 1);
	CHECK_EQ(read(fd, &count, 8), 8);
	CHECK_EQ(count, 1);
	int nonblock = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
	CHECK_ERRNO(read(nonblock, &count, 8), EAGAIN);
	CHECK_ERRNO(read(nonblock, &count, 4), EINVAL);
	CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
	return 0;
}
