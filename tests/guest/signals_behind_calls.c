/* A signal that arrives with a call's return, often: what comes behind the call sees its result and its own flags and registers. */
#include "check.h"
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ROUNDS 400
static volatile int handled;

/* long NAME(long nr, long a, long b): the call and what follows it; 1 or 2 by the branch that is taken. */
#define SITE(name, behind)                                                                                   \
	long name(long nr, long a, long b);                                                                  \
	__asm__(".text\n.globl " #name "\n.type " #name ", @function\n" #name ":\n"                          \
		".cfi_startproc\nmov %rdi, %rax\nmov %rsi, %rdi\nmov %rdx, %rsi\nsyscall\n" behind           \
		"\nmov $1, %eax\nret\n1: mov $2, %eax\nret\n.cfi_endproc\n.size " #name ", .-" #name "\n")
SITE(cmp_long, "cmp $-4095, %rax\njae 1f");
SITE(cmp_long_32, "cmp $-4095, %eax\nja 1f");
SITE(cmp_short, "cmp $-4, %rax\nje 1f");
SITE(cmp_short_32, "cmp $-4, %eax\njle 1f");
SITE(test_sign, "test %rax, %rax\njs 1f");
SITE(test_sign_32, "test %eax, %eax\njs 1f");
SITE(test_zero_32, "test %eax, %eax\njne 1f");
SITE(moved, "mov %rax, %r10\ncmp $-4, %r10\nje 1f");
SITE(moved_up, "mov %rax, %r9\nmov %r9, %rdx\ncmp $-4, %rdx\nje 1f");
SITE(moved_32, "mov %eax, %ecx\ntest %rcx, %rcx\nje 2f\ncmp $-4, %ecx\nje 1f\n2: nop");

static long (*const sites[])(long, long, long) = {cmp_long, cmp_long_32, cmp_short, cmp_short_32, test_sign, test_sign_32,
						   test_zero_32, moved, moved_up, moved_32};

static void handler(int sig)
{
	/* The flags here are none that a branch behind the call expects. */
	__asm__ volatile("xor %%eax, %%eax\n\tdec %%eax\n\tstc" ::: "eax", "cc");
	handled++;
}

int main(void)
{
	unsigned long usr1 = 1ul << (SIGUSR1 - 1), none = 0;
	struct sigaction sa = {.sa_handler = handler};
	long self = getpid();

	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	for (int i = 0; i < ROUNDS; i++)
		for (unsigned int s = 0; s < sizeof(sites) / sizeof(sites[0]); s++) {
			/* kill: 0 */
			CHECK(sites[s](SYS_kill, self, SIGUSR1) == 1);
			/* rt_sigsuspend: -EINTR */
			CHECK(!syscall(SYS_rt_sigprocmask, SIG_BLOCK, &usr1, NULL, 8));
			CHECK(!kill(self, SIGUSR1));
			CHECK(sites[s](SYS_rt_sigsuspend, (long)&none, 8) == 2);
			CHECK(!syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &usr1, NULL, 8));
		}
	CHECK(handled == 2 * ROUNDS * (int)(sizeof(sites) / sizeof(sites[0])));
	return 0;
}
