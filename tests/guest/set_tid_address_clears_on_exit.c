/* The word of set_tid_address is zeroed and woken when its thread ends. */
#include "check.h"
#include <linux/futex.h>

static uint32_t word = 1;

static void *thread(void *unused)
{
	CHECK_EQ(syscall(SYS_set_tid_address, &word), gettid());
	syscall(SYS_exit, 0); /* without pthread's ending: the joiner would wait on the old word */
	return NULL;
}

int main(void)
{
	pthread_t t;
	struct timespec limit = {10, 0};

	CHECK_OK(pthread_create(&t, NULL, thread, NULL));
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 1) {
		long r = syscall(SYS_futex, &word, FUTEX_WAIT, 1, &limit, NULL, 0);
		CHECK(r == 0 || errno == EAGAIN || errno == EINTR);
	}
	CHECK_EQ(word, 0);
	return 0;
}
