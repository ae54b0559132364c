/* The frame's ucontext has the interrupted registers, mask and alternate stack, and changing it changes the
 * thread. */
#include "check.h"
#include <ucontext.h>

static volatile uintptr_t seen_rip, seen_rsp, aligned;
static volatile int mask_has_usr2, fp_there;
extern char fault_at[], resume_at[];

static void handler(int signo, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	seen_rip = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	seen_rsp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
	aligned = ((uintptr_t)__builtin_frame_address(0) & 15) == 0;
	mask_has_usr2 = sigismember(&uc->uc_sigmask, SIGUSR2);
	fp_there = uc->uc_mcontext.fpregs != NULL && ((uintptr_t)uc->uc_mcontext.fpregs & 15) == 0;
	CHECK_EQ(uc->uc_mcontext.gregs[REG_R12], 0x1212);
	CHECK_EQ(uc->uc_mcontext.gregs[REG_RBX], 0xb0b);
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)resume_at;
	uc->uc_mcontext.gregs[REG_RAX] = 77;
}

int main(void)
{
	long rax;
	uintptr_t rsp;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	on_siginfo(SIGSEGV, handler, 0);
	__asm__ volatile("mov %%rsp, %1\n"
			 "mov $0x1212, %%r12\n"
			 "mov $0xb0b, %%ebx\n"
			 "xor %%eax, %%eax\n"
			 "fault_at: mov %%eax, (%%rax)\n"
			 "ud2\n"
			 "resume_at:\n"
			 : "=&a"(rax), "=&r"(rsp)
			 :
			 : "r12", "rbx", "memory");
	CHECK_EQ(rax, 77);
	CHECK_EQ(seen_rip, (uintptr_t)fault_at);
	CHECK_EQ(seen_rsp, rsp);
	CHECK_EQ(aligned, 1);
	CHECK_EQ(mask_has_usr2, 1);
	CHECK_EQ(fp_there, 1);
	return 0;
}
