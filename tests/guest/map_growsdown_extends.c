/* A MAP_GROWSDOWN mapping grows when the page below it is touched. */
#include "check.h"

int main(void)
{
	size_t room = 1 << 20;
	char *p = mmap(NULL, room + 2 * (2 << 20), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(munmap(p, room + 2 * (2 << 20)), 0);
	volatile char *top = p + (2 << 20) + room;
	CHECK(mmap((void *)top, 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0) == (void *)top);
	for (int i = 0; i < 64; i++) {
		top[-i * 4096 + 7] = (char)i;
		CHECK_EQ(top[-i * 4096 + 7], i);
	}
	return 0;
}
