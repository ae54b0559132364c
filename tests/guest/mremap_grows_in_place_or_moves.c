/* mremap keeps the contents whether it grows in place or moves; without MAYMOVE a neighbour gives ENOMEM. */
#include "check.h"

int main(void)
{
	char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 'm', 4096);
	CHECK_EQ(munmap(p + 4096, 4096), 0);
	CHECK(mremap(p, 4096, 8192, 0) == p); /* into the gap */
	CHECK_EQ(p[4096], 0);
	CHECK_ERRNO((intptr_t)mremap(p, 8192, 16 * 4096, 0) == -1 ? -1 : 0, ENOMEM);
	p[4096] = 'n';
	CHECK(mprotect(p + 2 * 4096, 2 * 4096, PROT_READ) ==
	      0); /* so that it cannot merge with what follows */
	char *q = mremap(p, 8192, 64 * 4096, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(q[0], 'm');
	CHECK_EQ(q[4096], 'n');
	CHECK_EQ(q[63 * 4096], 0);
	CHECK(mremap(q, 64 * 4096, 4096, 0) == q);
	unsigned char vec;
	CHECK_ERRNO(mincore(q + 4096, 4096, &vec), ENOMEM);
	return 0;
}
