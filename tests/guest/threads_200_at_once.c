/* Two hundred threads live at once, with different ids, and meet at a barrier. */
#include "check.h"

enum { COUNT = 200 };
static pthread_barrier_t barrier;
static pid_t tids[COUNT];

static void *thread(void *slot)
{
	*(pid_t *)slot = gettid();
	pthread_barrier_wait(&barrier);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

int main(void)
{
	pthread_t t[COUNT];
	pthread_attr_t attr;

	CHECK_OK(pthread_attr_init(&attr));
	CHECK_OK(pthread_attr_setstacksize(&attr, 64 << 10));
	CHECK_OK(pthread_barrier_init(&barrier, NULL, COUNT + 1));
	for (int i = 0; i < COUNT; i++)
		CHECK_OK(pthread_create(&t[i], &attr, thread, &tids[i]));
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < COUNT; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	qsort(tids, COUNT, sizeof *tids, by_value);
	for (int i = 1; i < COUNT; i++)
		CHECK(tids[i] > tids[i - 1]);
	return 0;
}
