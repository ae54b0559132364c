/* Code written to memory runs once it is made executable, and again after it is changed, as a JIT does. */
#include "check.h"

int main(void)
{
	/* mov eax, imm32; ret */
	unsigned char code[] = {0xb8, 42, 0, 0, 0, 0xc3};
	unsigned char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memcpy(p, code, sizeof code);
	CHECK_EQ(mprotect(p, 4096, PROT_READ | PROT_EXEC), 0);
	CHECK_EQ(((int (*)(void))(uintptr_t)p)(), 42);
	CHECK_EQ(mprotect(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
	p[1] = 43;
	CHECK_EQ(((int (*)(void))(uintptr_t)p)(), 43);
	return 0;
}
