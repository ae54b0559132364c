/* A thread that ends with a robust mutex leaves EOWNERDEAD to the next, who can make it consistent. */
#include "check.h"

static pthread_mutex_t mutex;

static void *owner(void *unused)
{
	CHECK_OK(pthread_mutex_lock(&mutex));
	return NULL;
}

static void *late_owner(void *unused)
{
	CHECK_OK(pthread_mutex_lock(&mutex));
	sleep_ms(50); /* main waits meanwhile */
	return NULL;
}

int main(void)
{
	pthread_t t;
	pthread_mutexattr_t attr;

	CHECK_OK(pthread_mutexattr_init(&attr));
	CHECK_OK(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	CHECK_OK(pthread_mutex_init(&mutex, &attr));
	CHECK_OK(pthread_create(&t, NULL, owner, NULL));
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(pthread_mutex_lock(&mutex), EOWNERDEAD);
	CHECK_OK(pthread_mutex_consistent(&mutex));
	CHECK_OK(pthread_mutex_unlock(&mutex));
	CHECK_OK(pthread_create(&t, NULL, late_owner, NULL));
	WAIT_FOR(pthread_mutex_trylock(&mutex) == EBUSY || pthread_mutex_unlock(&mutex) != 0);
	CHECK_EQ(pthread_mutex_lock(&mutex), EOWNERDEAD);
	CHECK_OK(pthread_mutex_unlock(&mutex));
	CHECK_EQ(pthread_mutex_lock(&mutex), ENOTRECOVERABLE);
	CHECK_OK(pthread_join(t, NULL));
	return 0;
}
