/* The program break grows with zeroes, shrinks, and comes back zeroed; a refused change returns the old
 * break. */
#include "check.h"

int main(void)
{
	char *start = (char *)syscall(SYS_brk, 0);

	CHECK(start);
	CHECK((char *)syscall(SYS_brk, start + 100000) == start + 100000);
	for (size_t i = 0; i < 100000; i += 100)
		CHECK_EQ(start[i], 0);
	memset(start, 'b', 100000);
	CHECK((char *)syscall(SYS_brk, start) == start);
	CHECK((char *)syscall(SYS_brk, start + 100000) == start + 100000);
	char *page = (char *)(((uintptr_t)start + 4095) & ~4095ul);
	CHECK_EQ(page[0], 0);
	CHECK_EQ(page[50000], 0);
	CHECK((char *)syscall(SYS_brk, (char *)0x1000) == start + 100000);
	CHECK((char *)syscall(SYS_brk, (char *)(1ul << 46)) == start + 100000);
	CHECK((char *)syscall(SYS_brk, start) == start);
	CHECK((char *)syscall(SYS_brk, 0) == start);
	return 0;
}
