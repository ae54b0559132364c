/* Clocks, the timer, waiting: as long as asked, and not for ever; thread-local storage's register. */
#include "tests/solo5/guest.h"

MANIFEST(0);

#define MS 1000000ull

int main(void)
{
	uint64_t begin = clock_ns(1), wall = clock_ns(0), past, fs, block[2] = {0x5050505, 0};
	uint64_t timer[4] = {0};

	CHECK(wall > 1600000000ull * 1000 * MS);
	for (int i = 0; i < 5; i++) {
		uint64_t before = clock_ns(1);

		CHECK(wait_until(before + 5 * MS) == 0);
		CHECK(clock_ns(1) >= before + 5 * MS);
	}
	past = clock_ns(1);
	CHECK(wait_until(begin) == 0); /* long past */
	CHECK(clock_ns(1) - past < 10000 * MS);
	/* What was armed is readable at once, what was disarmed is not: the timer comes fresh. */
	CHECK(call(NR_TIMERFD_SETTIME, boot->timer_fd, 0, (long)timer, 0, 0, 0) == 0);
	CHECK(call(NR_EPOLL_PWAIT, boot->epoll_fd, (long)timer, 1, 0, 0, 0) == 0);
	CHECK(call(NR_ARCH_PRCTL, 0x1002, (long)block, 0, 0, 0, 0) == 0);
	__asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
	CHECK(fs == block[0]);
	if (is("sleep")) {
		print("asleep\n");
		wait_until(clock_ns(1) + number(0) * MS);
	}
	print("time goes on\n");
	return 0;
}
