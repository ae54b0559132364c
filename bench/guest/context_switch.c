/*
 * Nanoseconds of a context switch among 2, 8 and 32 processes, as lmbench's lat_ctx has it: a token goes round through
 * pipes, and the time of a round is divided by the number of processes.  The pipe's own work is part of it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batches.h"

#define MOST 32
#define SWITCHES 4800	/* a batch */

static int ring[MOST][2];

static void pass_on(int from, int to)
{
	char token;

	if (read(ring[from][0], &token, 1) != 1 || write(ring[to][1], &token, 1) != 1)
		abort();
}

static void measure(const char *name, int processes)
{
	pid_t pid[MOST];
	char token = 0;

	for (int i = 0; i < processes; i++)
		if (pipe(ring[i])) {
			perror("context_switch");
			exit(1);
		}
	for (int i = 1; i < processes; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			for (;;)
				pass_on(i, (i + 1) % processes);
	}
	if (write(ring[1][1], &token, 1) != 1)
		abort();
	for (int i = 0; i < WARM_UP; i++)
		pass_on(0, 1);
	printf("%s", name);
	for (int b = 0; b < BATCHES; b++) {
		double start = now_ns();

		for (int i = 0; i < SWITCHES / processes; i++)
			pass_on(0, 1);
		printf(" %.1f", (now_ns() - start) / (SWITCHES / processes * processes));
	}
	printf("\n");
	fflush(stdout);
	for (int i = 1; i < processes; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	for (int i = 0; i < processes; i++) {
		close(ring[i][0]);
		close(ring[i][1]);
	}
}

int main(void)
{
	measure("context_switch_among_2", 2);
	measure("context_switch_among_8", 8);
	measure("context_switch_among_32", 32);
	return 0;
}
