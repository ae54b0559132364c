/* Threads hand work over through a mutex and conditions; nothing is lost or done twice. */
#include "check.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_empty = PTHREAD_COND_INITIALIZER, not_full = PTHREAD_COND_INITIALIZER;
static int queue[8], count, head, done;
static long total;

static void *consumer(void *unused)
{
	pthread_mutex_lock(&lock);
	for (;;) {
		while (count == 0 && !done)
			pthread_cond_wait(&not_empty, &lock);
		if (count == 0)
			break;
		total += queue[head];
		head = (head + 1) % 8;
		count--;
		pthread_cond_signal(&not_full);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

int main(void)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&t[i], NULL, consumer, NULL));
	for (int i = 1; i <= 10000; i++) {
		pthread_mutex_lock(&lock);
		while (count == 8)
			pthread_cond_wait(&not_full, &lock);
		queue[(head + count++) % 8] = i;
		pthread_cond_signal(&not_empty);
		pthread_mutex_unlock(&lock);
	}
	pthread_mutex_lock(&lock);
	done = 1;
	pthread_cond_broadcast(&not_empty);
	pthread_mutex_unlock(&lock);
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	CHECK_EQ(total, 50005000);
	return 0;
}
