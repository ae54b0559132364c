/* vfork: the child works in its parent's memory, globals, heap and stack, until it ends or executes; the parent waits that long. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include "check.h"

extern char **environ;
static volatile int shared;
static volatile unsigned long beats;
static char *large;

static int ended(pid_t pid)
{
	int status = -1;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

static void writes_are_seen(void)
{
	volatile int on_stack = 0;
	volatile int *heap = calloc(1, sizeof(int));
	void *volatile mapped = NULL;
	pid_t pid = vfork();

	if (!pid) {
		shared = 42;
		on_stack = 7;
		*heap = 9;
		mapped = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		*(int *)mapped = 11;
		_exit(3);
	}
	CHECK_EQ(shared, 42);
	CHECK_EQ(on_stack, 7);
	CHECK_EQ(*heap, 9);
	CHECK_EQ(*(int *)mapped, 11);
	CHECK_EQ(ended(pid), 3 << 8);
}

static void exec_lets_go(void)
{
	int ends[2];
	char c = 0;
	pid_t pid;

	CHECK(!pipe2(ends, O_CLOEXEC));
	pid = vfork();
	if (!pid) {
		execl("/proc/self/exe", "self", "5", NULL);
		shared = errno;
		_exit(99);
	}
	close(ends[1]);
	CHECK_EQ(read(ends[0], &c, 1), 0); /* closed at the exec */
	close(ends[0]);
	CHECK_EQ(ended(pid), 5 << 8);
	pid = vfork();
	if (!pid) {
		execl("/nonexistent", "x", NULL);
		shared = errno;
		_exit(9);
	}
	CHECK_EQ(shared, ENOENT);
	CHECK_EQ(ended(pid), 9 << 8);
}

static void within_another(void)
{
	pid_t pid = vfork();

	if (!pid) {
		pid_t inner = vfork();

		if (!inner) {
			shared = 77;
			_exit(1);
		}
		shared += WEXITSTATUS(ended(inner));
		inner = fork();
		if (!inner) {
			shared = 1000;
			_exit(0);
		}
		ended(inner);
		_exit(0);
	}
	CHECK_EQ(shared, 78);
	CHECK_EQ(ended(pid), 0);
}

static void killed(void)
{
	pid_t pid = vfork();

	if (!pid) {
		kill(getpid(), SIGKILL);
		_exit(0);
	}
	CHECK_EQ(ended(pid), SIGKILL);
	pid = vfork();
	if (!pid) {
		*(volatile int *)8 = 1;
		_exit(0);
	}
	CHECK_EQ(ended(pid) & 0x7f, SIGSEGV);
}

static void *spin(void *arg)
{
	volatile int *stop = arg;

	while (!*stop)
		beats++;
	return NULL;
}

/* Other threads go on; registers of this one, the vector ones too, are as they were. */
static void other_threads_go_on(void)
{
	volatile int stop = 0;
	pthread_t thread;
	double a = shared * 1.25;
	pid_t pid;

	CHECK(!pthread_create(&thread, NULL, spin, (void *)&stop));
	pid = vfork();
	if (!pid) {
		unsigned long before = beats;

		while (beats == before)
			sched_yield();
		_exit(0);
	}
	CHECK_EQ(ended(pid), 0);
	CHECK(a == shared * 1.25);
	stop = 1;
	CHECK(!pthread_join(thread, NULL));
}

static void spawn(void)
{
	char *argv[] = {"self", "6", NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid, list[20];

	CHECK_EQ(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
	CHECK_EQ(ended(pid), 6 << 8);
	CHECK_EQ(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ), ENOENT);
	CHECK(!posix_spawn_file_actions_init(&actions));
	CHECK(!posix_spawn_file_actions_adddup2(&actions, 99, 5));
	CHECK_EQ(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv, environ), EBADF);
	posix_spawn_file_actions_destroy(&actions);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(posix_spawn(&list[i], "/proc/self/exe", NULL, NULL, argv, environ), 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(ended(list[i]), 6 << 8);
	CHECK_EQ(waitpid(-1, NULL, 0), -1);
}

/* With an argument it is what is executed, and ends with that code: an image of it has no shell. */
int main(int argc, char **argv)
{
	if (argc > 1)
		return atoi(argv[1]);
	large = malloc(64 << 20);
	memset(large, 1, 64 << 20);
	writes_are_seen();
	exec_lets_go();
	within_another();
	killed();
	other_threads_go_on();
	spawn();
	free(large);
	return 0;
}
