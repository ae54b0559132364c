/* mincore reports touched pages as resident and unmapped ranges as ENOMEM. */
#include "check.h"

int main(void)
{
	unsigned char vec[4] = {0};
	char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 1, 4 * 4096);
	CHECK_EQ(mincore(p, 4 * 4096, vec), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(vec[i] & 1, 1);
	CHECK_ERRNO(mincore(p + 1, 4096, vec), EINVAL);
	CHECK_ERRNO(mincore(p, 4096, (unsigned char *)8), EFAULT);
	CHECK_EQ(munmap(p + 4096, 4096), 0);
	CHECK_ERRNO(mincore(p, 4 * 4096, vec), ENOMEM);
	return 0;
}
