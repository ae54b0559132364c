/* MAP_FIXED replaces the middle of a mapping and leaves its neighbours alone. */
#include "check.h"

int main(void)
{
	char *p = mmap(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 'a', 5 * 4096);
	char *q =
	    mmap(p + 2 * 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(q == p + 2 * 4096);
	CHECK_EQ(q[0], 0);
	CHECK_EQ(q[4095], 0);
	CHECK_EQ(q[-1], 'a');
	CHECK_EQ(q[4096], 'a');
	CHECK_ERRNO((intptr_t)mmap(p + 1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		    EINVAL);
	return 0;
}
