/* MADV_REMOVE on a shared file mapping makes a hole in the file. */
#include "check.h"

int main(void)
{
	char byte;
	int fd = memfd_create("remove", 0);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, 3 * 4096), 0);
	char *p = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 'r', 3 * 4096);
	CHECK_EQ(madvise(p + 4096, 4096, MADV_REMOVE), 0);
	CHECK_EQ(p[4095], 'r');
	CHECK_EQ(p[4096], 0);
	CHECK_EQ(pread(fd, &byte, 1, 8191), 1);
	CHECK_EQ(byte, 0);
	CHECK_EQ(p[8192], 'r');
	CHECK_EQ(file_size(fd), 3 * 4096);
	return 0;
}
