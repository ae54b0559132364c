/* Answers that differed from Linux's until its own test project was run: one of each call, small. */
#include "check.h"
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/timex.h>
#include <sys/wait.h>

static char stack[65536] __attribute__((aligned(16)));

static int unshare_and_close(void *arg)
{
	int fd = *(int *)arg;

	_exit(close_range(fd, fd, CLOSE_RANGE_UNSHARE) || fcntl(fd, F_GETFD) != -1);
}

static void table_is_unshared_first(void)
{
	int fd = open("/dev/null", O_RDONLY), status;
	pid_t pid = clone(unshare_and_close, stack + sizeof(stack), CLONE_FILES | SIGCHLD, &fd);

	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	close(fd);
}

/* Of two locks in the way F_GETLK tells of the one that begins first, whichever was set first. */
static void locks_are_found_in_order(void)
{
	struct flock late = {.l_type = F_WRLCK, .l_start = 10, .l_len = 5}, early = {.l_type = F_RDLCK, .l_start = 1, .l_len = 5};
	struct flock ask = {.l_type = F_WRLCK};
	int fd = file_with("locked", "x", 1), status;
	pid_t pid;

	CHECK_OK(fcntl(fd, F_SETLK, &late));
	CHECK_OK(fcntl(fd, F_SETLK, &early));
	pid = fork();
	if (pid == 0)
		_exit(fcntl(fd, F_GETLK, &ask) || ask.l_type != F_RDLCK || ask.l_start != 1 || ask.l_pid != getppid());
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	close(fd);
}

static void absolute_paths_stay_in_root(void)
{
	struct open_how how = {.flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT};

	CHECK_EQ(syscall(SYS_openat2, AT_FDCWD, "/proc/version", &how, sizeof(how)), -1);
	CHECK_EQ(errno, ENOENT);
}

static void sealing_waits_for_writable_mappings_alone(void)
{
	int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
	void *shared, *private;

	CHECK_OK(ftruncate(fd, 4096));
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK_OK(munmap(shared, 4096));
	private = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	CHECK_OK(munmap(private, 4096));
	close(fd);
	CHECK_ERRNO(memfd_create("x", 0x80000000u), EINVAL);
}

static void zeroes_are_shared(void)
{
	int fd = open("/dev/zero", O_RDWR), status;
	volatile char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t pid;

	CHECK(p != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		p[7] = 42;
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(p[7], 42);
	close(fd);
	fd = open("/dev/zero", O_RDONLY);
	p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && p[0] == 0);
	CHECK_ERRNO(mprotect((void *)p, 4096, PROT_READ | PROT_WRITE), EACCES);
	close(fd);
}

static void flags_are_validated(void)
{
	int fd = file_with("mapped", "x", 1);

	CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE | 1 << 9, fd, 0), EOPNOTSUPP);
	CHECK((intptr_t)mmap(NULL, 4096, PROT_READ, MAP_SHARED_VALIDATE | MAP_POPULATE, fd, 0) > 0);
	close(fd);
}

static void watches_show_all_their_flags(void)
{
	char path[64], text[256] = "";
	int in = inotify_init1(0), fd;

	CHECK(inotify_add_watch(in, ".", IN_MODIFY | IN_ONESHOT | IN_EXCL_UNLINK) > 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", in);
	fd = open(path, O_RDONLY);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	CHECK(strstr(text, "mask:84000002"));
	close(fd);
	close(in);
}

static void io_priority_is_remembered(void)
{
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 3);
	CHECK_EQ(syscall(SYS_ioprio_set, 1, 0, 0), 0);
	CHECK_EQ(syscall(SYS_ioprio_get, 1, 0), 0);
}

int main(void)
{
	struct timespec soon = {0, 1};
	struct timex modes = {.modes = 0x8000};

	table_is_unshared_first();
	locks_are_found_in_order();
	absolute_paths_stay_in_root();
	sealing_waits_for_writable_mappings_alone();
	zeroes_are_shared();
	flags_are_validated();
	watches_show_all_their_flags();
	io_priority_is_remembered();
	CHECK_ERRNO(syscall(SYS_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &soon, NULL), EOPNOTSUPP);
	CHECK_ERRNO(syscall(SYS_adjtimex, &modes), EINVAL);
	return 0;
}
