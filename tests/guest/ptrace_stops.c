/* ptrace(2): where a traced process stops, what its tracer reads and writes there, and how it goes on. */
#include "check.h"
#include <elf.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/user.h>
#include <sys/wait.h>

/* The C library's <sys/ptrace.h> and the kernel's cannot be had together. */
static long trace(long request, pid_t pid, void *addr, void *data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}
#define GETREGS 12
#define SETREGS 13
#define GETFPREGS 14
#define SETFPREGS 15
#define EVENT(status) ((status) >> 16)

static volatile long memory = 0x1122334455667788;

static int wait_for(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, __WALL), pid);
	return status;
}

static int stopped_by(pid_t pid)
{
	int status = wait_for(pid);

	CHECK(WIFSTOPPED(status));
	return status >> 8;
}

static void go(long request, pid_t pid, long signal)
{
	CHECK_EQ(trace(request, pid, NULL, (void *)signal), 0);
}

static struct user_regs_struct regs_of(pid_t pid)
{
	struct user_regs_struct regs;

	CHECK_EQ(trace(GETREGS, pid, NULL, &regs), 0);
	return regs;
}

/* A child that is traced from its first stop on, and runs f then. */
static pid_t traced(void (*f)(void))
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		CHECK_EQ(trace(PTRACE_TRACEME, 0, NULL, NULL), 0);
		raise(SIGSTOP);
		f();
		_exit(0);
	}
	CHECK_EQ(stopped_by(pid), SIGSTOP);
	return pid;
}

static pid_t seized(void (*f)(void), long options)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		raise(SIGSTOP);
		f();
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &(int){0}, WUNTRACED), pid);
	CHECK_EQ(trace(PTRACE_SEIZE, pid, NULL, (void *)options), 0);
	CHECK_EQ(stopped_by(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
	CHECK(!kill(pid, SIGCONT));
	go(PTRACE_CONT, pid, 0);
	/* SIGCONT, and that the group goes on, are told in an order of their own. */
	for (;;) {
		int code = stopped_by(pid);

		if (code == SIGCONT) {
			go(PTRACE_CONT, pid, 0);
			return pid;
		}
		CHECK_EQ(code, SIGTRAP | PTRACE_EVENT_STOP << 8);
		go(PTRACE_CONT, pid, 0);
	}
}

static int ends(pid_t pid)
{
	int status = wait_for(pid);

	CHECK(!WIFSTOPPED(status));
	return status;
}

/* --- calls --- */

static void many_calls(void)
{
	for (int i = 0; i < 100; i++)
		syscall(SYS_getppid, i, 2, 3, 4, 5, 6);
	syscall(SYS_exit_group, 17);
}

static void calls(void)
{
	pid_t pid = traced(many_calls);
	struct ptrace_syscall_info info;
	struct user_regs_struct regs;
	int seen = 0, status;

	CHECK_EQ(trace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD), 0);
	for (;;) {
		go(PTRACE_SYSCALL, pid, 0);
		status = wait_for(pid);
		if (WIFEXITED(status))
			break;
		CHECK_EQ(status >> 8, SIGTRAP | 0x80);
		regs = regs_of(pid);
		CHECK_EQ(trace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info), 80);
		CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_ENTRY);
		CHECK_EQ(info.entry.nr, regs.orig_rax);
		CHECK_EQ(info.instruction_pointer, regs.rip);
		CHECK_EQ(regs.rax, -ENOSYS);
		if (regs.orig_rax != SYS_getppid)
			continue;
		CHECK_EQ(info.entry.args[0], seen);
		CHECK_EQ(info.entry.args[5], 6);
		/* Another call in its place, none at all, another result: in turn. */
		if (seen % 4 == 1)
			regs.orig_rax = SYS_getpid;
		if (seen % 4 == 2) {
			regs.orig_rax = -1;
			regs.rax = 4711;
		}
		CHECK_EQ(trace(SETREGS, pid, NULL, &regs), 0);
		go(PTRACE_SYSCALL, pid, 0);
		CHECK_EQ(stopped_by(pid), SIGTRAP | 0x80);
		CHECK_EQ(trace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof(info), &info), 33);
		CHECK_EQ(info.op, PTRACE_SYSCALL_INFO_EXIT);
		CHECK_EQ(info.exit.rval, seen % 4 == 1 ? pid : seen % 4 == 2 ? 4711 : getpid());
		CHECK_EQ(regs_of(pid).rax, info.exit.rval);
		seen++;
	}
	CHECK_EQ(seen, 100);
	CHECK_EQ(status, 17 << 8);
}

