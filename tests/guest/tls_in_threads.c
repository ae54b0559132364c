/* Thread-local variables begin with their initial values in each thread and stay separate; keys run
 * destructors. */
#include "check.h"
#include <stdatomic.h>

static __thread int value = 11;
static __thread char buffer[10000];
static pthread_key_t key;
static atomic_int destroyed;

static void destructor(void *pointer)
{
	destroyed += *(int *)pointer;
}

static void *thread(void *number)
{
	CHECK_EQ(value, 11);
	CHECK_EQ(buffer[9999], 0);
	value = (int)(uintptr_t)number;
	buffer[9999] = (char)value;
	CHECK_OK(pthread_setspecific(key, &value));
	sleep_ms(5);
	CHECK_EQ(value, (int)(uintptr_t)number);
	CHECK_EQ(buffer[9999], (char)value);
	errno = value;
	sched_yield();
	int error = errno;
	CHECK_EQ(error, value);
	return NULL;
}

int main(void)
{
	pthread_t t[20];

	CHECK_OK(pthread_key_create(&key, destructor));
	for (uintptr_t i = 0; i < 20; i++)
		CHECK_OK(pthread_create(&t[i], NULL, thread, (void *)i));
	for (int i = 0; i < 20; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	CHECK_EQ(value, 11);
	CHECK_EQ(destroyed, 190);
	return 0;
}
