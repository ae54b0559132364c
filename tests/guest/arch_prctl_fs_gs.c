/* arch_prctl and the FSGSBASE instructions set and read the thread's FS and GS bases, which system calls
 * keep. */
#include "check.h"
#include <asm/prctl.h>
#include <sys/auxv.h>

int main(void)
{
	static uint64_t area[4] = {0x1111, 0x2222};
	unsigned long base = 0, value;

	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_FS, &base), 0);
	CHECK_EQ(base, (uintptr_t)__builtin_thread_pointer());
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, area), 0);
	getppid();
	__asm__ volatile("mov %%gs:8, %0" : "=r"(value));
	CHECK_EQ(value, 0x2222);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &base), 0);
	CHECK_EQ(base, (uintptr_t)area);
	if (getauxval(AT_HWCAP2) & 2) {
		__asm__ volatile("rdgsbase %0" : "=r"(base));
		CHECK_EQ(base, (uintptr_t)area);
		__asm__ volatile("wrgsbase %0" ::"r"(area + 1));
		sched_yield();
		__asm__ volatile("mov %%gs:0, %0" : "=r"(value));
		CHECK_EQ(value, 0x2222);
	}
	CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_GS, ~0ul), EPERM);
	CHECK_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
	return 0;
}
