/*
 * sched_yield and the clocks of processor time while signals arrive and instructions are stepped: the call is made once, all
 * registers but rax, rcx and r11 stay, a handler sees no text but the program's; bad pointers give EFAULT.
 */
#include "check.h"
#include <sched.h>
#include <ucontext.h>

#define SIGNALS 3000

static volatile sig_atomic_t signals, elsewhere, steps, stop;

static void note_signal(int sig, siginfo_t *info, void *context)
{
	uint64_t rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	signals++;
	elsewhere += rip >= 0x200000000000 && rip < 0x200010000000; /* what makes host calls for a sandbox lies there */
}

static void on_step(int sig)
{
	steps++;
}

/* In, and back: rdi rsi rdx rbx r8 r9 r10 r12 r13; rflags behind them, before and after. */
static long yield_checked(uint64_t seed)
{
	uint64_t r[11], *p = r;
	long ret = SYS_sched_yield;

	for (int i = 0; i < 9; i++)
		r[i] = seed + i;
	__asm__ volatile("sub $128, %%rsp\n\t"
			 "push %%rbp\n\t"
			 "push %%rbx\n\t"
			 "mov %[p], %%rbp\n\t"
			 "mov (%%rbp), %%rdi\n\t"
			 "mov 8(%%rbp), %%rsi\n\t"
			 "mov 16(%%rbp), %%rdx\n\t"
			 "mov 24(%%rbp), %%rbx\n\t"
			 "mov 32(%%rbp), %%r8\n\t"
			 "mov 40(%%rbp), %%r9\n\t"
			 "mov 48(%%rbp), %%r10\n\t"
			 "mov 56(%%rbp), %%r12\n\t"
			 "mov 64(%%rbp), %%r13\n\t"
			 "cmp $100, %%eax\n\t"
			 "pushfq\n\t"
			 "popq 72(%%rbp)\n\t"
			 "syscall\n\t"
			 "mov %%rdi, (%%rbp)\n\t"
			 "mov %%rsi, 8(%%rbp)\n\t"
			 "mov %%rdx, 16(%%rbp)\n\t"
			 "mov %%rbx, 24(%%rbp)\n\t"
			 "mov %%r8, 32(%%rbp)\n\t"
			 "mov %%r9, 40(%%rbp)\n\t"
			 "mov %%r10, 48(%%rbp)\n\t"
			 "mov %%r12, 56(%%rbp)\n\t"
			 "mov %%r13, 64(%%rbp)\n\t"
			 "pushfq\n\t"
			 "popq 80(%%rbp)\n\t"
			 "pop %%rbx\n\t"
			 "pop %%rbp\n\t"
			 "add $128, %%rsp"
			 : "+a"(ret), [p] "+r"(p)
			 :
			 : "rdi", "rsi", "rdx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "memory", "cc");
	for (int i = 0; i < 9; i++)
		CHECK_EQ(r[i], seed + i);
	CHECK_EQ(r[10] & 0xcd5, r[9] & 0xcd5);
	return ret;
}

static void *send(void *to)
{
	while (!stop) {
		pthread_kill(*(pthread_t *)to, SIGUSR1);
		usleep(20);
	}
	return NULL;
}

static void under_signals(void)
{
	struct sigaction a = {.sa_sigaction = note_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	pthread_t self = pthread_self(), other;
	struct timespec t, last = {0, 0};

	CHECK(!sigaction(SIGUSR1, &a, NULL) && !pthread_create(&other, NULL, send, &self));
	for (uint64_t i = 0; signals < SIGNALS; i++) {
		CHECK_EQ(yield_checked(i * 0x100000001), 0);
		CHECK(!clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t));
		CHECK(t.tv_sec > last.tv_sec || (t.tv_sec == last.tv_sec && t.tv_nsec >= last.tv_nsec));
		last = t;
		CHECK(!clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t));
	}
	stop = 1;
	pthread_join(other, NULL);
	CHECK_EQ(elsewhere, 0);
}

/* Each instruction of the program is stepped, and a call is one. */
static void stepped(void)
{
	int all[2];

	signal(SIGTRAP, on_step);
	for (int i = 0; i < 2; i++) {
		long nr = i ? SYS_sched_yield : SYS_getuid;

		steps = 0;
		__asm__ volatile("sub $128, %%rsp\n\t"
				 "pushfq\n\t"
				 "orq $0x100, (%%rsp)\n\t"
				 "popfq\n\t"
				 "nop\n\t"
				 "syscall\n\t"
				 "nop\n\t"
				 "pushfq\n\t"
				 "andq $~0x100, (%%rsp)\n\t"
				 "popfq\n\t"
				 "add $128, %%rsp"
				 : "+a"(nr)
				 :
				 : "rcx", "r11", "memory", "cc");
		if (i)
			CHECK_EQ(nr, 0);
		all[i] = steps;
	}
	CHECK_EQ(all[0], all[1]);
	printf("%d steps\n", all[0]);
}

static void bad_pointers(void)
{
	static void *const bad[] = {(void *)8, (void *)0x200800400000, (void *)0x200000000000, (void *)-4096};

	for (size_t i = 0; i < 4; i++)
		for (int clock = 2; clock <= 3; clock++) {
			CHECK_EQ(syscall(SYS_clock_gettime, clock, bad[i]), -1);
			CHECK_EQ(errno, EFAULT);
		}
}

int main(void)
{
	for (int i = 0; i < 3000; i++)
		CHECK_EQ(yield_checked(i), 0);
	under_signals();
	stepped();
	bad_pointers();
	return 0;
}
