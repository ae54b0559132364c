/* An address that is free is taken as a hint asks; an occupied one gives another address. */
#include "check.h"

int main(void)
{
	char *p = mmap(NULL, 64 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(munmap(p + 16 * 4096, 4096), 0);
	CHECK(mmap(p + 16 * 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == p + 16 * 4096);
	char *other = mmap(p, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(other != MAP_FAILED && (other < p || other >= p + 64 * 4096));
	return 0;
}
