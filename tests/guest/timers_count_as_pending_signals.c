/* timer_create(2): each timer counts towards RLIMIT_SIGPENDING from its making on; EAGAIN beyond it. */
#include "check.h"

#include <sys/resource.h>

int main(void)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	struct itimerspec soon = {{0, 0}, {0, 1000000}};
	struct rlimit limit;
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long others = 0; /* natively, other processes of the user have some too */
	timer_t timer[64], more;
	sigset_t set;
	int count = 0;

	/* A user's processes are counted together: be one that nobody else is, where that is allowed. */
	if (getuid() == 0)
		CHECK(setuid(60000 + getpid() % 5000) == 0);
	while (fgets(line, sizeof(line), status))
		sscanf(line, "SigQ: %ld", &others);
	fclose(status);
	limit.rlim_cur = limit.rlim_max = others + 64;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
	while (count < 64 && timer_create(CLOCK_MONOTONIC, &event, &timer[count]) == 0)
		count++;
	if (count < 64)
		CHECK_EQ(errno, EAGAIN); /* natively the user's other processes count too */
	CHECK(count > 8);
	CHECK_ERRNO(timer_create(CLOCK_MONOTONIC, &event, &more), EAGAIN);

	/* Their own signals have their places, all at once; nobody else's has. */
	for (int i = 0; i < count; i++)
		CHECK(timer_settime(timer[i], 0, &soon, NULL) == 0);
	sleep_ms(50);
	CHECK_ERRNO(sigqueue(getpid(), SIGRTMIN, (union sigval){0}), EAGAIN);
	for (int i = 0; i < count; i++) {
		siginfo_t info;

		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
		CHECK_EQ(info.si_code, SI_TIMER);
	}

	/* A place is free again when a timer goes. */
	CHECK(timer_delete(timer[count - 1]) == 0);
	WAIT_FOR(sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0); /* natively, unless another has it first */
	puts("ok");
	return 0;
}
