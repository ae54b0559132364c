/* RLIMIT_AS bounds mmap, brk and mremap with ENOMEM. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_AS, &limit), 0);
	limit.rlim_cur = 256 << 20;
	CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
	int flags = MAP_PRIVATE | MAP_ANONYMOUS;
	CHECK_ERRNO((intptr_t)mmap(NULL, 512 << 20, PROT_READ, flags, -1, 0), ENOMEM);
	char *p = mmap(NULL, 1 << 20, PROT_READ, flags, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO((intptr_t)mremap(p, 1 << 20, 512 << 20, MREMAP_MAYMOVE), ENOMEM);
	CHECK(malloc(512 << 20) == NULL);
	CHECK(malloc(1 << 20) != NULL);
	return 0;
}
