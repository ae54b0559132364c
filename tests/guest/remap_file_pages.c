/* remap_file_pages(2): another page of the same file in place of this one. */
#include "check.h"
#include <sys/mman.h>

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
	char *p;

	CHECK(fd >= 0 && !ftruncate(fd, 4 * 4096));
	p = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	for (int i = 0; i < 4; i++)
		p[i * 4096] = 'a' + i;
	CHECK(!remap_file_pages(p, 4096, 0, 3, 0));
	CHECK(p[0] == 'd' && p[4096] == 'b');
	p[0] = 'x';
	CHECK(p[3 * 4096] == 'x');
	CHECK_ERRNO(remap_file_pages(p, 4096, PROT_READ, 0, 0), EINVAL);
	CHECK_ERRNO(remap_file_pages(p, 0, 0, 0, 0), EINVAL);
	CHECK(!munmap(p, 4 * 4096));
	CHECK_ERRNO(remap_file_pages(p, 4096, 0, 0, 0), EINVAL);
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK_ERRNO(remap_file_pages(p, 4096, 0, 1, 0), EINVAL);
	return 0;
}
