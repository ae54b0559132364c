/* Threads that end just when their process does, and its memory with it: everybody else goes on. */
#include "check.h"

#include <sys/eventfd.h>
#include <sys/wait.h>

#define THREADS 12
#define PROCESSES 300
#define AT_ONCE 4

static uint32_t go;

static void *thread(void *unused)
{
	int fds[8];

	for (int i = 0; i < 8; i++) /* what a thread frees it keeps for a while, and gives back at its end */
		fds[i] = eventfd(0, 0);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	while (!__atomic_load_n(&go, __ATOMIC_SEQ_CST))
		sched_yield();
	return NULL;
}

static void child(int n)
{
	pthread_t t;

	for (int i = 0; i < THREADS; i++)
		CHECK_OK(pthread_create(&t, NULL, thread, NULL));
	__atomic_store_n(&go, 1, __ATOMIC_SEQ_CST);
	if (n % 3 == 0)
		syscall(SYS_exit, 0); /* the last of them ends it */
	if (n % 3 == 1)
		sched_yield();
	_exit(0);
}

int main(void)
{
	int status;

	for (int n = 0; n < PROCESSES + AT_ONCE; n++) {
		if (n >= AT_ONCE) {
			CHECK(waitpid(-1, &status, 0) > 0);
			CHECK_EQ(status, 0);
		}
		if (n < PROCESSES) {
			pid_t pid = fork();

			CHECK(pid >= 0);
			if (!pid)
				child(n);
		}
	}
	return 0;
}
