/* A shared mapping and write() see each other's bytes, both ways, and two mappings of a file agree. */
#include "check.h"

int main(void)
{
	char byte;
	int fd = file_with("f", "0123456789", 10);

	CHECK_EQ(ftruncate(fd, 8192), 0);
	char *a = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char *b = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 4096);
	CHECK(a != MAP_FAILED && b != MAP_FAILED);
	CHECK_EQ(memcmp(a, "0123456789", 11), 0);
	a[3] = 'X';
	CHECK_EQ(pread(fd, &byte, 1, 3), 1);
	CHECK_EQ(byte, 'X');
	CHECK_EQ(pwrite(fd, "Y", 1, 4), 1);
	CHECK_EQ(a[4], 'Y');
	a[4096 + 7] = 'Z';
	CHECK_EQ(b[7], 'Z');
	CHECK_EQ(close(fd), 0); /* the mapping outlives the descriptor */
	a[0] = 'W';
	fd = open("f", O_RDONLY);
	CHECK_EQ(read(fd, &byte, 1), 1);
	CHECK_EQ(byte, 'W');
	return 0;
}
