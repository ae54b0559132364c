/* A thread that runs over its stack meets the guard page, not its neighbour. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;
static volatile int caught;

static void handler(int signo)
{
	caught = 1;
	siglongjmp(back, 1);
}

static volatile int depth_left = INT_MAX; /* never reached; keeps the compiler from seeing an endless loop */

static int endless(volatile char *above)
{
	volatile char frame[2048];

	frame[0] = above ? above[0] : 0;
	return --depth_left ? endless(frame) + frame[0] : 0;
}

static void *thread(void *unused)
{
	stack_t ss = {.ss_sp = malloc(65536), .ss_size = 65536};

	if (sigaltstack(&ss, NULL) == 0 && sigsetjmp(back, 1) == 0)
		endless(NULL);
	return NULL;
}

int main(void)
{
	pthread_t t;
	pthread_attr_t attr;

	on_signal(SIGSEGV, handler, SA_ONSTACK);
	CHECK_OK(pthread_attr_init(&attr));
	CHECK_OK(pthread_attr_setstacksize(&attr, 128 << 10));
	CHECK_OK(pthread_create(&t, &attr, thread, NULL));
	CHECK_OK(pthread_join(t, NULL));
	CHECK_EQ(caught, 1);
	return 0;
}
