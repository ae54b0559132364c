/* An interrupted nanosleep gives EINTR and what remains; absolute sleeps end on time; bad values are refused.
 */
#include "check.h"

static pthread_t sleeper;

static void handler(int signo)
{
}

static void *sender(void *unused)
{
	sleep_ms(50);
	pthread_kill(sleeper, SIGUSR1);
	return NULL;
}

int main(void)
{
	pthread_t t;
	struct timespec longer = {20, 0}, left = {0, 0}, bad = {0, 1000000000}, until;

	sleeper = pthread_self();
	on_signal(SIGUSR1, handler, SA_RESTART);
	CHECK_OK(pthread_create(&t, NULL, sender, NULL));
	CHECK_ERRNO(nanosleep(&longer, &left), EINTR);
	CHECK(left.tv_sec >= 1 && left.tv_sec < 20);
	CHECK_OK(pthread_join(t, NULL));
	CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
	bad = (struct timespec){-1, 0};
	CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
	int64_t begin = now_ms();
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += until.tv_nsec >= 970000000;
	until.tv_nsec = (until.tv_nsec + 30000000) % 1000000000;
	CHECK_OK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL));
	CHECK(now_ms() - begin >= 29);
	CHECK_OK(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL)); /* in the past */
	CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &longer, NULL), EINVAL);
	return 0;
}
