/*
 * Nanoseconds of making processes: fork alone and with memory that was written to, vfork and exec,
 * posix_spawn, and a shell.  `forks leave` is the program that is executed: it ends at once.  Static, so that
 * it is one file in an image.
 */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batches.h"


extern char **environ;
static char *self;

static void reap(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
		perror("forks");
		exit(1);
	}
}

static void fork_exit(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	reap(pid);
}

static void vfork_exec(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(self, self, "leave", NULL);
		_exit(1);
	}
	reap(pid);
}

static void fork_exec(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		execl(self, self, "leave", NULL);
		_exit(1);
	}
	reap(pid);
}

static void spawn(void)
{
	char *argv[] = {self, "leave", NULL};
	pid_t pid = -1;

	if (posix_spawn(&pid, self, NULL, NULL, argv, environ))
		pid = -1;
	reap(pid);
}

/* In small pages, as what malloc gives piece by piece is. */
static void fork_with(const char *name, size_t mib, int count, int batches)
{
	char *memory = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, mib << 20, MADV_NOHUGEPAGE)) {
		perror("forks: memory");
		exit(1);
	}
	memset(memory, 1, mib << 20);
	report_batches(name, fork_exit, count, 2 * count, batches);
	munmap(memory, mib << 20);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return 0;
	self = argv[0];
	report_batches("fork_exit", fork_exit, 10, 20, BATCHES);
	report_batches("vfork_exec_exit", vfork_exec, 5, 10, BATCHES);
	report_batches("fork_exec_exit", fork_exec, 5, 10, BATCHES);
	report_batches("posix_spawn_exit", spawn, 5, 10, BATCHES);

	fork_with("fork_exit_1_mib_written", 1, 10, BATCHES);
	fork_with("fork_exit_16_mib_written", 16, 5, BATCHES);
	fork_with("fork_exit_64_mib_written", 64, 2, BATCHES);
	fork_with("fork_exit_512_mib_written", 512, 1, 7);
	return 0;
}
