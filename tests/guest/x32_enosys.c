/* Calls of the x32 ABI give ENOSYS, as on a kernel without it. */
#include "check.h"

int main(void)
{
	errno = 0;
	if (syscall(0x40000000 + SYS_getpid) == getpid())
		skip("this kernel has x32");
	CHECK_ERRNO(syscall(0x40000000 + SYS_getpid), ENOSYS);
	CHECK_ERRNO(syscall(0x40000000 + 512, 1, 2, 3), ENOSYS);
	return 0;
}
