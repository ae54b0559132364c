/* Threads that read one description get each byte once. */
#include "check.h"
#include <stdatomic.h>

enum { COUNT = 20000 };
static int fd;
static atomic_uchar seen[COUNT];

static void *reader(void *unused)
{
	uint32_t number;

	while (read(fd, &number, 4) == 4)
		seen[number]++;
	return NULL;
}

int main(void)
{
	static uint32_t numbers[COUNT];
	pthread_t t[4];

	for (uint32_t i = 0; i < COUNT; i++)
		numbers[i] = i;
	fd = file_with("f", numbers, sizeof numbers);
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&t[i], NULL, reader, NULL));
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	for (int i = 0; i < COUNT; i++)
		CHECK_EQ(seen[i], 1);
	return 0;
}