/* --- memory and registers --- */

#ifdef __clang__
__attribute__((noinline))
#else
__attribute__((noinline, noclone))
#endif
static long plus(long a, long b)
{
	__asm__ volatile("" : "+r"(a));
	return a + b;
}

static void computes(void)
{
	_exit(plus(20, 3) == 23 && memory == 5 ? 0 : (int)plus(memory, 1) & 0xff);
}

static void memory_and_registers(void)
{
	pid_t pid = traced(computes);
	struct user_regs_struct regs = regs_of(pid), set;
	struct user_fpregs_struct fp;
	struct iovec iov = {&set, sizeof(set)};
	long word, text;
	char name[40], buf[8];
	int fd;

	CHECK(regs.rip && regs.rsp && regs.fs_base);
	CHECK_EQ(regs.cs, 0x33);
	CHECK_EQ(trace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &iov), 0);
	CHECK(iov.iov_len == sizeof(set) && !memcmp(&set, &regs, sizeof(regs)));
	CHECK_EQ(trace(PTRACE_PEEKUSR, pid, (void *)offsetof(struct user, regs.rsp), &word), 0);
	CHECK_EQ(word, regs.rsp);
	CHECK_ERRNO(trace(PTRACE_PEEKUSR, pid, (void *)3, &word), EIO);
	CHECK_ERRNO(trace(PTRACE_PEEKUSR, pid, (void *)928, &word), EIO);
	CHECK_EQ(trace(PTRACE_PEEKDATA, pid, (void *)&memory, &word), 0);
	CHECK_EQ(word, 0x1122334455667788);
	CHECK_EQ(trace(PTRACE_POKEDATA, pid, (void *)&memory, (void *)5), 0);
	CHECK_ERRNO(trace(PTRACE_PEEKDATA, pid, (void *)8, &word), EIO);
	CHECK_ERRNO(trace(PTRACE_POKEDATA, pid, (void *)8, NULL), EIO);
	CHECK_EQ(trace(GETFPREGS, pid, NULL, &fp), 0);
	CHECK_EQ(fp.mxcsr, 0x1f80);
	memset(&fp.xmm_space, 0x5a, 16);
	CHECK_EQ(trace(SETFPREGS, pid, NULL, &fp), 0);
	memset(&fp.xmm_space, 0, 16);
	CHECK_EQ(trace(GETFPREGS, pid, NULL, &fp), 0);
	CHECK_EQ(fp.xmm_space[0], 0x5a5a5a5a);
	snprintf(name, sizeof(name), "/proc/%d/mem", (int)pid);
	fd = open(name, O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(pread(fd, buf, 8, (off_t)&memory), 8);
	CHECK_EQ(buf[0], 5);

	/* A breakpoint: text that may not be written is, in a copy of its own. */
	CHECK_EQ(trace(PTRACE_PEEKTEXT, pid, (void *)plus, &text), 0);
	CHECK_EQ(text, *(long *)plus);
	CHECK_EQ(trace(PTRACE_POKETEXT, pid, (void *)plus, (void *)((text & ~0xffl) | 0xcc)), 0);
	CHECK_EQ(*(long *)plus, text);
	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(stopped_by(pid), SIGTRAP);
	regs = regs_of(pid);
	CHECK_EQ(regs.rip, (long)plus + 1);
	CHECK_EQ(regs.rdi, 20);
	CHECK_EQ(pwrite(fd, &text, 8, (off_t)plus), 8);
	close(fd);
	regs.rip--;
	regs.rdi = 20;
	CHECK_EQ(trace(SETREGS, pid, NULL, &regs), 0);

	/* Step by step to where it came from. */
	CHECK_EQ(trace(PTRACE_PEEKDATA, pid, (void *)regs.rsp, &word), 0);
	for (int i = 0; (long)regs.rip != word; i++) {
		CHECK(i < 20);
		go(PTRACE_SINGLESTEP, pid, 0);
		CHECK_EQ(stopped_by(pid), SIGTRAP);
		regs = regs_of(pid);
		CHECK(!(regs.eflags & 0x100));
	}
	CHECK_EQ(regs.rax, 23);
	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(ends(pid), 0);
}

