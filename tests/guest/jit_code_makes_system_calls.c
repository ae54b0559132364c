/* A syscall instruction in memory that was made at run time works like any other. */
#include "check.h"

int main(void)
{
	/* mov eax, imm32 (the number); syscall; ret */
	unsigned char code[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3};
	uint32_t number = SYS_getpid;
	unsigned char *p =
	    mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	memcpy(p, code, sizeof code);
	memcpy(p + 1, &number, 4);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(((int (*)(void))(uintptr_t)p)(), getpid());
	number = 1000; /* no such call: rax is -ENOSYS */
	memcpy(p + 1, &number, 4);
	CHECK_EQ(((int (*)(void))(uintptr_t)p)(), -ENOSYS);
	return 0;
}
