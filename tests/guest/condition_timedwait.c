/* Waits with a time end with ETIMEDOUT, by the realtime and the monotonic clock; so do mutexes and
 * semaphores. */
#include "check.h"
#include <semaphore.h>

static struct timespec soon(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += 20000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_nsec -= 1000000000;
		t.tv_sec++;
	}
	return t;
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *try_lock(void *unused)
{
	struct timespec until = soon(CLOCK_REALTIME);

	CHECK_EQ(pthread_mutex_timedlock(&held, &until), ETIMEDOUT);
	return NULL;
}

int main(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_condattr_t attr;
	pthread_cond_t real = PTHREAD_COND_INITIALIZER, mono;
	pthread_t t;
	sem_t sem;

	CHECK_OK(pthread_condattr_init(&attr));
	CHECK_OK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
	CHECK_OK(pthread_cond_init(&mono, &attr));
	CHECK_OK(pthread_mutex_lock(&lock));
	struct timespec until = soon(CLOCK_REALTIME);
	CHECK_EQ(pthread_cond_timedwait(&real, &lock, &until), ETIMEDOUT);
	int64_t begin = now_ms();
	until = soon(CLOCK_MONOTONIC);
	CHECK_EQ(pthread_cond_timedwait(&mono, &lock, &until), ETIMEDOUT);
	CHECK(now_ms() - begin >= 19);
	CHECK_OK(pthread_mutex_lock(&held));
	CHECK_OK(pthread_create(&t, NULL, try_lock, NULL));
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(sem_init(&sem, 0, 1), 0);
	CHECK_EQ(sem_wait(&sem), 0);
	until = soon(CLOCK_REALTIME);
	CHECK_ERRNO(sem_timedwait(&sem, &until), ETIMEDOUT);
	return 0;
}
