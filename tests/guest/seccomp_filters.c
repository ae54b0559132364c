/* A program's own seccomp filters: each action, inheritance, all threads at once, what is refused, and /proc/PID/status. */
#include "check.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

#define NR BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))
#define CALL_GIVES(nr, action) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)
#define ELSE(action) BPF_STMT(BPF_RET | BPF_K, action)
#define PROGRAM(name, ...)                                 \
	struct sock_filter name##_code[] = {__VA_ARGS__}; \
	struct sock_fprog name = {sizeof(name##_code) / sizeof(name##_code[0]), name##_code}

static long seccomp(unsigned op, unsigned flags, void *arg)
{
	return syscall(__NR_seccomp, op, flags, arg);
}

static int status_number(const char *key)
{
	char text[4096] = "", *at;
	int fd = open("/proc/thread-self/status", O_RDONLY);

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	at = strstr(text, key);
	CHECK(at);
	return atoi(at + strlen(key));
}

static void install(struct sock_fprog *program)
{
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program));
}

static void errors_and_order(void)
{
	PROGRAM(first, NR, CALL_GIVES(__NR_getppid, SECCOMP_RET_ERRNO | 77), CALL_GIVES(__NR_getuid, SECCOMP_RET_ERRNO | 5),
		CALL_GIVES(__NR_getpgrp, SECCOMP_RET_ERRNO | 0), CALL_GIVES(__NR_getpid, SECCOMP_RET_ERRNO | 6),
		CALL_GIVES(__NR_getgid, SECCOMP_RET_TRACE), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(second, NR, CALL_GIVES(__NR_getppid, SECCOMP_RET_LOG), CALL_GIVES(__NR_getuid, SECCOMP_RET_ERRNO | 8),
		CALL_GIVES(__NR_geteuid, SECCOMP_RET_ERRNO | 5000), ELSE(SECCOMP_RET_ALLOW));

	CHECK_EQ(prctl(PR_GET_SECCOMP), 0);
	CHECK_EQ(status_number("Seccomp:\t"), 0);
	install(&first);
	CHECK_EQ(prctl(PR_GET_SECCOMP), 2);
	CHECK_EQ(seccomp(SECCOMP_SET_MODE_FILTER, 0, &second), 0);
	CHECK_EQ(status_number("Seccomp:\t"), 2);
	CHECK_EQ(status_number("NoNewPrivs:\t"), 1);
	for (int i = 0; i < 200; i++) { /* often enough for call sites to be rewritten */
		CHECK_ERRNO(syscall(__NR_getppid), 77);
		CHECK_ERRNO(syscall(__NR_getuid), 8);
		CHECK_ERRNO(syscall(__NR_geteuid), 4095);
		CHECK_EQ(syscall(__NR_getpgrp), 0);
		CHECK_ERRNO(syscall(__NR_getpid), 6);
		CHECK_ERRNO(syscall(__NR_getgid), ENOSYS);
		CHECK(syscall(__NR_gettid) > 0);
	}
	CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), EINVAL);
	/* Children have the filters, and so has what they execute. */
	if (!fork()) {
		CHECK_ERRNO(syscall(__NR_getppid), 77);
		execl("/proc/self/exe", "seccomp_filters", "filtered", NULL);
		_exit(9);
	}
	int status;

	CHECK(wait(&status) > 0);
	CHECK_EQ(status, 0);
}

static void arguments(void)
{
	PROGRAM(low_words, NR, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_dup, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])), CALL_GIVES(1, SECCOMP_RET_ERRNO | EXDEV),
		NR, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_lseek, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]) + 4),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 2, 0, 1), ELSE(SECCOMP_RET_ERRNO | ENOTTY),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0), ELSE(SECCOMP_RET_KILL_PROCESS), ELSE(SECCOMP_RET_ALLOW));

	install(&low_words);
	CHECK_ERRNO(dup(1), EXDEV);
	CHECK_ERRNO(lseek(0, 3ll << 32, SEEK_SET), ENOTTY);
	CHECK_ERRNO(lseek(-1, 1ll << 32, SEEK_SET), EBADF);
}

static void kill_process(void)
{
	PROGRAM(program, NR, CALL_GIVES(__NR_getppid, SECCOMP_RET_KILL_PROCESS), ELSE(SECCOMP_RET_ALLOW));

	install(&program);
	syscall(__NR_getppid);
}

static void kill_thread_alone(void)
{
	PROGRAM(program, NR, CALL_GIVES(__NR_getppid, SECCOMP_RET_KILL_THREAD), ELSE(SECCOMP_RET_ALLOW));

	install(&program);
	syscall(__NR_getppid);
}

static void *one_too_many(void *arg)
{
	PROGRAM(program, NR, CALL_GIVES(__NR_getppid, SECCOMP_RET_KILL_THREAD), ELSE(SECCOMP_RET_ALLOW));

	install(&program);
	syscall(__NR_getppid);
	_exit(8);
	return arg;
}

static void kill_thread_of_two(void)
{
	pthread_t thread;

	CHECK_OK(pthread_create(&thread, NULL, one_too_many, NULL));
	CHECK_OK(pthread_join(thread, NULL));
	CHECK(syscall(__NR_getppid) > 0);
	_exit(21);
}

static void strict_mode(void)
{
	int ends[2];
	char c;

	CHECK(!pipe(ends));
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
	if (syscall(__NR_write, ends[1], "x", 1) != 1 || syscall(__NR_read, ends[0], &c, 1) != 1)
		syscall(__NR_exit, 1);
	syscall(__NR_exit, 13);
}

static void strict_mode_kills(void)
{
	CHECK(!seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL));
	syscall(__NR_getppid);
}

