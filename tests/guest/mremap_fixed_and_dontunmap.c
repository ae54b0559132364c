/* MREMAP_FIXED moves over what is there; MREMAP_DONTUNMAP leaves fresh zeroes behind. */
#include "check.h"

int main(void)
{
	char *p = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 'a', 4096);
	memset(p + 4 * 4096, 'b', 4096);
	CHECK(mremap(p, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, p + 4 * 4096) == p + 4 * 4096);
	CHECK_EQ(p[4 * 4096], 'a');
	unsigned char vec;
	CHECK_ERRNO(mincore(p, 4096, &vec), ENOMEM);
	char *q = (char *)syscall(SYS_mremap, p + 4 * 4096, 4096, 4096, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 0);
	CHECK(q != MAP_FAILED && q != p + 4 * 4096);
	CHECK_EQ(q[0], 'a');
	CHECK_EQ(p[4 * 4096], 0);
	CHECK_ERRNO((intptr_t)mremap(q, 4096, 0, 0), EINVAL);
	CHECK_ERRNO((intptr_t)mremap(q, 4096, 4096, MREMAP_FIXED, p), EINVAL);
	CHECK_ERRNO((intptr_t)mremap(q + 1, 4096, 8192, MREMAP_MAYMOVE), EINVAL);
	CHECK_EQ(munmap(q, 4096), 0);
	CHECK_ERRNO((intptr_t)mremap(q, 4096, 8192, MREMAP_MAYMOVE), EFAULT);
	return 0;
}
