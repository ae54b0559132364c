/* alarm sends SIGALRM after its seconds, replaces an earlier one and tells what that had left. */
#include "check.h"

static volatile int alarms;

static void handler(int signo)
{
	alarms++;
}

int main(void)
{
	on_signal(SIGALRM, handler, 0);
	CHECK_EQ(alarm(100), 0);
	unsigned left = alarm(1);
	CHECK(left >= 90 && left <= 100);
	int64_t begin = now_ms();
	CHECK_ERRNO(pause(), EINTR);
	CHECK_EQ(alarms, 1);
	CHECK(now_ms() - begin >= 900);
	CHECK_EQ(alarm(0), 0);
	return 0;
}
