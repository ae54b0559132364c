/* msync writes a shared mapping to its file and refuses contradictory flags and holes. */
#include "check.h"

int main(void)
{
	char back[3];
	int fd = file_with("f", "abc", 3);
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	p[1] = 'B';
	CHECK_EQ(msync(p, 4096, MS_SYNC), 0);
	CHECK_EQ(pread(fd, back, 3, 0), 3);
	CHECK_EQ(memcmp(back, "aBc", 3), 0);
	CHECK_EQ(msync(p, 4096, MS_ASYNC | MS_INVALIDATE), 0);
	CHECK_ERRNO(msync(p, 4096, MS_ASYNC | MS_SYNC), EINVAL);
	CHECK_ERRNO(msync(p + 1, 4096, MS_SYNC), EINVAL);
	CHECK_ERRNO(msync(p, 4096, 64), EINVAL);
	CHECK_EQ(munmap(p + 4096, 4096), 0);
	CHECK_ERRNO(msync(p, 8192, MS_SYNC), ENOMEM);
	return 0;
}