static void writes_twice(void)
{
	memory = 1;
	memory = 1;
	memory = 2;
	_exit(memory);
}

static void watched_memory(void)
{
	pid_t pid = traced(writes_twice);
	siginfo_t info;
	long word;

	if (trace(PTRACE_POKEUSR, pid, (void *)offsetof(struct user, u_debugreg[0]), (void *)&memory) ||
	    trace(PTRACE_POKEUSR, pid, (void *)offsetof(struct user, u_debugreg[7]), (void *)0x90001)) {
		kill(pid, SIGKILL);
		ends(pid);
		return; /* this machine has none */
	}
	CHECK_ERRNO(trace(PTRACE_POKEUSR, pid, (void *)offsetof(struct user, u_debugreg[7]), (void *)0x20001), EINVAL);
	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(stopped_by(pid), SIGTRAP);
	CHECK_EQ(trace(PTRACE_GETSIGINFO, pid, NULL, &info), 0);
	CHECK_EQ(info.si_code, 4 /* TRAP_HWBKPT */);
	CHECK_EQ(trace(PTRACE_PEEKUSR, pid, (void *)offsetof(struct user, u_debugreg[6]), &word), 0);
	CHECK_EQ(word & 15, 1);
	CHECK_EQ(trace(PTRACE_PEEKDATA, pid, (void *)&memory, &word), 0);
	CHECK_EQ((int)word, 1);
	CHECK_EQ(trace(PTRACE_POKEUSR, pid, (void *)offsetof(struct user, u_debugreg[7]), NULL), 0);
	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(ends(pid), 2 << 8);
}

/* --- signals --- */

static volatile int handled;

static void handler(int sig)
{
	handled = sig;
}

static void gets_signals(void)
{
	on_signal(SIGUSR2, handler, 0);
	raise(SIGUSR1);	/* its tracer swallows it */
	raise(SIGWINCH); /* ignored, and told all the same; its tracer puts SIGUSR2 in its place */
	_exit(handled);
}

static void signals(void)
{
	pid_t pid = traced(gets_signals);
	siginfo_t info;
	uint64_t mask;

	CHECK_ERRNO(trace(PTRACE_CONT, pid, NULL, (void *)1000), EIO);
	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(stopped_by(pid), SIGUSR1);
	CHECK_EQ(trace(PTRACE_GETSIGINFO, pid, NULL, &info), 0);
	CHECK(info.si_signo == SIGUSR1 && info.si_pid == pid);
	CHECK_EQ(trace(PTRACE_GETSIGMASK, pid, (void *)8, &mask), 0);
	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(stopped_by(pid), SIGWINCH);
	go(PTRACE_CONT, pid, SIGUSR2);
	CHECK_EQ(ends(pid), SIGUSR2 << 8);
	CHECK_ERRNO(trace(PTRACE_CONT, pid, NULL, NULL), ESRCH);

	pid = traced(gets_signals);
	go(PTRACE_CONT, pid, SIGTERM);
	CHECK_EQ(ends(pid), SIGTERM);
	pid = traced(gets_signals);
	CHECK(!kill(pid, SIGKILL));
	CHECK_EQ(ends(pid), SIGKILL);

	/* A stop that its tracer lets through stops the whole group, which is told once more. */
	pid = traced(gets_signals);
	go(PTRACE_CONT, pid, SIGSTOP);
	CHECK_EQ(stopped_by(pid), SIGSTOP);
	CHECK_ERRNO(trace(PTRACE_GETSIGINFO, pid, NULL, &info), EINVAL);
	CHECK(!kill(pid, SIGKILL));
	CHECK_EQ(ends(pid), SIGKILL);
}

/* --- attaching --- */

static void sleeps(void)
{
	struct timespec long_time = {60, 0};

	while (nanosleep(&long_time, &long_time))
		;
}

static int tracer_of(pid_t pid, char *state)
{
	char name[40], text[4096] = "";
	int fd;

	snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
	fd = open(name, O_RDONLY);
	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	*state = strstr(text, "State:\t")[7];
	return atoi(strstr(text, "TracerPid:\t") + 11);
}

