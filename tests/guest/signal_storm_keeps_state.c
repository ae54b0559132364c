/* Thousands of signals in the middle of computation and system calls lose nothing and corrupt nothing. */
#include "check.h"
#include <sched.h>

static volatile int received;
static pthread_t target;

static void handler(int signo)
{
	int saved = errno;

	received++;
	getppid();
	errno = saved;
}

static void *storm(void *unused)
{
	for (int i = 0; i < 2000; i++) {
		int before = received;
		pthread_kill(target, SIGUSR1);
		while (received == before)
			sched_yield();
	}
	return (void *)1;
}

int main(void)
{
	pthread_t thread;
	int ends[2];
	char out[64], in[64];
	double sum = 0;

	target = pthread_self();
	on_signal(SIGUSR1, handler, SA_RESTART);
	CHECK_EQ(pipe(ends), 0);
	CHECK_OK(pthread_create(&thread, NULL, storm, NULL));
	for (int i = 0; received < 2000; i++) {
		memset(out, i, sizeof out);
		CHECK_EQ(write(ends[1], out, sizeof out), sizeof out);
		CHECK_EQ(read(ends[0], in, sizeof in), sizeof in);
		CHECK_EQ(memcmp(in, out, sizeof in), 0);
		sum += i * 0.5;
		sum -= i * 0.5;
	}
	CHECK_OK(pthread_join(thread, NULL));
	CHECK(sum == 0);
	return 0;
}
