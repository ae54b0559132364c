/* Fresh anonymous memory reads as zeroes, is writable at both ends, and its address is page-aligned. */
#include "check.h"

int main(void)
{
	size_t size = 3 << 20;
	unsigned char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ((uintptr_t)p % 4096, 0);
	for (size_t i = 0; i < size; i += 512)
		CHECK_EQ(p[i], 0);
	p[0] = 1;
	p[size - 1] = 2;
	CHECK_EQ(munmap(p, size), 0);
	return 0;
}
