/*
 * Takes one resource until it is refused, then gives it back and goes on: the refusal has to be the errno that
 * Linux documents for it, and what an ordinary program does has to work afterwards.  In a sandbox `run.py` chooses
 * limits that are reached soon; natively it must be run under limits of the caller's own.
 *
 *   exhaust MODE [DIRECTORY]     prints: MODE COUNT ERRNO-NAME
 */
#define _GNU_SOURCE
#include "tests/guest/check.h"

#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#define MIB (1u << 20)
#define MANY 300000

static long count;
static char block[MIB];

static void ended_by(int error)
{
	printf("%ld %s\n", count, strerrorname_np(error));
	fflush(stdout);
}

/* The error of a call that just failed is one of these. */
static int one_of(int a, int b, int c)
{
	int error = errno;

	if (error != a && error != b && error != c)
		check_failed(__FILE__, __LINE__, "refused with %s after %ld", strerrorname_np(error), count);
	return error;
}

static void *thread_main(void *arg)
{
	*(int *)arg = 7;
	return arg;
}

/* What an ordinary program does. */
static void still_works(void)
{
	int ends[2], fd, status, seven = 0;
	pthread_t thread;
	char text[8] = "";
	pid_t child;
	char *p = malloc(2 * MIB);

	CHECK(p);
	memset(p, 1, 2 * MIB);
	free(p);
	CHECK(pipe(ends) == 0);
	CHECK_EQ(write(ends[1], "abc", 3), 3);
	CHECK_EQ(read(ends[0], text, sizeof(text)), 3);
	CHECK(close(ends[0]) == 0 && close(ends[1]) == 0);
	fd = file_with("still-works", "contents", 8);
	CHECK_EQ(pread(fd, text, 8, 0), 8);
	CHECK(close(fd) == 0 && unlink("still-works") == 0);
	CHECK_OK(pthread_create(&thread, NULL, thread_main, &seven));
	CHECK_OK(pthread_join(thread, NULL));
	CHECK_EQ(seven, 7);
	child = fork();
	CHECK(child >= 0);
	if (child == 0) {
		execl("/proc/self/exe", "exhaust", "nothing", NULL);
		_exit(9);
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
	sleep_ms(2);
}

/* --- Memory -------------------------------------------------------------------------------------------- */

struct chain {
	struct chain *next;
};

static void heap(void)
{
	struct chain *all = NULL, *one;
	int error;

	while ((one = malloc(MIB))) {
		memset(one, 0x5a, MIB);
		one->next = all;
		all = one;
		count++;
	}
	error = one_of(ENOMEM, 0, 0);
	while (all) {
		one = all->next;
		free(all);
		all = one;
	}
	ended_by(error);
}

/* As heap, in children of which each keeps what it has: together more than any one may have. */
static void heaps(void)
{
	pid_t child[8];
	int status;

	for (int i = 0; i < 8; i++) {
		child[i] = fork();
		CHECK(child[i] >= 0);
		if (child[i] == 0) {
			char *p;

			while ((p = malloc(MIB)))
				memset(p, 0x5a, MIB);
			sleep_ms(200);
			_exit(errno == ENOMEM ? 0 : 1);
		}
	}
	for (int i = 0; i < 8; i++) {
		CHECK_EQ(waitpid(child[i], &status, 0), child[i]);
		if (status)
			check_failed(__FILE__, __LINE__, "child %d ended with %x", i, status);
		count++;
	}
	ended_by(ENOMEM);
}

/* Shared memory is made of the sandbox's pages; more than there are is refused, or ends whoever touches it. */
static void shared(void)
{
	pid_t child = fork();
	int status;

	CHECK(child >= 0);
	if (child == 0) {
		for (;;) {
			char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

			if (p == MAP_FAILED)
				_exit(errno == ENOMEM ? 0 : 1);
			memset(p, 0x5a, MIB);
		}
	}
	CHECK_EQ(waitpid(child, &status, 0), child);
	if (status != 0 && status != SIGBUS && status != (SIGBUS | 0x80) && status != SIGKILL)
		check_failed(__FILE__, __LINE__, "the child ended with %x", status);
	ended_by(ENOMEM);
}

static void mappings(void)
{
	const size_t page = 4096, most = 1000000;
	char *base = mmap(NULL, most * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	int error;

	CHECK(base != MAP_FAILED);
	while (count < (long)most / 2 && mprotect(base + count * 2 * page, page, PROT_READ) == 0)
		count++;
	CHECK(count < (long)most / 2);
	error = one_of(ENOMEM, 0, 0);
	CHECK(munmap(base, most * page) == 0);
	ended_by(error);
}

static void address_space(void)
{
	size_t size = 1ul << 46;
	int error;

	for (; size >= 4096; size /= 2)
		while (mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED &&
		       count < 100000)
			count++;
	error = one_of(ENOMEM, 0, 0);
	ended_by(error);
	exit(0); /* nothing is left to go on with */
}

/* --- Processes and threads ----------------------------------------------------------------------------- */

static void forks(void)
{
	pid_t child, first = 0;
	int error;

	while ((child = fork()) > 0) {
		if (!first)
			first = child;
		setpgid(child, first);
		count++;
	}
	if (child == 0) {
		pause();
		_exit(0);
	}
	error = one_of(EAGAIN, ENOMEM, 0);
	CHECK(count > 0 && kill(-first, SIGKILL) == 0);
	for (long i = 0; i < count; i++)
		CHECK(wait(NULL) > 0);
	ended_by(error);
}

/* Every child forks on; the first process kills them all when time is over. */
static void fork_bomb(void)
{
	pid_t child = fork();

	CHECK(child >= 0);
	if (child == 0) {
		setpgid(0, 0);
		for (;;)
			if (fork() < 0)
				sched_yield();
	}
	setpgid(child, child);
	sleep_ms(1500);
	/* A process that is born while the others are killed has the same group. */
	do {
		CHECK(kill(-child, SIGKILL) == 0 || errno == ESRCH);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			count++;
	} while (kill(-child, 0) == 0);
	ended_by(EAGAIN);
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static void *thread_wait(void *arg)
{
	pthread_mutex_lock(&gate);
	pthread_mutex_unlock(&gate);
	return arg;
}

static void threads(void)
{
	static pthread_t all[MANY];
	pthread_attr_t attr;
	int error = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	pthread_mutex_lock(&gate);
	while (count < MANY && !(error = pthread_create(&all[count], &attr, thread_wait, NULL)))
		count++;
	errno = error;
	one_of(EAGAIN, ENOMEM, 0);
	pthread_mutex_unlock(&gate);
	for (long i = 0; i < count; i++)
		CHECK_OK(pthread_join(all[i], NULL));
	ended_by(error);
}

/* --- Descriptors --------------------------------------------------------------------------------------- */

static void all_files(void)
{
	struct rlimit limit;

	CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
	limit.rlim_cur = limit.rlim_max;
	CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void descriptors_until(int (*open_one)(void), int a, int b, int c)
{
	int error, fd;

	all_files();
	while (count < 3 * MANY && (fd = open_one()) >= 0)
		count++;
	error = one_of(a, b, c);
	CHECK(close_range(3, ~0u, 0) == 0);
	ended_by(error);
}

static int open_null(void)
{
	return open("/dev/null", O_RDONLY);
}

static int open_file(void)
{
	char name[32];

	snprintf(name, sizeof(name), "f%ld", count % 100);
	return open(name, O_RDWR | O_CREAT, 0600);
}

/* Each another file: on a volume, another descriptor of the host's. */
static int open_other(void)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "o%ld", count);
	fd = open(name, O_RDWR | O_CREAT, 0600);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static int open_pipe(void)
{
	int ends[2];

	if (pipe2(ends, O_NONBLOCK) < 0)
		return -1;
	while (write(ends[1], block, sizeof(block)) > 0)
		;
	if (errno != EAGAIN && errno != ENOMEM)
		check_failed(__FILE__, __LINE__, "a pipe is filled until %s", strerrorname_np(errno));
	return ends[1];
}

static int open_eventfd(void)
{
	return eventfd(0, 0);
}

static int open_timerfd(void)
{
	struct itimerspec later = {{1, 0}, {3600 + count % 100, 0}};
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	if (fd >= 0)
		CHECK(timerfd_settime(fd, 0, &later, NULL) == 0);
	return fd;
}

static int open_inotify(void)
{
	return inotify_init();
}

static int open_epoll(void)
{
	return epoll_create1(0);
}

static int open_memfd(void)
{
	int fd = memfd_create("a name", 0);

	if (fd >= 0 && write(fd, block, 4096) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_directory(void)
{
	return open(".", O_RDONLY | O_DIRECTORY);
}

/* One set with as many members as there can be, each ready; and all of them told at once. */
static void epoll_members(void)
{
	static struct epoll_event ready[4096];
	int set = epoll_create1(0), fd, error;

	all_files();
	CHECK(set >= 0);
	while ((fd = eventfd(1, 0)) >= 0) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

		if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) < 0)
			break;
		count++;
	}
	error = one_of(EMFILE, ENOMEM, ENOSPC);
	CHECK(epoll_wait(set, ready, 4096, 1000) > 0);
	CHECK(close_range(3, ~0u, 0) == 0);
	ended_by(error);
}

static void watches(void)
{
	int notify = inotify_init(), error = 0;
	char name[32];

	CHECK(notify >= 0);
	for (; count < MANY; count++) {
		snprintf(name, sizeof(name), "w%ld", count);
		if (mkdir(name, 0700) < 0 || inotify_add_watch(notify, name, IN_ALL_EVENTS) < 0)
			break;
	}
	error = count < MANY ? one_of(ENOSPC, ENOMEM, EDQUOT) : 0;
	CHECK(close(notify) == 0);
	for (long i = 0; i <= count; i++) {
		snprintf(name, sizeof(name), "w%ld", i);
		CHECK(rmdir(name) == 0 || errno == ENOENT);
	}
	ended_by(error);
}

/* Events that nobody reads: the queue has an end, and says so. */
static void inotify_queue(void)
{
	char buffer[4096] __attribute__((aligned(8)));
	int notify = inotify_init1(IN_NONBLOCK), fd = file_with("watched", "x", 1);
	bool overflow = false;
	ssize_t n;

	CHECK(inotify_add_watch(notify, "watched", IN_MODIFY | IN_OPEN | IN_CLOSE | IN_ATTRIB) >= 0);
	for (int i = 0; i < 40000; i++) {
		CHECK_EQ(pwrite(fd, "y", 1, 0), 1);
		CHECK_EQ(fchmod(fd, 0600 | (i & 7)), 0);
	}
	while ((n = read(notify, buffer, sizeof(buffer))) > 0)
		for (ssize_t at = 0; at < n; count++) {
			struct inotify_event *event = (void *)(buffer + at);

			overflow |= (event->mask & IN_Q_OVERFLOW) != 0;
			at += sizeof(*event) + event->len;
		}
	CHECK_EQ(errno, EAGAIN);
	CHECK(overflow);
	CHECK(close(notify) == 0 && close(fd) == 0 && unlink("watched") == 0);
	ended_by(EAGAIN);
}

static void timers(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	struct itimerspec soon = {{0, 200000000}, {0, 10000000}};
	static timer_t all[MANY];
	int error = 0;

	signal(SIGRTMIN, SIG_IGN);
	for (; count < MANY && timer_create(CLOCK_MONOTONIC, &event, &all[count]) == 0; count++)
		CHECK(timer_settime(all[count], 0, &soon, NULL) == 0);
	error = count < MANY ? one_of(EAGAIN, ENOMEM, 0) : 0;
	sleep_ms(50);
	for (long i = 0; i < count; i++)
		CHECK(timer_delete(all[i]) == 0);
	ended_by(error);
}

static void queued_signals(void)
{
	sigset_t set, old;
	int error;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	while (sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = count}) == 0)
		count++;
	error = one_of(EAGAIN, 0, 0);
	for (long i = 0; i < count; i++) {
		siginfo_t info;

		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
		CHECK_EQ(info.si_value.sival_int, i);
	}
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	ended_by(error);
}

