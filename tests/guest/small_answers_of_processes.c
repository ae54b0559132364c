/* Errnos and effects of calls about processes and threads that few make: what LTP found to differ. */
#include "check.h"
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/wait.h>

#define DEADLINE 6

struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static void pidfds_that_do_not_block(void)
{
	siginfo_t info;
	int gate[2], fd;
	char byte;
	pid_t pid;

	CHECK(!pipe(gate));
	if (!(pid = fork()))
		_exit(read(gate[0], &byte, 1) == 1 ? 0 : 1);
	CHECK((fd = syscall(SYS_pidfd_open, pid, O_NONBLOCK)) >= 0);
	CHECK_ERRNO(waitid(P_PIDFD, fd, &info, WEXITED), EAGAIN);
	CHECK(!waitid(P_PIDFD, fd, &info, WEXITED | WNOHANG));
	CHECK_EQ(write(gate[1], "x", 1), 1);
	CHECK(!waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	CHECK(!waitid(P_PIDFD, fd, &info, WEXITED));
	CHECK_EQ(info.si_pid, pid);
}

static void ended_processes(void)
{
	struct sched_param p = {0};
	siginfo_t info;
	pid_t pid = fork();

	if (!pid) {
		sched_setscheduler(0, SCHED_BATCH, &p);
		_exit(0);
	}
	CHECK(!waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
	CHECK_EQ(sched_getscheduler(pid), SCHED_BATCH);
	CHECK(!sched_getparam(pid, &p));
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_ERRNO(sched_getscheduler(pid), ESRCH);
}

static void time_left(void)
{
	struct timeval tv = {0, 20};

	CHECK(personality(STICKY_TIMEOUTS) >= 0);
	CHECK_EQ(select(0, NULL, NULL, NULL, &tv), 0);
	CHECK(personality(0) >= 0);
	CHECK_EQ(tv.tv_usec, 20);
	CHECK_EQ(select(0, NULL, NULL, NULL, &tv), 0);
	CHECK_EQ(tv.tv_usec, 0);
}

static unsigned long slack_file(void)
{
	unsigned long v = 0;
	FILE *f = fopen("/proc/self/timerslack_ns", "r");

	CHECK(f && fscanf(f, "%lu", &v) == 1);
	fclose(f);
	return v;
}

static void timer_slack(void)
{
	unsigned long first = prctl(PR_GET_TIMERSLACK);
	int status;

	CHECK_EQ(slack_file(), first);
	CHECK(!prctl(PR_SET_TIMERSLACK, 70000));
	CHECK_EQ(slack_file(), 70000);
	if (!fork()) {
		CHECK(!prctl(PR_SET_TIMERSLACK, 1));
		CHECK(!prctl(PR_SET_TIMERSLACK, 0));	/* what it began with: its maker's */
		_exit(prctl(PR_GET_TIMERSLACK) == 70000 ? 17 : 1);
	}
	CHECK(wait(&status) > 0 && WEXITSTATUS(status) == 17);
	CHECK(!prctl(PR_SET_TIMERSLACK, 0));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), first);
}

static void wakes_of_no_memory(void)
{
	uint32_t *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK_ERRNO(syscall(SYS_futex, p, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	CHECK_EQ(syscall(SYS_futex, p, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 0), 0);
	CHECK(!munmap(p, 4096));
	CHECK_ERRNO(syscall(SYS_futex, p, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
}

static volatile int stop;

static void *spin(void *arg)
{
	while (!stop)
		;
	return arg;
}

static void barriers(void)
{
	long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
	pthread_t t;
	pid_t pid;

	if (known < 0 || !(known & MEMBARRIER_CMD_GLOBAL))
		return;	/* natively: nohz_full */
	if (!(pid = fork()))
		for (;;)
			;
	CHECK_OK(pthread_create(&t, NULL, spin, NULL));
	CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0));
	CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0));
	CHECK(!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0));
	stop = 1;
	CHECK_OK(pthread_join(t, NULL));
	CHECK(!kill(pid, SIGKILL));
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
}

static void reservations(void)
{
	struct attr a = {.size = 48, .policy = DEADLINE, .runtime = 100000, .deadline = 30000000, .period = 30000000}, b = {0};

	if (geteuid()) {
		CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), EPERM);
		return;
	}
	a.runtime = 100;
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a.runtime = 100000000;
	CHECK_ERRNO(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a.runtime = 10000000;
	if (syscall(SYS_sched_setattr, 0, &a, 0)) {
		CHECK(errno == EBUSY || errno == EPERM);	/* natively: others have the time */
		return;
	}
	CHECK(!syscall(SYS_sched_getattr, 0, &b, 48, 0));
	CHECK_EQ(b.policy, DEADLINE);
	CHECK_EQ(b.runtime, 10000000);
	CHECK_EQ(b.period, 30000000);
	CHECK_ERRNO(fork(), EAGAIN);
	a = (struct attr){.size = 48, .policy = SCHED_OTHER};
	CHECK(!syscall(SYS_sched_setattr, 0, &a, 0));
}

int main(void)
{
	pidfds_that_do_not_block();
	ended_processes();
	time_left();
	timer_slack();
	wakes_of_no_memory();
	barriers();
	reservations();
	return 0;
}
