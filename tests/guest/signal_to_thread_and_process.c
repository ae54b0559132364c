/* tgkill reaches just its thread; a signal to the process goes to a thread that has it unblocked. */
#include "check.h"

static volatile pid_t handled_by;
static volatile pid_t worker_tid;
static volatile int stop;

static void handler(int signo)
{
	handled_by = gettid();
}

static void *worker(void *unused)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	worker_tid = gettid();
	while (!stop)
		sleep_ms(1);
	return NULL;
}

int main(void)
{
	pthread_t thread;
	sigset_t set;

	on_signal(SIGUSR1, handler, SA_RESTART);
	on_signal(SIGUSR2, handler, SA_RESTART);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_OK(pthread_create(&thread, NULL, worker, NULL));
	WAIT_FOR(worker_tid);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), worker_tid, SIGUSR1), 0);
	WAIT_FOR(handled_by);
	CHECK_EQ(handled_by, worker_tid);
	handled_by = 0;
	CHECK_EQ(kill(getpid(), SIGUSR2), 0); /* blocked here, open there */
	WAIT_FOR(handled_by);
	CHECK_EQ(handled_by, worker_tid);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid() + 1, worker_tid, SIGUSR1), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), worker_tid, 65), EINVAL);
	CHECK_EQ(syscall(SYS_tgkill, getpid(), worker_tid, 0), 0);
	stop = 1;
	CHECK_OK(pthread_join(thread, NULL));
	CHECK_ERRNO(kill(0x3fffffff, 0), ESRCH);
	return 0;
}
