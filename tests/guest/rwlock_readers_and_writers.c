/* Read locks are shared, write locks exclude, under load from several threads. */
#include "check.h"
#include <stdatomic.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static atomic_int writers;
static int a, b;

static void *work(void *unused)
{
	for (int i = 0; i < 500; i++) {
		if (i % 5 == 0) {
			CHECK_OK(pthread_rwlock_wrlock(&lock));
			CHECK_EQ(writers++, 0);
			a++;
			b++;
			writers--;
		} else {
			CHECK_OK(pthread_rwlock_rdlock(&lock));
			CHECK_EQ(writers, 0);
			CHECK_EQ(a, b);
		}
		CHECK_OK(pthread_rwlock_unlock(&lock));
	}
	return NULL;
}

int main(void)
{
	pthread_t t[6];

	for (int i = 0; i < 6; i++)
		CHECK_OK(pthread_create(&t[i], NULL, work, NULL));
	for (int i = 0; i < 6; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	CHECK_EQ(a, 600);
	return 0;
}
