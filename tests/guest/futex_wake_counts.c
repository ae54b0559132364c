/* FUTEX_WAKE wakes at most as many as asked and says how many; bitsets select whom. */
#include "check.h"
#include <linux/futex.h>
#include <stdatomic.h>

static uint32_t word;
static atomic_int awake;

static void *waiter(void *bits)
{
	long r =
	    syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, (uint32_t)(uintptr_t)bits);

	CHECK_EQ(r, 0);
	awake++;
	return NULL;
}

static long wake(int count, uint32_t bits)
{
	return syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, count, NULL, NULL, bits);
}

int main(void)
{
	pthread_t threads[6];

	for (uintptr_t i = 0; i < 6; i++)
		CHECK_OK(pthread_create(&threads[i], NULL, waiter, (void *)(i < 4 ? 1ul : 2ul)));
	sleep_ms(100);
	int woken = 0;
	WAIT_FOR((woken += (int)wake(1, 2)) == 1);
	WAIT_FOR(awake == 1);
	WAIT_FOR((woken += (int)wake(5, 2)) == 2);
	WAIT_FOR(awake == 2);
	CHECK_EQ(wake(9, 2), 0);
	woken = 0;
	CHECK_EQ(wake(0, 4), 0);
	WAIT_FOR((woken += (int)wake(100, ~0u)) == 4);
	for (int i = 0; i < 6; i++)
		CHECK_OK(pthread_join(threads[i], NULL));
	CHECK_EQ(awake, 6);
	return 0;
}