static void locks(void)
{
	int fd = file_with("locked", "x", 1), error = 0;

	for (; count < 10000; count++) {
		struct flock lock = {.l_type = F_WRLCK, .l_start = count * 2, .l_len = 1};

		if (fcntl(fd, F_SETLK, &lock) < 0)
			break;
	}
	error = count < 10000 ? one_of(ENOLCK, ENOMEM, 0) : 0;
	CHECK(close(fd) == 0 && unlink("locked") == 0);
	ended_by(error);
}

/* --- Files --------------------------------------------------------------------------------------------- */

static void disk(void)
{
	int fd = file_with("big", "", 0), error;
	ssize_t n;

	memset(block, 0x5a, sizeof(block));
	while ((n = write(fd, block, sizeof(block))) > 0)
		count += n;
	CHECK_EQ(n, -1);
	error = one_of(ENOSPC, ENOMEM, EDQUOT);
	CHECK_EQ(file_size(fd), count);
	/* What was written is there, to the last byte. */
	CHECK_EQ(pread(fd, block, 4096, (count - 1) & ~4095l), ((count - 1) & 4095) + 1);
	CHECK_EQ(block[0], 0x5a);
	CHECK_EQ(truncate("big", 0), 0);
	CHECK_EQ(pwrite(fd, block, sizeof(block), 0), (ssize_t)sizeof(block));
	CHECK(fsync(fd) == 0 && close(fd) == 0 && unlink("big") == 0);
	ended_by(error);
}

