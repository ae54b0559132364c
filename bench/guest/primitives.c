/*
 * Nanoseconds of single operations, each the median of batches; the same program runs natively and in a sandbox.
 * Prints a line each: NAME NANOSECONDS.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCHES 21

static char buf[4096];
static int fd, ev, pipes[2];
static const char *self;
static char *area;

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void op_getpid(void)
{
	syscall(SYS_getpid);
}

static void op_clock_gettime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
}

static void op_read_4k(void)
{
	if (pread(fd, buf, sizeof(buf), 0) < 0)
		abort();
}

static void op_stat(void)
{
	struct stat st;

	if (stat(self, &st))
		abort();
}

static void op_open_close(void)
{
	close(open(self, O_RDONLY));
}

static void op_pipe_round_trip(void)
{
	if (write(pipes[1], buf, 1) != 1 || read(pipes[0], buf, 1) != 1)
		abort();
}

static void op_eventfd(void)
{
	uint64_t v = 1;

	if (write(ev, &v, 8) != 8 || read(ev, &v, 8) != 8)
		abort();
}

static void op_mmap_munmap(void)
{
	void *p = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(p, 65536);
}

static void op_page_fault(void)
{
	static size_t at;

	if (at == 0)
		madvise(area, 4096 * 1024, MADV_DONTNEED);
	area[at * 4096] = 1;
	at = (at + 1) % 1024;
}

static void op_sched_yield(void)
{
	syscall(SYS_sched_yield);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const char *name, void (*op)(void), int count)
{
	double ns[BATCHES];

	for (int b = 0; b < BATCHES; b++) {
		double start = now_ns();

		for (int i = 0; i < count; i++)
			op();
		ns[b] = (now_ns() - start) / count;
	}
	qsort(ns, BATCHES, sizeof(double), compare);
	printf("%s %.1f\n", name, ns[BATCHES / 2]);
}

int main(int argc, char **argv)
{
	self = argv[0];
	fd = open(self, O_RDONLY);
	ev = eventfd(0, 0);
	area = mmap(NULL, 4096 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fd < 0 || ev < 0 || pipe(pipes) || area == MAP_FAILED) {
		perror("primitives");
		return 1;
	}
	madvise(area, 4096 * 1024, MADV_NOHUGEPAGE);
	measure("getpid", op_getpid, 2000);
	measure("clock_gettime", op_clock_gettime, 5000);
	measure("read_4k", op_read_4k, 1000);
	measure("stat", op_stat, 500);
	measure("open_close", op_open_close, 500);
	measure("pipe_round_trip", op_pipe_round_trip, 500);
	measure("eventfd", op_eventfd, 500);
	measure("mmap_munmap", op_mmap_munmap, 500);
	measure("page_fault", op_page_fault, 1024);
	measure("sched_yield", op_sched_yield, 1000);
	return 0;
}
