/* clone3 makes a thread with the stack, TLS and tid words that it is given; bad arguments are refused. */
#include "check.h"
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>

static char stack[64 << 10] __attribute__((aligned(16)));
static char tls[256] __attribute__((aligned(64)));
static volatile uint32_t child_tid = 1, parent_tid;
static volatile uint64_t fs_seen;
static volatile long tid_seen;

__attribute__((noinline, used)) static void in_thread(void)
{
	uint64_t fs;

	__asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
	fs_seen = fs;
	__asm__ volatile("syscall" : "=a"(tid_seen) : "a"(SYS_gettid) : "rcx", "r11", "memory");
}

int main(void)
{
	struct clone_args args = {
	    .flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
		     CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
	    .stack = (uintptr_t)stack,
	    .stack_size = sizeof stack,
	    .tls = (uintptr_t)tls,
	    .parent_tid = (uintptr_t)&parent_tid,
	    .child_tid = (uintptr_t)&child_tid,
	};
	long result;

	*(uint64_t *)tls = 0x7157157;
	CHECK_ERRNO(syscall(SYS_clone3, &args, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone3, 8, sizeof args), EFAULT);
	__asm__ volatile("syscall\n"
			 "test %%rax, %%rax\n"
			 "jnz 1f\n"
			 "xor %%ebp, %%ebp\n"
			 "call in_thread\n"
			 "mov %[exit], %%eax\n"
			 "xor %%edi, %%edi\n"
			 "syscall\n"
			 "1:\n"
			 : "=a"(result)
			 : "0"(SYS_clone3), "D"(&args), "S"(sizeof args), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory", "rdx", "r8", "r9", "r10");
	CHECK(result > 0);
	CHECK_EQ(parent_tid, result);
	WAIT_FOR(child_tid == 0);
	CHECK_EQ(fs_seen, 0x7157157);
	CHECK_EQ(tid_seen, result);
	args.flags = CLONE_THREAD; /* needs CLONE_SIGHAND and CLONE_VM */
	CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof args), EINVAL);
	return 0;
}
