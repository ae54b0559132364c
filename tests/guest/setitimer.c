/* Interval timers: the real one ticks and reads back; the virtual one counts processor time and sends
 * SIGVTALRM. */
#include "check.h"
#include <sys/time.h>

static volatile int alarms, virtual;

static void on_alarm(int signo)
{
	alarms++;
}

static void on_virtual(int signo)
{
	virtual ++;
}

int main(void)
{
	struct itimerval every = {{0, 5000}, {0, 5000}}, off = {{0, 0}, {0, 0}}, now;

	on_signal(SIGALRM, on_alarm, SA_RESTART);
	on_signal(SIGVTALRM, on_virtual, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_REAL, &every, NULL), 0);
	WAIT_FOR(alarms >= 3);
	CHECK_EQ(getitimer(ITIMER_REAL, &now), 0);
	CHECK_EQ(now.it_interval.tv_usec, 5000);
	CHECK_EQ(setitimer(ITIMER_REAL, &off, &now), 0);
	CHECK_EQ(now.it_interval.tv_usec, 5000);
	CHECK_EQ(setitimer(ITIMER_VIRTUAL, &every, NULL), 0);
	for (volatile uint64_t spin = 0; virtual < 2; spin++)
		;
	CHECK_EQ(setitimer(ITIMER_VIRTUAL, &off, NULL), 0);
	every.it_value.tv_usec = 1000000;
	CHECK_ERRNO(setitimer(ITIMER_REAL, &every, NULL), EINVAL);
	CHECK_ERRNO(setitimer(9, &off, NULL), EINVAL);
	return 0;
}
