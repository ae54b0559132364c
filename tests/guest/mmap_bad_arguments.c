/* mmap, munmap and mprotect refuse what Linux refuses, with the same errno. */
#include "check.h"

int main(void)
{
	int fd = file_with("f", "x", 1), dir = open(".", O_RDONLY | O_DIRECTORY),
	    anon = MAP_PRIVATE | MAP_ANONYMOUS;

	CHECK_ERRNO((intptr_t)mmap(NULL, 0, PROT_READ, anon, -1, 0), EINVAL);
	CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 1), EINVAL);
	CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, dir, 0), ENODEV);
	CHECK_ERRNO((intptr_t)mmap(NULL, (size_t)1 << 47, PROT_READ, anon, -1, 0), ENOMEM);
	CHECK_ERRNO((intptr_t)mmap(NULL, SIZE_MAX - 100, PROT_READ, anon, -1, 0), ENOMEM);
	char *p = mmap(NULL, 8192, PROT_READ, anon, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(munmap(p + 1, 4096), EINVAL);
	CHECK_ERRNO(munmap(p, 0), EINVAL);
	CHECK_EQ(munmap(p + 4096, 4096), 0);
	CHECK_EQ(munmap(p + 4096, 4096), 0); /* nothing there is no error */
	CHECK_ERRNO(mprotect(p, 8192, PROT_READ), ENOMEM);
	CHECK_ERRNO(mprotect(p + 1, 4096, PROT_READ), EINVAL);
	CHECK_EQ(mprotect(p, 0, PROT_READ), 0);
	return 0;
}
