/* Writes of up to PIPE_BUF bytes by several threads do not mix; short reads and the end of file behave. */
#include "check.h"

static int ends[2];

static void *writer(void *letter)
{
	char record[512];

	memset(record, (int)(uintptr_t)letter, sizeof record);
	for (int i = 0; i < 200; i++)
		CHECK_EQ(write(ends[1], record, sizeof record), sizeof record);
	return NULL;
}

int main(void)
{
	pthread_t t[4];
	int counts[4] = {0};

	CHECK_EQ(pipe(ends), 0);
	for (uintptr_t i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&t[i], NULL, writer, (void *)('a' + i)));
	for (int i = 0; i < 800; i++) {
		char record[512];
		size_t have = 0;

		while (have < sizeof record) {
			ssize_t n = read(ends[0], record + have, sizeof record - have);
			CHECK(n > 0);
			have += (size_t)n;
		}
		for (size_t k = 1; k < sizeof record; k++)
			CHECK_EQ(record[k], record[0]);
		counts[record[0] - 'a']++;
	}
	for (int i = 0; i < 4; i++) {
		CHECK_OK(pthread_join(t[i], NULL));
		CHECK_EQ(counts[i], 200);
	}
	CHECK_EQ(close(ends[1]), 0);
	char byte;
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	return 0;
}
