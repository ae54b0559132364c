/* membarrier answers its query; a private expedited barrier has to be registered, and orders what the other threads do: of two
 * that each store and then look, of whom only one has a barrier, at least one sees the other's store. */
#include "check.h"
#include <linux/membarrier.h>

#define ROUNDS 3000

static volatile int mine, theirs, mine_seen, round_no, done;

static long membarrier(int command, unsigned int flags)
{
	return syscall(SYS_membarrier, command, flags, 0);
}

/* The side without a barrier: the compiler alone is told. */
static void *plain_side(void *arg)
{
	for (int i = 1; i <= ROUNDS; i++) {
		while (round_no < i)
			;
		theirs = 1;
		__asm__ volatile("" ::: "memory");
		mine_seen = mine;
		__atomic_store_n(&done, i, __ATOMIC_SEQ_CST);
	}
	return arg;
}

int main(void)
{
	long supported = membarrier(MEMBARRIER_CMD_QUERY, 0);
	pthread_t thread;

	if (supported < 0) {
		CHECK_EQ(errno, ENOSYS);
		skip("no membarrier");
	}
	CHECK_ERRNO(membarrier(1 << 30, 0), EINVAL);
	CHECK_ERRNO(membarrier(MEMBARRIER_CMD_QUERY, 7), EINVAL);
	CHECK(supported & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
	CHECK_ERRNO(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), EPERM);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0), 0);
	CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), 0);

	CHECK_OK(pthread_create(&thread, NULL, plain_side, NULL));
	for (int i = 1; i <= ROUNDS; i++) {
		int theirs_seen;

		mine = theirs = 0;
		__atomic_store_n(&round_no, i, __ATOMIC_SEQ_CST);
		mine = 1;
		CHECK_EQ(membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0), 0);
		theirs_seen = theirs;
		while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < i)
			sched_yield();
		CHECK(theirs_seen || mine_seen);
	}
	CHECK_OK(pthread_join(thread, NULL));
	return 0;
}
