/* Real-time signals queue with their values: lower numbers first, each number in the order of sending. */
#include "check.h"

static int got[16], numbers[16];
static volatile int count;

static void handler(int signo, siginfo_t *info, void *context)
{
	numbers[count] = signo;
	got[count++] = info->si_value.sival_int;
	CHECK_EQ(info->si_code, SI_QUEUE);
	CHECK_EQ(info->si_pid, getpid());
}

int main(void)
{
	sigset_t set;
	struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};

	sigfillset(&action.sa_mask);
	sigemptyset(&set);
	for (int i = 0; i < 3; i++) {
		sigaddset(&set, SIGRTMIN + i);
		CHECK_EQ(sigaction(SIGRTMIN + i, &action, NULL), 0);
	}
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	for (int i = 0; i < 3; i++) {
		for (int signo = SIGRTMIN + 2; signo >= SIGRTMIN; signo--) {
			union sigval value = {.sival_int = 10 * (signo - SIGRTMIN) + i};
			CHECK_EQ(sigqueue(getpid(), signo, value), 0);
		}
	}
	struct timespec none = {0, 0};
	for (int i = 0; i < 9; i++) {
		siginfo_t info;
		CHECK_EQ(sigtimedwait(&set, &info, &none), SIGRTMIN + i / 3);
		CHECK_EQ(info.si_value.sival_int, 10 * (i / 3) + i % 3);
	}
	union sigval value = {.sival_int = 99};
	CHECK_EQ(sigqueue(getpid(), SIGRTMIN, value), 0);
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	CHECK_EQ(count, 1);
	CHECK_EQ(got[0], 99);
	CHECK_EQ(numbers[0], SIGRTMIN);
	return 0;
}
