/* What epoll takes, how deep it nests, whom an exclusive wake reaches, and that only signals interrupt it. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>

static int add(int ep, int fd, unsigned int events)
{
	struct epoll_event e = {.events = events};

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) ? errno : 0;
}

static void what_can_be_polled(void)
{
	static const struct {
		const char *path;
		int answer;
	} names[] = {
		{"/dev/zero", EPERM}, {"/dev/null", EPERM}, {"/dev/full", EPERM}, {"/dev/urandom", EPERM}, {"/dev/random", 0},
		{"/proc/self/status", EPERM}, {"/proc/self/maps", EPERM}, {"/proc/self/mounts", 0}, {"/proc/self/mountinfo", 0},
		{"/proc/cpuinfo", 0}, {"/proc/sys/kernel/hostname", 0}, {"/proc", EPERM}, {"/", EPERM}, {"file", EPERM},
	};
	int ep = epoll_create1(0), fd;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = open(names[i].path, O_RDONLY | O_CREAT * !strcmp(names[i].path, "file"), 0600);
		CHECK(fd >= 0);
		CHECK_EQ(add(ep, fd, EPOLLIN), names[i].answer);
		close(fd);
	}
	fd = memfd_create("x", 0);
	CHECK_EQ(add(ep, fd, EPOLLIN), EPERM);
	close(fd);
	close(ep);
}

static void nesting(void)
{
	int inner = epoll_create1(0), outer, event = eventfd(0, 0), low;

	for (int i = 0; i < 4; i++) {
		outer = epoll_create1(0);
		CHECK_EQ(add(outer, inner, EPOLLIN), 0);
		inner = outer;
	}
	CHECK_EQ(add(epoll_create1(0), inner, EPOLLIN), ELOOP);
	outer = epoll_create1(0);
	for (int i = 0; i < 4; i++) {
		low = epoll_create1(0);
		CHECK_EQ(add(outer, low, EPOLLIN), 0);
		outer = low;
	}
	CHECK_EQ(add(low, epoll_create1(0), EPOLLIN), ELOOP);
	CHECK_EQ(add(low, event, EPOLLIN), 0);
	inner = epoll_create1(0);
	outer = epoll_create1(0);
	CHECK_EQ(add(outer, inner, EPOLLIN), 0);
	CHECK_EQ(add(inner, outer, EPOLLIN), ELOOP);
	CHECK_EQ(add(inner, inner, EPOLLIN), EINVAL);
}

static int epolls[2], woken;

static void *waiter(void *arg)
{
	struct epoll_event e;

	if (epoll_wait(epolls[(long)arg], &e, 1, 500) == 1)
		__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return arg;
}

/* Two epolls watch fd, `waiting` of them have a thread: how many come back. */
static int woken_by_write(int fd, int out, unsigned int events, long waiting)
{
	uint64_t one = 1;
	pthread_t t[2];

	woken = 0;
	for (int i = 0; i < 2; i++) {
		epolls[i] = epoll_create1(0);
		CHECK_EQ(add(epolls[i], fd, events), 0);
	}
	for (long i = 0; i < waiting; i++)
		CHECK_OK(pthread_create(&t[i], NULL, waiter, (void *)(1 - i)));
	usleep(100000);
	CHECK_EQ(write(out, &one, 8), 8);
	for (long i = 0; i < waiting; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	close(epolls[0]);
	close(epolls[1]);
	CHECK_EQ(read(fd, &one, 8), 8);
	return woken;
}

/* A thread that only comes when it is all over finds the event too: on a busy machine try again. */
static int fewest_woken(int fd, int out, unsigned int events)
{
	int fewest = 2;

	for (int i = 0; i < 10 && fewest > 1; i++) {
		int n = woken_by_write(fd, out, events, 2);

		CHECK(n >= 1);
		fewest = n < fewest ? n : fewest;
	}
	return fewest;
}

static void exclusive(void)
{
	int ends[2], event = eventfd(0, 0);

	CHECK_OK(pipe(ends));
	CHECK_EQ(fewest_woken(ends[0], ends[1], EPOLLIN | EPOLLEXCLUSIVE), 1);
	CHECK_EQ(fewest_woken(ends[0], ends[1], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET), 1);
	CHECK_EQ(woken_by_write(ends[0], ends[1], EPOLLIN, 2), 2);
	CHECK_EQ(fewest_woken(event, event, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET), 1);
	/* The one that nobody waits for does not take the wake away. */
	CHECK_EQ(woken_by_write(event, event, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET, 1), 1);
}

/* Another process cuts a file that this one has mapped: that is no signal. */
static void only_signals_interrupt(void)
{
	int ep = epoll_create1(0), fd = open("cut", O_CREAT | O_RDWR, 0600), status;
	struct epoll_event e;
	pid_t child;

	CHECK_EQ(ftruncate(fd, 65536), 0);
	CHECK(mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED);
	child = fork();
	if (!child) {
		usleep(100000);
		_exit(ftruncate(fd, 0) != 0);
	}
	CHECK_EQ(epoll_wait(ep, &e, 1, 400), 0);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK_EQ(status, 0);
}

int main(void)
{
	what_can_be_polled();
	nesting();
	exclusive();
	only_signals_interrupt();
	return 0;
}
