/* Thousands of separate mappings can exist at once, each with its own contents. */
#include "check.h"

enum { COUNT = 10000 };

int main(void)
{
	char *p = mmap(NULL, COUNT * 8192ul, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t i = 0; i < COUNT; i++) {
		CHECK_EQ(mprotect(p + i * 8192, 4096, PROT_READ | PROT_WRITE), 0);
		*(size_t *)(p + i * 8192) = i;
	}
	for (size_t i = 0; i < COUNT; i++)
		CHECK_EQ(*(size_t *)(p + i * 8192), i);
	CHECK_EQ(munmap(p, COUNT * 8192ul), 0);
	return 0;
}
