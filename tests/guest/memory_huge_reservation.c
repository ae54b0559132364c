/* Reserving much more address space than there is memory works with PROT_NONE and NORESERVE, as runtimes do.
 */
#include "check.h"

int main(void)
{
	size_t size = 64ul << 30;
	char *p = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	char *middle = p + size / 2;
	CHECK_EQ(mprotect(middle, 1 << 20, PROT_READ | PROT_WRITE), 0);
	memset(middle, 'm', 1 << 20);
	CHECK(mmap(middle, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
		   0) == middle);
	CHECK_EQ(munmap(p, size), 0);
	return 0;
}
