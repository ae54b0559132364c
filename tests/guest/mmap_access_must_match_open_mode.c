/* The open mode decides what a mapping may do: EACCES otherwise, for mmap and for a later mprotect. */
#include "check.h"

int main(void)
{
	close(file_with("f", "data", 4));
	int ro = open("f", O_RDONLY), wo = open("f", O_WRONLY);

	CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ro, 0), EACCES);
	CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ, MAP_SHARED, wo, 0), EACCES);
	CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, wo, 0), EACCES);
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, ro, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(mprotect(p, 4096, PROT_READ | PROT_WRITE), EACCES);
	char *q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, ro, 0);
	CHECK(q != MAP_FAILED);
	q[0] = 'D';
	return 0;
}
