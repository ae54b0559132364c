/* arch_prctl and the FSGSBASE instructions set and read the thread's FS and GS bases, which system calls
 * keep. */
#include "check.h"
#include <asm/prctl.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <sys/wait.h>

static uint64_t area[4] = {0x1111, 0x2222};

static uint64_t own(int word)
{
	uint64_t value;

	__asm__ volatile("mov %%gs:(%1), %0" : "=r"(value) : "r"(word * 8l));
	return value;
}

static unsigned long get_gs(void)
{
	unsigned long base = 1;

	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_GET_GS, &base), 0);
	return base;
}

/* A thread begins with its maker's, and has its own from then on, whatever the others do meanwhile. */
static void *thread(void *arg)
{
	uint64_t mine[4] = {(uintptr_t)arg, (uintptr_t)arg + 1};

	CHECK_EQ(get_gs(), (uintptr_t)area);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, mine), 0);
	for (int i = 0; i < 300; i++) {
		getppid();
		CHECK_EQ(own(1), (uintptr_t)arg + 1);
		sched_yield();
		if (i % 100 == 0)
			sleep_ms(1);
	}
	CHECK_EQ(get_gs(), (uintptr_t)mine);
	return NULL;
}

static void check_threads(void)
{
	pthread_t threads[4];

	for (long i = 0; i < 4; i++)
		CHECK_OK(pthread_create(&threads[i], NULL, thread, (void *)(i * 1000 + 7)));
	for (int i = 0; i < 4; i++)
		CHECK_OK(pthread_join(threads[i], NULL));
	CHECK_EQ(own(0), 0x1111);
}

static volatile int handled;
static volatile uint64_t seen;

/* It is no part of the frame: what a handler makes of it stays. */
static void handler(int sig)
{
	seen = own(0);
	if (sig == SIGUSR2)
		syscall(SYS_arch_prctl, ARCH_SET_GS, area + 1);
	handled++;
}

static void mend(int sig)
{
	syscall(SYS_arch_prctl, ARCH_SET_GS, area);
	handled++;
}

static void check_signals(void)
{
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};

	on_signal(SIGUSR1, handler, 0);
	on_signal(SIGUSR2, handler, 0);
	on_signal(SIGALRM, handler, SA_RESTART);
	raise(SIGUSR1);
	CHECK_EQ(seen, 0x1111);
	raise(SIGUSR2);
	CHECK_EQ(own(0), 0x2222);
	raise(SIGUSR1);
	CHECK_EQ(seen, 0x2222);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, area), 0);
	/* Whenever they come: between calls, in calls, in computation. */
	handled = 0;
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; handled < 50; i++) {
		CHECK_EQ(own(1), 0x2222);
		if (i % 16 == 0)
			getppid();
		if (i % 5000 == 0)
			sleep_ms(2);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK_EQ(seen, 0x1111);
	/* A fault by way of it, mended by the handler. */
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, 4096), 0);
	handled = 0;
	CHECK_EQ(get_gs(), 4096);
	on_signal(SIGSEGV, mend, 0);
	CHECK_EQ(own(1), 0x2222);
	CHECK_EQ(handled, 1);
}

static void check_fork_and_exec(char **argv)
{
	char text[32];
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		CHECK_EQ(own(1), 0x2222);
		CHECK_EQ(get_gs(), (uintptr_t)area);
		CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, area + 1), 0);
		CHECK_EQ(own(0), 0x2222);
		snprintf(text, sizeof(text), "%lx", get_gs());
		execl("/proc/self/exe", argv[0], text, NULL);
		_exit(9);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(own(0), 0x1111);
}

int main(int argc, char **argv)
{
	if (argc > 1) /* after exec there is none */
		return get_gs() != 0;
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
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, area), 0);
	check_threads();
	check_signals();
	check_fork_and_exec(argv);
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, 0), 0);
	CHECK_EQ(get_gs(), 0);
	getppid();
	CHECK_EQ(syscall(SYS_arch_prctl, ARCH_SET_GS, area), 0);
	CHECK_EQ(own(1), 0x2222);
	CHECK_ERRNO(syscall(SYS_arch_prctl, ARCH_SET_GS, ~0ul), EPERM);
	CHECK_ERRNO(syscall(SYS_arch_prctl, 0x9999, 0), EINVAL);
	return 0;
}
