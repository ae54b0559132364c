/* Megabytes through a pipe arrive whole and in order, in one large write and many odd-sized reads. */
#include "check.h"

enum { SIZE = 8 << 20 };
static int ends[2];
static unsigned char *data;

static void *writer(void *unused)
{
	CHECK_EQ(write(ends[1], data, SIZE), SIZE);
	CHECK_EQ(close(ends[1]), 0);
	return NULL;
}

int main(void)
{
	pthread_t t;
	unsigned char *back = malloc(SIZE);
	size_t have = 0;
	ssize_t n;

	data = malloc(SIZE);
	CHECK(data && back);
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (unsigned char)(i * 31 + (i >> 12));
	CHECK_EQ(pipe(ends), 0);
	CHECK_OK(pthread_create(&t, NULL, writer, NULL));
	while ((n = read(ends[0], back + have,
			 1 + have % 70001 < SIZE - have ? 1 + have % 70001 : SIZE - have)) > 0)
		have += (size_t)n;
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(have, SIZE);
	CHECK_EQ(memcmp(data, back, SIZE), 0);
	return 0;
}
