/* futex WAIT: EAGAIN for another value, ETIMEDOUT after a relative or absolute time, EINVAL for bad ones. */
#include "check.h"
#include <linux/futex.h>

static uint32_t word = 5;

static long futex(uint32_t *address, int op, uint32_t value, const struct timespec *timeout,
		  uint32_t *address2, uint32_t value3)
{
	return syscall(SYS_futex, address, op, value, timeout, address2, value3);
}

int main(void)
{
	struct timespec brief = {0, 20000000}, bad = {0, 1000000000}, until;
	int64_t begin = now_ms();

	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 6, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, &brief, NULL, 0), ETIMEDOUT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 5, &brief, NULL, 0), ETIMEDOUT);
	CHECK(now_ms() - begin >= 38);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &until), 0);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 5, &until, NULL, ~0u), ETIMEDOUT);
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &until), 0);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &until, NULL, ~0u), ETIMEDOUT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex((uint32_t *)((char *)&word + 1), FUTEX_WAIT, 5, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex((uint32_t *)8, FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_ERRNO(futex(&word, 99, 1, NULL, NULL, 0), ENOSYS);
	return 0;
}
