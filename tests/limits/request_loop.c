/*
 * A small server's pace: sleeps to the next millisecond, does a little work, notes how late it was done. Prints how many
 * requests there were, and the median and 99th percentile of their latencies in microseconds.
 *
 *   request_loop SECONDS
 */
#include "tests/guest/check.h"

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

/* Some 30 us: a file is written and read, memory is taken and given back, numbers are crunched. */
static void work(int fd)
{
	static char text[4096];
	char *p = malloc(300000);
	unsigned int sum = 0;

	memset(p, 1, 16384);
	for (int i = 0; i < 10000; i++)
		sum = sum * 31 + p[i];
	memset(text, sum, sizeof(text));
	CHECK_EQ(pwrite(fd, text, sizeof(text), 0), (ssize_t)sizeof(text));
	CHECK_EQ(pread(fd, text, sizeof(text), 0), (ssize_t)sizeof(text));
	free(p);
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	char name[] = "/tmp/request-XXXXXX";
	int fd = mkstemp(name);
	int64_t end, next, *took;
	long count = 0, most;

	CHECK(argc == 2 && fd >= 0 && !unlink(name));
	most = atol(argv[1]) * 1000;
	took = calloc(most, sizeof(*took));
	next = now_us();
	end = next + most * 1000;
	while (next < end && count < most) {
		struct timespec at;

		next += 1000;
		at = (struct timespec){next / 1000000, next % 1000000 * 1000};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
		work(fd);
		took[count++] = now_us() - next;
		if (now_us() > next) /* who was late does not have all that he missed at once */
			next = now_us();
	}
	qsort(took, count, sizeof(*took), ascending);
	printf("%ld %lld %lld\n", count, (long long)took[count / 2], (long long)took[count * 99 / 100]);
	return 0;
}
