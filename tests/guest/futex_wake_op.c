/* FUTEX_WAKE_OP changes the second word atomically and wakes by the outcome of its comparison. */
#include "check.h"
#include <linux/futex.h>

static uint32_t a, b;

static void *waiter(void *word)
{
	CHECK_EQ(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0), 0);
	return NULL;
}

int main(void)
{
	pthread_t t;

	CHECK_EQ(syscall(SYS_futex, &a, FUTEX_WAKE_OP_PRIVATE, 1, 1ul, &b,
			 FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 0)),
		 0);
	CHECK_EQ(b, 5);
	CHECK_EQ(syscall(SYS_futex, &a, FUTEX_WAKE_OP_PRIVATE, 1, 1ul, &b,
			 FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_GT, 100)),
		 0);
	CHECK_EQ(b, 0);
	CHECK_OK(pthread_create(&t, NULL, waiter, &b));
	WAIT_FOR(syscall(SYS_futex, &a, FUTEX_WAKE_OP_PRIVATE, 1, 1ul, &b,
			 FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)) == 1);
	CHECK_OK(pthread_join(t, NULL));
	return 0;
}
