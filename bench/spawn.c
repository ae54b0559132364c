/*
 * Times whole commands from fork to exit, several of them in turn (A B C A B C ...), so that what disturbs
 * the machine disturbs all alike.  Usage: spawn WARM-UPS RUNS NAME COMMAND [ARG...] [-- NAME COMMAND
 * [ARG...]]... An argument @RUN@ becomes a word that no other run has: containers want names. Prints a line a
 * command: NAME EXIT_STATUS and the microseconds of each run.  vfork, so that this program's size costs
 * nothing.  Standard output goes to /dev/null, and standard error too unless BENCH_STDERR is set.
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
	int failed; /* the first exit status other than 0 */
};

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void name_run(char **argv)
{
	static char name[64];
	static int serial;

	snprintf(name, sizeof(name), "run-%d-%d", getpid(), serial++);
	for (; *argv; argv++)
		if (!strcmp(*argv, "@RUN@"))
			*argv = name;
}

static double run_once(struct command *c, int null)
{
	int status = 0;
	double start, end;
	pid_t pid;

	name_run(c->argv);
	start = now_us();
	pid = vfork();
	if (pid == 0) {
		dup2(null, 0);
		dup2(null, 1);
		if (!getenv("BENCH_STDERR"))
			dup2(null, 2);
		execvp(c->argv[0], c->argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0) {
		perror("spawn");
		exit(1);
	}
	end = now_us();
	if (!c->failed)
		c->failed = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return end - start;
}

int main(int argc, char **argv)
{
	struct command commands[COMMANDS_MAX];
	int warm_ups = argc > 2 ? atoi(argv[1]) : 0, runs = argc > 2 ? atoi(argv[2]) : 0, n = 0;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int i = 3; i + 1 < argc && n < COMMANDS_MAX; n++) {
		commands[n] =
		    (struct command){argv[i], argv + i + 1, calloc(runs > 0 ? runs : 1, sizeof(double)), 0};
		while (i < argc && strcmp(argv[i], "--"))
			i++;
		argv[i++] = NULL;
	}
	if (runs < 1 || n == 0) {
		fprintf(stderr,
			"usage: spawn WARM-UPS RUNS NAME COMMAND [ARG...] [-- NAME COMMAND [ARG...]]...\n");
		return 2;
	}
	for (int r = 0; r < warm_ups; r++)
		for (int i = 0; i < n; i++)
			run_once(&commands[i], null);
	for (int r = 0; r < runs; r++)
		for (int i = 0; i < n; i++)
			commands[i].us[r] = run_once(&commands[i], null);
	for (int i = 0; i < n; i++) {
		struct command *c = &commands[i];

		printf("%s %d", c->name, c->failed);
		for (int r = 0; r < runs; r++)
			printf(" %.1f", c->us[r]);
		printf("\n");
	}
	return 0;
}
