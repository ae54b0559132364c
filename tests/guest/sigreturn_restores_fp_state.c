/* A handler that uses vector, x87 and mxcsr state leaves the interrupted thread's unchanged. */
#include "check.h"

static volatile double sink;

static void handler(int signo)
{
	uint32_t mxcsr = 0x7f80; /* another rounding mode */

	__asm__ volatile("ldmxcsr %0\n pxor %%xmm0, %%xmm0\n pxor %%xmm15, %%xmm15\n fldz\n" ::"m"(mxcsr)
			 : "xmm0", "xmm15");
	sink = 1.5;
}

int main(void)
{
	uint64_t in[2] = {0x0123456789abcdef, 0xfedcba9876543210}, out0[2], out15[2];
	uint32_t before, after;
	long double x87 = 3.25L, x87_after;

	on_signal(SIGUSR1, handler, 0);
	__asm__ volatile("stmxcsr %0" : "=m"(before));
	__asm__ volatile("movdqu %[in], %%xmm0\n movdqu %[in], %%xmm15\n fldt %[x87]\n"
			 "mov %[tgkill], %%eax\n syscall\n"
			 "movdqu %%xmm0, %[out0]\n movdqu %%xmm15, %[out15]\n fstpt %[x87_after]\n"
			 : [out0] "=m"(out0), [out15] "=m"(out15), [x87_after] "=m"(x87_after)
			 : [in] "m"(in), [x87] "m"(x87), [tgkill] "i"(SYS_tgkill), "D"(getpid()),
			   "S"(gettid()), "d"(SIGUSR1)
			 : "rax", "rcx", "r11", "xmm0", "xmm15", "memory");
	__asm__ volatile("stmxcsr %0" : "=m"(after));
	CHECK_EQ(memcmp(in, out0, 16), 0);
	CHECK_EQ(memcmp(in, out15, 16), 0);
	CHECK_EQ(before, after);
	CHECK(x87_after == x87);
	CHECK(sink == 1.5);
	return 0;
}
