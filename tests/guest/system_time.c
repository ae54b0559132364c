/* times(2) and getrusage(2) tell a process's own time and that of its calls apart; neither becomes less, and a parent has both. */
#include "check.h"
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/wait.h>

static struct tms before;

static void calls(int ms)
{
	struct tms now;

	for (int64_t end = now_ms() + ms; now_ms() < end;)
		for (int i = 0; i < 200; i++) {
			CHECK(times(&now) != -1);
			CHECK(now.tms_utime >= before.tms_utime && now.tms_stime >= before.tms_stime);
			before = now;
		}
}

static void own(int ms)
{
	for (int64_t end = now_ms() + ms; now_ms() < end;)
		for (volatile int i = 0; i < 100000; i++)
			;
}

int main(void)
{
	struct rusage u;
	struct tms t;

	if (!fork()) {
		CHECK(times(&t) != -1);
		/* Others may have the processor: until there is some of both. */
		for (int64_t end = now_ms() + 20000; now_ms() < end; own(300), calls(300))
			if (before.tms_utime > 5 && before.tms_stime > 5)
				break;
		CHECK(before.tms_utime > 5);
		CHECK(before.tms_stime > 5);
		CHECK(!getrusage(RUSAGE_SELF, &u));
		CHECK(u.ru_stime.tv_sec || u.ru_stime.tv_usec);
		_exit(17);
	}
	int status;

	CHECK(wait(&status) > 0 && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 17);
	CHECK(times(&t) != -1);
	CHECK(t.tms_cutime > 5 && t.tms_cstime > 5);
	return 0;
}
