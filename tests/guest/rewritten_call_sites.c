/*
 * System calls that are made often, under all that may happen to the code that makes them: threads that begin before and go on
 * after it is rewritten, its text made writable and dropped, forks, signals at any instruction, single steps.
 */
#include "check.h"
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>

#define CALLS 20000
static struct { unsigned long start, end; } text[64];
static int texts;
static volatile unsigned long signals, steps, strange;

static void read_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[512], perm[8];

	CHECK(f);
	while (fgets(line, sizeof(line), f) && texts < 64)
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perm) == 3 && perm[2] == 'x' &&
		    (strchr(line, '/') || strstr(line, "[vdso]") || strstr(line, "[vsyscall]"))) {
			text[texts].start = start;
			text[texts++].end = end;
		}
	fclose(f);
}

static int in_text(unsigned long rip)
{
	for (int i = 0; i < texts; i++)
		if (rip >= text[i].start && rip < text[i].end)
			return 1;
	return 0;
}

static void on_timer(int sig, siginfo_t *info, void *uc)
{
	signals++;
	strange += !in_text(((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP]);
}

static void on_step(int sig, siginfo_t *info, void *uc)
{
	steps++;
	strange += !in_text(((ucontext_t *)uc)->uc_mcontext.gregs[REG_RIP]);
}

static void *caller(void *arg)
{
	long parent = syscall(SYS_getppid), self = getpid();

	for (int i = 0; i < CALLS; i++) {
		CHECK(syscall(SYS_getppid) == parent);
		CHECK(getppid() == parent);
		CHECK(getpid() == self);
		if (i % 500 == 0)
			sched_yield();
	}
	return NULL;
}

static void call_from_threads(int n, int disturb)
{
	pthread_t t[8];
	unsigned long page = (unsigned long)dlsym(RTLD_DEFAULT, "getppid") & ~0xffful;

	for (int i = 0; i < n; i++)
		CHECK(!pthread_create(&t[i], NULL, caller, NULL));
	for (int i = 0; disturb && i < 60; i++) {
		CHECK(!mprotect((void *)page, 0x2000, PROT_READ | PROT_WRITE | PROT_EXEC));
		CHECK(!mprotect((void *)page, 0x2000, PROT_READ | PROT_EXEC));
		usleep(500);
	}
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
}

static void call_under_signals(void)
{
	struct sigaction sa = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval every = {{0, 200}, {0, 200}}, never = {0};

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	while (signals < 50)
		caller(NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	CHECK(strange == 0);
}

static void call_in_children(void)
{
	int status;

	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (!pid) {
			for (int k = 0; k < 3000; k++)
				CHECK(syscall(SYS_getpid) == getpid());
			_exit(17);
		}
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 17);
	}
}

static void call_step_by_step(void)
{
	struct sigaction sa = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	long parent = getppid(), self = getpid(), result, own;

	sigaction(SIGTRAP, &sa, NULL);
	for (int i = 0; i < 20; i++) {
		__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq" ::: "memory", "cc");
		result = getppid();
		own = getpid();
		__asm__ volatile("pushfq; andq $~0x100, (%%rsp); popfq" ::: "memory", "cc");
		CHECK(result == parent && own == self);
	}
	CHECK(steps > 100);
	CHECK(strange == 0);
}

static void call_after_pages_were_dropped(void)
{
	unsigned long page = (unsigned long)dlsym(RTLD_DEFAULT, "getppid") & ~0xffful;

	for (int i = 0; i < 5; i++) {
		CHECK(!madvise((void *)page, 0x1000, MADV_DONTNEED));
		caller(NULL);
	}
}

int main(void)
{
	read_maps();
	call_from_threads(4, 0);
	call_from_threads(4, 1);
	call_under_signals();
	call_in_children();
	call_step_by_step();
	call_after_pages_were_dropped();
	call_from_threads(3, 1);
	return 0;
}
