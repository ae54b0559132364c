/* POSIX timers of CPU-time clocks go on while the process runs, and stand still while it sleeps. */
#include "check.h"
#include <signal.h>
#include <time.h>

static volatile int rang;

static void on_alarm(int sig)
{
	rang++;
}

static void try(clockid_t clock)
{
	struct itimerspec in = {.it_value = {0, 60000000}}, now;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct timespec begun, t;
	timer_t timer;

	rang = 0;
	CHECK(!timer_create(clock, &ev, &timer));
	CHECK(!timer_settime(timer, 0, &in, NULL));
	CHECK(!timer_gettime(timer, &now) && (now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 60000000));
	for (int i = 0; i < 20; i++)
		usleep(10000);
	CHECK(!rang);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	do
		clock_gettime(CLOCK_MONOTONIC, &t);
	while (!rang && t.tv_sec - begun.tv_sec < 20);
	CHECK_EQ(rang, 1);
	CHECK(!timer_gettime(timer, &now) && !now.it_value.tv_sec && !now.it_value.tv_nsec);
	CHECK(!timer_delete(timer));
}

int main(void)
{
	on_signal(SIGUSR1, on_alarm, 0);
	try(CLOCK_PROCESS_CPUTIME_ID);
	try(CLOCK_THREAD_CPUTIME_ID);
	return 0;
}
