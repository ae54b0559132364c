/* clone(2) with CLONE_VM and without CLONE_THREAD: a process with a number of its own in its maker's memory, until it ends or executes. */
#include "check.h"
#include <sched.h>
#include <sys/wait.h>

#define STACK (256 << 10)

static volatile int shared, go, handled;
static char *stacks[4];

static pid_t start(int (*f)(void *), int flags, void *arg, int n)
{
	pid_t pid = clone(f, stacks[n] + STACK, flags, arg);

	CHECK(pid > 0);
	return pid;
}

static int wait_status(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return status;
}

/* Children share the C library's state: only plain system calls in them. */
static int writes(void *arg)
{
	shared = syscall(SYS_getpid);
	return syscall(SYS_getppid) == (long)arg ? 7 : 8;
}

static int closes(void *arg)
{
	return syscall(SYS_close, (int)(long)arg) || syscall(SYS_chdir, "sub") ? 1 : 0;
}

static void handler(int sig)
{
	handled = sig;
}

static int sets_handler(void *arg)
{
	struct sigaction action = {.sa_handler = handler};

	(void)arg;
	return sigaction(SIGUSR1, &action, NULL) ? 1 : 0;
}

static int spins(void *arg)
{
	while (!go)
		sched_yield();
	shared = (int)(long)arg;
	return 3;
}

static int maps(void *arg)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return 1;
	*p = 42;
	*(char **)arg = p;
	return 0;
}

static int executes(void *arg)
{
	char *const argv[] = {"clone_shares_memory", arg, NULL}, *const envp[] = {NULL};

	shared = 99;
	execve("/proc/self/exe", argv, envp);
	return 9;
}

static int forks(void *arg)
{
	pid_t pid = syscall(SYS_fork);
	int status = 0;

	(void)arg;
	if (!pid) {
		shared = 5; /* in a copy */
		syscall(SYS_exit_group, 4);
	}
	if (syscall(SYS_wait4, pid, &status, 0, NULL) != pid)
		return 1;
	return WEXITSTATUS(status);
}

/* The maker ends first: the memory stays for the child, which is init's or the subreaper's then. */
static int outlives(void *arg)
{
	char c;

	if (syscall(SYS_read, (int)(long)arg, &c, 1) != 0)
		return 1;
	for (int i = 0; i < 100000; i++)
		stacks[3][i % STACK] = i;
	return syscall(SYS_getppid) > 0 ? 11 : 12;
}

static void maker_ends_first(void)
{
	int ends[2], back[2], status;
	pid_t maker;
	char c;

	CHECK(!pipe(ends) && !pipe(back));
	maker = fork();
	CHECK(maker >= 0);
	if (!maker) {
		close(ends[1]);
		start(outlives, SIGCHLD, (void *)(long)ends[0], 0); /* without CLONE_VM, to compare */
		start(outlives, CLONE_VM | SIGCHLD, (void *)(long)ends[0], 1);
		_exit(21);
	}
	CHECK_EQ(waitpid(maker, &status, 0), maker);
	CHECK_EQ(status, 21 << 8);
	close(back[1]);
	close(ends[1]);
	close(ends[0]);
	/* The orphans hold the pipe's other end until they have ended well. */
	CHECK_EQ(read(back[0], &c, 1), 0);
	close(back[0]);
}

static void *thread(void *arg)
{
	*(int *)arg = wait_status(start(writes, CLONE_VM | SIGCHLD, (void *)(long)getpid(), 2));
	return NULL;
}

int main(int argc, char **argv)
{
	pid_t pid, two[2];
	char *mapped = NULL;
	pthread_t t;
	int status;
	int fd;

	if (argc > 1)
		return atoi(argv[1]);
	for (int i = 0; i < 4; i++)
		stacks[i] = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(!mkdir("sub", 0700));

	pid = start(writes, CLONE_VM | SIGCHLD, (void *)(long)getpid(), 0);
	CHECK_EQ(wait_status(pid), 7 << 8);
	CHECK_EQ(shared, pid);

	/* Files, directory and handlers are shared if it is asked. */
	fd = open(".", O_RDONLY);
	CHECK_EQ(wait_status(start(closes, CLONE_VM | SIGCHLD, (void *)(long)fd, 0)), 0);
	CHECK(fcntl(fd, F_GETFD) >= 0 && !access("sub", F_OK));
	CHECK_EQ(wait_status(start(closes, CLONE_VM | CLONE_FILES | CLONE_FS | SIGCHLD, (void *)(long)fd, 0)), 0);
	CHECK_ERRNO(fcntl(fd, F_GETFD), EBADF);
	CHECK(!chdir(".."));
	CHECK_EQ(wait_status(start(sets_handler, CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL, 0)), 0);
	CHECK(!raise(SIGUSR1));
	CHECK_EQ(handled, SIGUSR1);

	/* Both run at the same time. */
	shared = go = 0;
	pid = start(spins, CLONE_VM | SIGCHLD, (void *)77, 0);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	go = 1;
	CHECK_EQ(wait_status(pid), 3 << 8);
	CHECK_EQ(shared, 77);
	CHECK_EQ(wait_status(start(maps, CLONE_VM | SIGCHLD, &mapped, 0)), 0);
	CHECK(mapped && *mapped == 42);

	/* A signal for one is not for the other. */
	go = 0;
	pid = start(spins, CLONE_VM | SIGCHLD, NULL, 0);
	CHECK(!kill(pid, SIGKILL));
	CHECK_EQ(wait_status(pid), SIGKILL);

	/* A program leaves the memory as it is. */
	pid = start(executes, CLONE_VM | SIGCHLD, "13", 0);
	CHECK_EQ(wait_status(pid), 13 << 8);
	CHECK_EQ(shared, 99);
	CHECK_EQ(wait_status(start(executes, CLONE_VM | CLONE_SIGHAND | SIGCHLD, "14", 0)), 14 << 8);
	CHECK_EQ(wait_status(start(forks, CLONE_VM | SIGCHLD, NULL, 0)), 4 << 8);
	CHECK_EQ(shared, 99);
	CHECK_OK(pthread_create(&t, NULL, thread, &status));
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(status, 7 << 8);
	for (int i = 0; i < 50; i++) {
		two[0] = start(writes, CLONE_VM | SIGCHLD, (void *)(long)getpid(), 0);
		two[1] = start(executes, CLONE_VM | SIGCHLD, "1", 1);
		CHECK_EQ(wait_status(two[0]), 7 << 8);
		CHECK_EQ(wait_status(two[1]), 1 << 8);
	}
	maker_ends_first();
	return 0;
}
