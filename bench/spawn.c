/*
 * Times whole commands from fork to exit, several of them in turn (A B C A B C ...), so that what disturbs the machine
 * disturbs all alike.  Usage: spawn RUNS NAME COMMAND [ARG...] [-- NAME COMMAND [ARG...]]...
 * Prints a line a command: NAME MEDIAN_US MIN_US P90_US EXIT_STATUS.  vfork, so that this program's size costs nothing.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COMMANDS_MAX 16

struct command {
	const char *name;
	char **argv;
	double *us;
	int status;
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double run_once(struct command *c, int null)
{
	double start = now_us();
	pid_t pid = vfork();

	if (pid == 0) {
		dup2(null, 0);
		dup2(null, 1);
		if (!getenv("BENCH_STDERR"))
			dup2(null, 2);
		execvp(c->argv[0], c->argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &c->status, 0) < 0) {
		perror("spawn");
		exit(1);
	}
	return now_us() - start;
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX];
	int runs = argc > 1 ? atoi(argv[1]) : 0, n = 0, null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 2; i + 1 < argc && n < COMMANDS_MAX; n++) {
		commands[n] = (struct command){argv[i], argv + i + 1, calloc(runs > 0 ? runs : 1, sizeof(double)), 0};
		while (i < argc && strcmp(argv[i], "--"))
			i++;
		argv[i++] = NULL;
	}
	if (runs < 1 || n == 0) {
		fprintf(stderr, "usage: spawn RUNS NAME COMMAND [ARG...] [-- NAME COMMAND [ARG...]]...\n");
		return 2;
	}
	for (int i = 0; i < n; i++)
		run_once(&commands[i], null);
	for (int r = 0; r < runs; r++)
		for (int i = 0; i < n; i++)
			commands[i].us[r] = run_once(&commands[i], null);
	for (int i = 0; i < n; i++) {
		struct command *c = &commands[i];

		qsort(c->us, runs, sizeof(double), compare);
		printf("%s %.1f %.1f %.1f %d\n", c->name, c->us[runs / 2], c->us[0], c->us[runs * 9 / 10],
		       WIFEXITED(c->status) ? WEXITSTATUS(c->status) : 128 + WTERMSIG(c->status));
	}
	return 0;
}
