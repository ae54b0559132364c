/* MAP_FIXED_NOREPLACE refuses an occupied range and takes a free one. */
#include "check.h"

int main(void)
{
	char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	p[0] = 'x';
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
	CHECK_ERRNO((intptr_t)mmap(p, 4096, PROT_READ, flags, -1, 0), EEXIST);
	CHECK_EQ(p[0], 'x');
	CHECK_EQ(munmap(p, 4 * 4096), 0);
	CHECK(mmap(p, 4096, PROT_READ, flags, -1, 0) == p);
	return 0;
}