static void attaching(void)
{
	pid_t pid = fork();
	siginfo_t info;
	char state;

	if (!pid)
		sleeps();
	WAIT_FOR(asleep(pid));
	CHECK_EQ(tracer_of(pid, &state), 0);
	CHECK_ERRNO(trace(PTRACE_CONT, pid, NULL, NULL), ESRCH);
	CHECK_ERRNO(trace(PTRACE_ATTACH, getpid(), NULL, NULL), EPERM);
	CHECK_EQ(trace(PTRACE_ATTACH, pid, NULL, NULL), 0);
	CHECK_ERRNO(trace(PTRACE_ATTACH, pid, NULL, NULL), EPERM);
	CHECK_EQ(stopped_by(pid), SIGSTOP);
	CHECK_EQ(tracer_of(pid, &state), getpid());
	CHECK_EQ(state, 't');
	CHECK_ERRNO(trace(PTRACE_INTERRUPT, pid, NULL, NULL), EIO);
	go(PTRACE_DETACH, pid, 0);
	WAIT_FOR(asleep(pid));
	CHECK_EQ(tracer_of(pid, &state), 0);

	/* The newer way sends no signal. */
	CHECK_ERRNO(trace(PTRACE_SEIZE, pid, NULL, (void *)(1l << 40)), EIO);
	CHECK_EQ(trace(PTRACE_SEIZE, pid, NULL, NULL), 0);
	CHECK_EQ(waitpid(pid, &(int){0}, WNOHANG), 0);
	CHECK_EQ(trace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
	CHECK_EQ(stopped_by(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	go(PTRACE_CONT, pid, 0);
	/* A group stop, listened to: requests find it running, SIGCONT is told. */
	CHECK(!kill(pid, SIGSTOP));
	CHECK_EQ(stopped_by(pid), SIGSTOP);
	go(PTRACE_CONT, pid, SIGSTOP);
	CHECK_EQ(stopped_by(pid), SIGSTOP | PTRACE_EVENT_STOP << 8);
	CHECK_EQ(trace(PTRACE_LISTEN, pid, NULL, NULL), 0);
	CHECK_ERRNO(trace(PTRACE_CONT, pid, NULL, NULL), ESRCH);
	CHECK(!kill(pid, SIGCONT));
	CHECK_EQ(stopped_by(pid), SIGTRAP | PTRACE_EVENT_STOP << 8);
	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(stopped_by(pid), SIGCONT);
	CHECK(!waitid(P_PID, pid, &info, WEXITED | WSTOPPED | WNOHANG));
	go(PTRACE_DETACH, pid, 0);
	CHECK(!kill(pid, SIGKILL));
	CHECK_EQ(ends(pid), SIGKILL);
}

/* A tracer that is not the parent, and ends: what it traced goes on, or ends with PTRACE_O_EXITKILL. */
static void tracer_ends(long options)
{
	pid_t pid = fork(), tracer;
	int status;
	char state;

	if (!pid)
		sleeps();
	WAIT_FOR(asleep(pid));
	tracer = fork();
	if (!tracer) {
		CHECK_EQ(trace(PTRACE_SEIZE, pid, NULL, (void *)options), 0);
		CHECK_EQ(trace(PTRACE_INTERRUPT, pid, NULL, NULL), 0);
		stopped_by(pid);
		_exit(0);
	}
	CHECK_EQ(ends(tracer), 0);
	if (!options) {
		WAIT_FOR(asleep(pid));
		CHECK_EQ(tracer_of(pid, &state), 0);
		CHECK(!kill(pid, SIGTERM));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, options ? SIGKILL : SIGTERM);

	/* The end of a tracee is its tracer's to see, and then its parent's. */
	pid = fork();
	if (!pid) {
		sleep_ms(200);
		_exit(9);
	}
	tracer = fork();
	if (!tracer) {
		CHECK_EQ(trace(PTRACE_SEIZE, pid, NULL, NULL), 0);
		CHECK_EQ(ends(pid), 9 << 8);
		_exit(3);
	}
	CHECK_EQ(ends(tracer), 3 << 8);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 9 << 8);
}

/* --- events --- */

static int vforked(void *arg)
{
	(void)arg;
	syscall(SYS_exit_group, 5);
	return 0;
}

static void *thread(void *arg)
{
	return arg;
}

static char stack[64 << 10];

static void makes_children(void)
{
	pthread_t t;
	int status;
	pid_t pid = fork();

	if (!pid)
		_exit(4);
	waitpid(pid, &status, 0);
	if (status != 4 << 8)
		_exit(1);
	pid = clone(vforked, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	waitpid(pid, &status, 0);
	if (status != 5 << 8)
		_exit(2);
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	execl("/proc/self/exe", "ptrace_stops", "executed", NULL);
	_exit(3);
}

static void events(void)
{
	long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC |
		       PTRACE_O_TRACEEXIT;
	pid_t pid = seized(makes_children, options), who, made = 0;
	int count[16] = {0}, ended = 0, status;
	unsigned long message;

	while ((who = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status)) {
			CHECK_EQ(status, who == pid ? 33 << 8 : WEXITSTATUS(status) << 8);
			ended++;
			continue;
		}
		if (EVENT(status) && EVENT(status) < 16) {
			count[EVENT(status)]++;
			CHECK_EQ(WSTOPSIG(status), SIGTRAP);
			CHECK_EQ(trace(PTRACE_GETEVENTMSG, who, NULL, &message), 0);
			if (EVENT(status) <= PTRACE_EVENT_CLONE)
				made = message;
			if (EVENT(status) == PTRACE_EVENT_VFORK_DONE)
				CHECK_EQ(message, made);
			if (EVENT(status) == PTRACE_EVENT_EXEC)
				CHECK_EQ(message, pid);
			go(PTRACE_CONT, who, 0);
		} else if (EVENT(status) == PTRACE_EVENT_STOP) {
			count[0]++;
			go(PTRACE_CONT, who, 0);
		} else {
			CHECK_EQ(WSTOPSIG(status), SIGCHLD);
			go(PTRACE_CONT, who, SIGCHLD);
		}
	}
	CHECK_EQ(errno, ECHILD);
	CHECK_EQ(count[PTRACE_EVENT_FORK], 1);
	CHECK_EQ(count[PTRACE_EVENT_VFORK], 1);
	CHECK_EQ(count[PTRACE_EVENT_VFORK_DONE], 1);
	CHECK_EQ(count[PTRACE_EVENT_CLONE], 1);
	CHECK_EQ(count[PTRACE_EVENT_EXEC], 1);
	CHECK_EQ(count[PTRACE_EVENT_EXIT], 4);
	CHECK_EQ(count[0], 3); /* each of the three begins with a stop */
	CHECK_EQ(ended, 4);
}

static void executes(void)
{
	execl("/proc/self/exe", "ptrace_stops", "executed", NULL);
}

static void exec_traps(void)
{
	pid_t pid = traced(executes);

	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(stopped_by(pid), SIGTRAP);
	go(PTRACE_CONT, pid, 0);
	CHECK_EQ(ends(pid), 33 << 8);
	/* As debuggers begin. */
	pid = vfork();
	if (!pid) {
		trace(PTRACE_TRACEME, 0, NULL, NULL);
		execl("/proc/self/exe", "ptrace_stops", "executed", NULL);
		_exit(1);
	}
	CHECK_EQ(stopped_by(pid), SIGTRAP);
	go(PTRACE_KILL, pid, 0);
	CHECK_EQ(ends(pid), SIGKILL);
}

static void filters(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE | 42),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {4, code};

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
	long first = syscall(SYS_getppid), second = syscall(SYS_getppid);

	_exit(first == 77 && second == syscall(SYS_getpid) ? 0 : 1);
}

static void seccomp_events(void)
{
	pid_t pid = seized(filters, PTRACE_O_TRACESECCOMP);
	struct user_regs_struct regs;
	unsigned long message;

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(stopped_by(pid), SIGTRAP | PTRACE_EVENT_SECCOMP << 8);
		CHECK_EQ(trace(PTRACE_GETEVENTMSG, pid, NULL, &message), 0);
		CHECK_EQ(message, 42);
		regs = regs_of(pid);
		CHECK_EQ(regs.orig_rax, SYS_getppid);
		regs.orig_rax = i ? SYS_getpid : -1;
		regs.rax = 77;
		CHECK_EQ(trace(SETREGS, pid, NULL, &regs), 0);
		go(PTRACE_CONT, pid, 0);
	}
	CHECK_EQ(ends(pid), 0);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 33;
	CHECK_ERRNO(trace(PTRACE_ATTACH, 4000000, NULL, NULL), ESRCH);
	calls();
	memory_and_registers();
	watched_memory();
	signals();
	attaching();
	tracer_ends(0);
	tracer_ends(PTRACE_O_EXITKILL);
	exec_traps();
	events();
	seccomp_events();
	return 0;
}
