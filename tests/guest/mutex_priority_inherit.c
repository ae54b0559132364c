/* A priority-inheriting mutex excludes, and tells its owner of a deadlock. */
#include "check.h"

static pthread_mutex_t mutex;
static int sum;

static void *adder(void *unused)
{
	for (int i = 0; i < 1000; i++) {
		CHECK_OK(pthread_mutex_lock(&mutex));
		sum++;
		CHECK_OK(pthread_mutex_unlock(&mutex));
	}
	return NULL;
}

int main(void)
{
	pthread_t t[4];
	pthread_mutexattr_t attr;

	CHECK_OK(pthread_mutexattr_init(&attr));
	CHECK_OK(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT));
	CHECK_OK(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK));
	int error = pthread_mutex_init(&mutex, &attr);
	if (error == ENOTSUP)
		skip("no priority inheritance");
	CHECK_OK(error);
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&t[i], NULL, adder, NULL));
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	CHECK_EQ(sum, 4000);
	CHECK_OK(pthread_mutex_lock(&mutex));
	CHECK_EQ(pthread_mutex_lock(&mutex), EDEADLK);
	return 0;
}
