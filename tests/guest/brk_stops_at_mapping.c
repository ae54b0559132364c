/* The break does not grow over a mapping that lies in its way. */
#include "check.h"

int main(void)
{
	char *now = (char *)syscall(SYS_brk, 0);
	char *page = (char *)(((uintptr_t)now + 0xfffff) & ~0xfffful);

	CHECK(mmap(page, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == page);
	CHECK((char *)syscall(SYS_brk, page + 8192) == now);
	CHECK((char *)syscall(SYS_brk, page) == page ||
	      (char *)syscall(SYS_brk, 0) == now); /* a gap may be kept */
	CHECK_EQ(page[0], 0);
	return 0;
}
