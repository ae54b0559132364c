/* POSIX timers signal with their value, once or periodically, count overruns, and can be read and deleted. */
#include "check.h"

static volatile int ticks, value;

static void handler(int signo, siginfo_t *info, void *context)
{
	ticks++;
	value = info->si_value.sival_int;
	CHECK_EQ(info->si_code, SI_TIMER);
}

int main(void)
{
	timer_t timer;
	struct sigevent event = {
	    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 77};
	struct itimerspec when = {{0, 5000000}, {0, 5000000}}, left;
	sigset_t set, old;

	on_siginfo(SIGRTMIN + 1, handler, SA_RESTART);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK_EQ(left.it_value.tv_nsec, 0);
	CHECK_EQ(timer_settime(timer, 0, &when, NULL), 0);
	WAIT_FOR(ticks >= 3);
	CHECK_EQ(value, 77);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, &old), 0);
	sleep_ms(60);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK(timer_getoverrun(timer) >= 0);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK_EQ(left.it_interval.tv_nsec, 5000000);
	CHECK_EQ(timer_delete(timer), 0);
	int now = ticks;
	sleep_ms(30);
	CHECK(ticks <= now + 1);
	CHECK_ERRNO(timer_create(99, &event, &timer), EINVAL);
	event.sigev_notify = SIGEV_NONE;
	CHECK_EQ(timer_create(CLOCK_REALTIME, &event, &timer), 0);
	when = (struct itimerspec){{0, 0}, {100, 0}};
	CHECK_EQ(timer_settime(timer, 0, &when, NULL), 0);
	CHECK_EQ(timer_gettime(timer, &left), 0);
	CHECK(left.it_value.tv_sec >= 50 && left.it_value.tv_sec <= 100);
	return 0;
}
