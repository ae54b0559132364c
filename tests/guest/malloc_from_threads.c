/* Threads that allocate, grow and free at the same time keep their blocks apart. */
#include "check.h"

static void *work(void *seed)
{
	unsigned x = (unsigned)(uintptr_t)seed + 1;
	unsigned char *blocks[64] = {0};
	size_t sizes[64];

	for (int i = 0; i < 6000; i++) {
		x = x * 1103515245 + 12345;
		int slot = x >> 16 & 63;
		if (blocks[slot]) {
			for (size_t k = 0; k < sizes[slot]; k += 61)
				CHECK_EQ(blocks[slot][k], slot + (int)(uintptr_t)seed);
			free(blocks[slot]);
			blocks[slot] = NULL;
		} else {
			sizes[slot] = (x >> 8) % ((x & 31) == 0 ? 200000 : 2000) + 1;
			blocks[slot] = malloc(sizes[slot]);
			CHECK(blocks[slot]);
			memset(blocks[slot], slot + (int)(uintptr_t)seed, sizes[slot]);
		}
	}
	return NULL;
}

int main(void)
{
	pthread_t t[4];

	for (uintptr_t i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&t[i], NULL, work, (void *)i));
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_join(t[i], NULL));
	return 0;
}