/* A shared mapping of a file that the file system has no room for: SIGBUS, as on Linux. */
static void disk_mapped(void)
{
	const size_t size = 1ul << 30;
	int fd = file_with("mapped", "", 0), status;
	pid_t child;

	if (ftruncate(fd, size) < 0) { /* a file system that promises no more than it has */
		one_of(ENOSPC, ENOMEM, EFBIG);
	} else {
		child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

			if (p == MAP_FAILED)
				_exit(errno == ENOMEM || errno == ENOSPC ? 0 : 1);
			memset(p, 1, size);
			_exit(2);
		}
		CHECK_EQ(waitpid(child, &status, 0), child);
		if (status && (status & 0x7f) != SIGBUS)
			check_failed(__FILE__, __LINE__, "who fills the mapping ends with %x", status);
	}
	CHECK(close(fd) == 0 && unlink("mapped") == 0);
	ended_by(ENOSPC);
}

static void allocate(void)
{
	int fd = file_with("big", "", 0), error;

	while (fallocate(fd, 0, count, MIB) == 0)
		count += MIB;
	error = one_of(ENOSPC, ENOMEM, 0);
	CHECK(close(fd) == 0 && unlink("big") == 0);
	ended_by(error);
}

static void files(void)
{
	char name[32];
	int fd, error = 0;

	for (; count < 3 * MANY; count++) {
		snprintf(name, sizeof(name), "f%ld", count);
		fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	error = count < 3 * MANY ? one_of(ENOSPC, ENOMEM, EDQUOT) : 0;
	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "f%ld", i);
		CHECK(unlink(name) == 0);
	}
	ended_by(error);
}

