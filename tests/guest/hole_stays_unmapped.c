/* What the program has unmapped stays unmapped, however many calls it makes meanwhile. */
#include "check.h"
#include <sys/mman.h>

#define HOLES 16

int main(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char there[4];
	char *hole[HOLES];

	for (int i = 0; i < HOLES; i++) {
		hole[i] = mmap(NULL, (i + 1) * 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(hole[i] != MAP_FAILED);
	}
	for (int i = 0; i < HOLES; i++)
		CHECK_OK(munmap(hole[i], (i + 1) * 2 * page));
	for (int i = 0; i < 5000; i++) {
		getppid();
		lseek(0, 0, SEEK_CUR);
		sched_yield();
	}
	for (int i = 0; i < HOLES; i++) {
		CHECK_ERRNO(mincore(hole[i], page, there), ENOMEM);
		CHECK_ERRNO(mincore(hole[i] + i * page, page, there), ENOMEM);
	}
	return 0;
}
