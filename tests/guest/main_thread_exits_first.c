/* When main leaves by pthread_exit, the process lives on until its last thread ends, and its code is 0. */
#include "check.h"

static pthread_t main_thread;

static void *thread(void *unused)
{
	CHECK_OK(pthread_join(main_thread, NULL));
	sleep_ms(20);
	printf("the last thread speaks\n");
	return NULL;
}

int main(void)
{
	pthread_t t;

	main_thread = pthread_self();
	CHECK_OK(pthread_create(&t, NULL, thread, NULL));
	pthread_exit(NULL);
}