static void links(void)
{
	static char target[4000];
	char name[32];
	int error = 0;

	memset(target, 't', sizeof(target) - 1);
	for (; count < MANY; count++) {
		snprintf(name, sizeof(name), "l%ld", count);
		if (symlink(target, name) < 0)
			break;
	}
	error = count < MANY ? one_of(ENOSPC, ENOMEM, EDQUOT) : 0;
	for (long i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "l%ld", i);
		CHECK(unlink(name) == 0);
	}
	ended_by(error);
}

static void file_size_limit(void)
{
	struct rlimit limit;
	int fd = file_with("big", "", 0), error;
	ssize_t n;

	CHECK(getrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(limit.rlim_cur != RLIM_INFINITY);
	signal(SIGXFSZ, SIG_IGN);
	while ((n = write(fd, block, 10000)) > 0)
		count += n;
	error = one_of(EFBIG, 0, 0);
	CHECK_EQ(count, (long)limit.rlim_cur);
	CHECK_EQ(file_size(fd), count);
	CHECK_ERRNO(ftruncate(fd, limit.rlim_cur + 1), EFBIG);
	CHECK_ERRNO(fallocate(fd, 0, 0, limit.rlim_cur + 1), EFBIG);
	CHECK(close(fd) == 0 && unlink("big") == 0);
	ended_by(error);
}

/* As deep as there is room for (or 20,000), entered step by step; and out again. */
static void deep(void)
{
	char path[8192];
	int error = 0;

	for (; count < 20000; count++)
		if (mkdir("d", 0700) < 0 || chdir("d") < 0)
			break;
	error = count < 20000 ? one_of(ENOSPC, ENOMEM, ENAMETOOLONG) : 0;
	if (count > 4096)
		CHECK(getcwd(path, sizeof(path)) == NULL && (errno == ERANGE || errno == ENAMETOOLONG));
	rmdir("d"); /* made, but not entered */
	for (long i = 0; i < count; i++)
		CHECK(chdir("..") == 0 && rmdir("d") == 0);
	ended_by(error);
}

static void nothing(void)
{
}

/* ------------------------------------------------------------------------------------------------------- */

#define OPEN(name, a, b, c)                              \
	static void opens_##name(void)                   \
	{                                                \
		descriptors_until(open_##name, a, b, c); \
	}
OPEN(null, EMFILE, ENFILE, ENOMEM)
OPEN(file, EMFILE, ENFILE, ENOMEM)
OPEN(other, EMFILE, ENFILE, ENOMEM)
OPEN(pipe, EMFILE, ENFILE, ENOMEM)
OPEN(eventfd, EMFILE, ENFILE, ENOMEM)
OPEN(timerfd, EMFILE, ENFILE, ENOMEM)
OPEN(inotify, EMFILE, ENFILE, ENOMEM)
OPEN(epoll, EMFILE, ENFILE, ENOMEM)
OPEN(memfd, EMFILE, ENOSPC, ENOMEM)
OPEN(directory, EMFILE, ENFILE, ENOMEM)

static const struct {
	const char *name;
	void (*run)(void);
} modes[] = {
    {"heap", heap},
    {"heaps", heaps},
    {"shared", shared},
    {"mappings", mappings},
    {"address-space", address_space},
    {"forks", forks},
    {"fork-bomb", fork_bomb},
    {"threads", threads},
    {"open-null", opens_null},
    {"open-file", opens_file},
    {"open-other", opens_other},
    {"open-pipe", opens_pipe},
    {"open-eventfd", opens_eventfd},
    {"open-timerfd", opens_timerfd},
    {"open-inotify", opens_inotify},
    {"open-epoll", opens_epoll},
    {"open-memfd", opens_memfd},
    {"open-directory", opens_directory},
    {"epoll-members", epoll_members},
    {"watches", watches},
    {"inotify-queue", inotify_queue},
    {"timers", timers},
    {"queued-signals", queued_signals},
    {"locks", locks},
    {"disk", disk},
    {"disk-mapped", disk_mapped},
    {"allocate", allocate},
    {"files", files},
    {"links", links},
    {"file-size", file_size_limit},
    {"deep", deep},
    {"nothing", nothing},
};

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	if (argc > 2)
		CHECK(chdir(argv[2]) == 0);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(modes[i].name, argv[1]))
			continue;
		if (modes[i].run == nothing)
			return 0;
		printf("%s ", argv[1]);
		fflush(stdout);
		modes[i].run();
		still_works();
		printf("and goes on\n");
		return 0;
	}
	return 2;
}
