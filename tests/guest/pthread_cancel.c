/* Cancelling a thread that blocks in read, in a futex wait or in nanosleep ends it, with its cleanup handlers
 * run. */
#include "check.h"
#include <stdatomic.h>

static int ends[2];
static atomic_int cleaned, ready;

static void cleanup(void *unused)
{
	cleaned++;
}

static void *blocks_in(void *how)
{
	char byte;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t never = PTHREAD_COND_INITIALIZER;

	pthread_cleanup_push(cleanup, NULL);
	ready++;
	switch ((uintptr_t)how) {
	case 0:
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		break;
	case 1:
		pthread_mutex_lock(&lock);
		pthread_cond_wait(&never, &lock);
		break;
	case 2:
		sleep(100);
		break;
	case 3:
		pause();
		break;
	}
	pthread_cleanup_pop(0);
	return NULL;
}

int main(void)
{
	CHECK_EQ(pipe(ends), 0);
	for (uintptr_t how = 0; how < 4; how++) {
		pthread_t t;
		void *result;

		CHECK_OK(pthread_create(&t, NULL, blocks_in, (void *)how));
		WAIT_FOR(ready == (int)how + 1);
		sleep_ms(20);
		CHECK_OK(pthread_cancel(t));
		CHECK_OK(pthread_join(t, &result));
		CHECK(result == PTHREAD_CANCELED);
		CHECK_EQ(cleaned, how + 1);
	}
	return 0;
}
