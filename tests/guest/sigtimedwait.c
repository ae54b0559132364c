/* sigtimedwait takes a pending signal with its siginfo, waits for one, and gives EAGAIN after its time. */
#include "check.h"

static pthread_t waiter;

static void *sender(void *unused)
{
	sleep_ms(30);
	pthread_kill(waiter, SIGUSR2);
	return NULL;
}

int main(void)
{
	sigset_t set;
	siginfo_t info;
	pthread_t thread;
	struct timespec brief = {0, 20000000}, longer = {10, 0}, bad = {0, 2000000000};

	waiter = pthread_self();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	int64_t begin = now_ms();
	CHECK_ERRNO(sigtimedwait(&set, &info, &brief), EAGAIN);
	CHECK(now_ms() - begin >= 19);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	CHECK_EQ(info.si_signo, SIGUSR1);
	CHECK_EQ(info.si_code, SI_USER);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(info.si_uid, getuid());
	CHECK_OK(pthread_create(&thread, NULL, sender, NULL));
	/* raw: glibc shows SI_TKILL as SI_USER */
	CHECK_EQ(syscall(SYS_rt_sigtimedwait, &set, &info, &longer, 8), SIGUSR2);
	CHECK_EQ(info.si_code, SI_TKILL);
	CHECK_OK(pthread_join(thread, NULL));
	CHECK_ERRNO(sigtimedwait(&set, &info, &bad), EINVAL);
	return 0;
}
