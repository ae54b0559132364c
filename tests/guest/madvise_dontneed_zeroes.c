/* MADV_DONTNEED drops private contents at once: zeroes for anonymous memory, the file's bytes for a file. */
#include "check.h"

int main(void)
{
	char *p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memset(p, 'x', 4 * 4096);
	CHECK_EQ(madvise(p + 4096, 2 * 4096, MADV_DONTNEED), 0);
	CHECK_EQ(p[4095], 'x');
	CHECK_EQ(p[4096], 0);
	CHECK_EQ(p[3 * 4096 - 1], 0);
	CHECK_EQ(p[3 * 4096], 'x');
	int fd = file_with("f", "file", 4);
	char *q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(q != MAP_FAILED);
	q[0] = 'F';
	CHECK_EQ(madvise(q, 4096, MADV_DONTNEED), 0);
	CHECK_EQ(q[0], 'f');
	CHECK_ERRNO(madvise(p + 1, 4096, MADV_DONTNEED), EINVAL);
	CHECK_ERRNO(madvise(p, 4096, 12345), EINVAL);
	CHECK_EQ(munmap(p, 4096), 0);
	CHECK_ERRNO(madvise(p, 4096, MADV_DONTNEED), ENOMEM);
	return 0;
}
