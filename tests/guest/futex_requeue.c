/* CMP_REQUEUE moves waiters to another word, where a wake finds them; a changed value gives EAGAIN. */
#include "check.h"
#include <linux/futex.h>
#include <stdatomic.h>

static uint32_t a, b;
static atomic_int awake;

static void *waiter(void *unused)
{
	CHECK_EQ(syscall(SYS_futex, &a, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), 0);
	awake++;
	return NULL;
}

int main(void)
{
	pthread_t threads[4];
	int moved = 0, woken = 0;

	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&threads[i], NULL, waiter, NULL));
	CHECK_ERRNO(syscall(SYS_futex, &a, FUTEX_CMP_REQUEUE_PRIVATE, 0, 10ul, &b, 1), EAGAIN);
	WAIT_FOR((moved += (int)syscall(SYS_futex, &a, FUTEX_CMP_REQUEUE_PRIVATE, 0, 10ul, &b, 0)) == 4);
	CHECK_EQ(awake, 0);
	CHECK_EQ(syscall(SYS_futex, &a, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 0);
	WAIT_FOR((woken += (int)syscall(SYS_futex, &b, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0)) == 1);
	WAIT_FOR(awake == 1);
	CHECK_EQ(syscall(SYS_futex, &b, FUTEX_WAKE_PRIVATE, 10, NULL, NULL, 0), 3);
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_join(threads[i], NULL));
	return 0;
}
