/*
 * Processes whose first thread ends before the one that ends the process.  Prints `ended 8`, then waits for
 * its input to end, so that somebody outside can look at what is left of them.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 8

static pthread_t leader;

static void *last_thread(void *arg)
{
	pthread_join(leader, NULL);
	usleep(50000); /* long enough for the leader to be gone from the host, too */
	exit(7);
}

int main(void)
{
	int ended = 0, status;
	char c;

	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			pthread_t t;

			leader = pthread_self();
			if (pthread_create(&t, NULL, last_thread, NULL))
				_exit(1);
			pthread_exit(NULL);
		}
		if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 7)
			ended++;
	}
	printf("ended %d\n", ended);
	fflush(stdout);
	return read(0, &c, 1) != 0;
}
