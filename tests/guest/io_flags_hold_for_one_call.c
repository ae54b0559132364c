/* RWF_NOWAIT and SPLICE_F_NONBLOCK are one call's: another thread's read of the same file waits on; RWF_APPEND too. */
#include "check.h"

static int ends[2], other[2];
static volatile int stop;
static volatile long failures;

static void *reader(void *arg)
{
	char c;
	ssize_t n;

	while ((n = read(ends[0], &c, 1)) != 0)
		if (n < 0) {
			failures++;
			errno = 0;
		}
	return arg;
}

static void *poker(void *arg)
{
	struct iovec v = {&(char){0}, 1};

	while (!stop) {
		preadv2(ends[0], &v, 1, -1, RWF_NOWAIT);
		splice(ends[0], NULL, other[1], NULL, 1, SPLICE_F_NONBLOCK);
	}
	return arg;
}

static void waiting(void)
{
	pthread_t r, p;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pipe(other), 0);
	CHECK_OK(pthread_create(&r, NULL, reader, NULL));
	CHECK_OK(pthread_create(&p, NULL, poker, NULL));
	for (int i = 0; i < 300; i++) {
		CHECK_EQ(write(ends[1], "x", 1), 1);
		if (i % 10 == 0)
			sleep_ms(1);
	}
	stop = 1;
	CHECK_OK(pthread_join(p, NULL));
	close(ends[1]);
	CHECK_OK(pthread_join(r, NULL));
	CHECK_EQ(failures, 0);
	CHECK_EQ(fcntl(ends[0], F_GETFL), O_RDONLY);
}

int main(void)
{
	struct iovec v = {"end", 3};
	int file = file_with("file", "0123456789", 10);
	char back[20];

	waiting();
	CHECK_EQ(pwritev2(file, &v, 1, 2, RWF_APPEND), 3);
	CHECK_EQ(file_size(file), 13);
	CHECK_EQ(pread(file, back, 20, 0), 13);
	CHECK_EQ(memcmp(back, "0123456789end", 13), 0);
	CHECK_EQ(fcntl(file, F_GETFL) & O_APPEND, 0);
	CHECK_EQ(pwritev2(file, &v, 1, 2, 0), 3);
	CHECK_EQ(file_size(file), 13);
	CHECK_ERRNO(pwritev2(file, &v, 1, 2, 0x400), EOPNOTSUPP);
	return 0;
}
