/* A private file mapping shows the file; what is written to it stays out of the file. */
#include "check.h"

int main(void)
{
	char data[10000], back[10000];

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = 'a' + i % 26;
	int fd = file_with("f", data, sizeof data);
	char *p = mmap(NULL, sizeof data, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(memcmp(p, data, sizeof data), 0);
	CHECK_EQ(p[sizeof data], 0); /* the rest of the last page */
	p[5000] = '!';
	CHECK_EQ(pread(fd, back, sizeof back, 0), sizeof back);
	CHECK_EQ(memcmp(back, data, sizeof back), 0);
	char *second = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
	CHECK(second != MAP_FAILED);
	CHECK_EQ(memcmp(second, data + 4096, 4096), 0);
	return 0;
}
