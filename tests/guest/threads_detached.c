/* Detached threads end by themselves and their stacks are used again. */
#include "check.h"
#include <stdatomic.h>

static atomic_int ended;

static void *thread(void *unused)
{
	ended++;
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;

	CHECK_OK(pthread_attr_init(&attr));
	CHECK_OK(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	for (int i = 0; i < 300; i++) {
		CHECK_OK(pthread_create(&t, &attr, thread, NULL));
		WAIT_FOR(ended == i + 1);
	}
	return 0;
}