static siginfo_t seen;
static long rax;
static void *call_address;

static void on_sys(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	CHECK_EQ(sig, SIGSYS);
	seen = *info;
	rax = uc->uc_mcontext.gregs[REG_RAX];
	call_address = (void *)uc->uc_mcontext.gregs[REG_RIP];
	uc->uc_mcontext.gregs[REG_RAX] = 4711 + uc->uc_mcontext.gregs[REG_RDI];
}

static void trap(void)
{
	PROGRAM(program, NR, CALL_GIVES(__NR_getppid, SECCOMP_RET_TRAP | 99), ELSE(SECCOMP_RET_ALLOW));

	on_siginfo(SIGSYS, on_sys, 0);
	install(&program);
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(syscall(__NR_getppid, i), 4711 + i);
		CHECK_EQ(rax, __NR_getppid);
		CHECK_EQ(seen.si_code, SYS_SECCOMP);
		CHECK_EQ(seen.si_errno, 99);
		CHECK_EQ(seen.si_syscall, __NR_getppid);
		CHECK_EQ(seen.si_arch, AUDIT_ARCH_X86_64);
		CHECK(seen.si_call_addr == call_address);
	}
	signal(SIGSYS, SIG_DFL);
	syscall(__NR_getppid);
}

static void refused(void)
{
	PROGRAM(good, NR, ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(no_end, NR, NR);
	PROGRAM(far, BPF_JUMP(BPF_JMP | BPF_JA, 5, 0, 0), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(far_if, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(odd, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(outside, BPF_STMT(BPF_LD | BPF_W | BPF_ABS, sizeof(struct seccomp_data)), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(bytes, BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(division, BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(modulo, BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(unwritten, BPF_STMT(BPF_LD | BPF_MEM, 3), ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(one_way, NR, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3),
		ELSE(SECCOMP_RET_ALLOW));
	PROGRAM(both_ways, NR, BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_ST, 3),
		BPF_STMT(BPF_LD | BPF_MEM, 3), BPF_STMT(BPF_MISC | BPF_TAX, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
		ELSE(SECCOMP_RET_ALLOW));
	struct sock_fprog *bad[] = {&no_end, &far, &far_if, &odd, &outside, &bytes, &division, &modulo, &unwritten, &one_way};
	struct sock_fprog empty = {0, good_code}, long_one = {4097, good_code}, nowhere = {1, (void *)8}, none = {1, NULL};
	unsigned action = SECCOMP_RET_TRAP;

	if (geteuid() == 0 && syscall(__NR_setresuid, 65534, 65534, 65534))
		_exit(0);
	CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &good), EACCES);
	CHECK(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, bad[i]), EINVAL);
	CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &empty), EINVAL);
	CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &long_one), EINVAL);
	CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &nowhere), EFAULT);
	CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &none), EINVAL);
	CHECK_ERRNO(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL), EFAULT);
	CHECK_ERRNO(prctl(PR_SET_SECCOMP, 3, &good), EINVAL);
	CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_FILTER, 1u << 20, &good), EINVAL);
	CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_STRICT, 0, &good), EINVAL);
	CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL), EINVAL);
	CHECK_ERRNO(seccomp(9, 0, NULL), EINVAL);
	CHECK_EQ(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), 0);
	action = 0x1234;
	CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &action), EOPNOTSUPP);
	CHECK_ERRNO(seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL), EFAULT);
	CHECK(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &both_ways));
}

static pthread_barrier_t barrier;

static void *waits(void *arg)
{
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	CHECK_ERRNO(syscall(__NR_getppid), 77);
	return arg;
}

static void *own_filter(void *arg)
{
	PROGRAM(own, NR, ELSE(SECCOMP_RET_ALLOW));

	install(&own);
	*(int *)arg = syscall(__NR_gettid);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void all_threads(void)
{
	PROGRAM(program, NR, CALL_GIVES(__NR_getppid, SECCOMP_RET_ERRNO | 77), ELSE(SECCOMP_RET_ALLOW));
	pthread_t thread;
	int tid;

	CHECK_OK(pthread_barrier_init(&barrier, NULL, 2));
	CHECK_OK(pthread_create(&thread, NULL, own_filter, &tid));
	pthread_barrier_wait(&barrier);
	CHECK_EQ(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program), tid);
	CHECK_ERRNO(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH, &program), ESRCH);
	CHECK(syscall(__NR_getppid) > 0);
	pthread_barrier_wait(&barrier);
	CHECK_OK(pthread_join(thread, NULL));

	CHECK_OK(pthread_create(&thread, NULL, waits, NULL));
	pthread_barrier_wait(&barrier);
	CHECK_EQ(seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program), 0);
	pthread_barrier_wait(&barrier);
	CHECK_OK(pthread_join(thread, NULL));
	CHECK_ERRNO(syscall(__NR_getppid), 77);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		(void)argv;
		CHECK_ERRNO(syscall(__NR_getppid), 77);
		return 0;
	}
	CHECK_EQ(status_of_child(errors_and_order), 0);
	CHECK_EQ(status_of_child(arguments), 0);
	CHECK_EQ(status_of_child(kill_process) & 0x7f, SIGSYS);
	CHECK_EQ(status_of_child(kill_thread_alone) & 0x7f, SIGSYS);
	CHECK_EQ(status_of_child(kill_thread_of_two), 21 << 8);
	CHECK_EQ(status_of_child(strict_mode), 13 << 8);
	CHECK_EQ(status_of_child(strict_mode_kills), SIGKILL);
	CHECK_EQ(status_of_child(trap) & 0x7f, SIGSYS);
	CHECK_EQ(status_of_child(refused), 0);
	CHECK_EQ(status_of_child(all_threads), 0);
	return 0;
}
