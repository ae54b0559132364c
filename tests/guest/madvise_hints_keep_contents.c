/* The advice that programs give (WILLNEED, SEQUENTIAL, FREE, HUGEPAGE, ...) is accepted and changes no byte
 * that is used. */
#include "check.h"

int main(void)
{
	static const int advice[] = {MADV_NORMAL,   MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
				     MADV_DONTDUMP, MADV_DODUMP, MADV_DONTFORK,	  MADV_DOFORK};
	size_t size = 4 << 20;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 'h', size);
	for (size_t i = 0; i < sizeof advice / sizeof *advice; i++)
		CHECK_EQ(madvise(p, size, advice[i]), 0);
	if (madvise(p, size, MADV_HUGEPAGE) != 0) /* a kernel without it says EINVAL */
		CHECK_EQ(errno, EINVAL);
	for (size_t i = 0; i < size; i += 4096)
		CHECK_EQ(p[i], 'h');
	CHECK_EQ(madvise(p, size, MADV_FREE), 0);
	for (size_t i = 0; i < size; i += 4096)
		CHECK(p[i] == 'h' || p[i] == 0); /* either, until it is written again */
	p[0] = 'i';
	CHECK_EQ(p[0], 'i');
	return 0;
}
