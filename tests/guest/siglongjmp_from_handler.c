/* Leaving a handler by siglongjmp puts the mask back, a thousand times over. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;
static volatile int count;

static void handler(int signo)
{
	count++;
	siglongjmp(back, 1);
}

int main(void)
{
	sigset_t now;

	on_signal(SIGSEGV, handler, 0);
	on_signal(SIGALRM, handler, 0);
	for (volatile int i = 0; i < 1000; i++) {
		if (sigsetjmp(back, 1) == 0)
			*(volatile int *)8 = 1;
	}
	CHECK_EQ(count, 1000);
	if (sigsetjmp(back, 1) == 0) {
		alarm(1);
		raise(SIGALRM);
		CHECK(!"came back from the handler");
	}
	alarm(0);
	CHECK_EQ(count, 1001);
	CHECK_EQ(sigprocmask(SIG_BLOCK, NULL, &now), 0);
	CHECK_EQ(sigismember(&now, SIGALRM), 0);
	CHECK_EQ(sigismember(&now, SIGSEGV), 0);
	return 0;
}
