/* Endless recursion ends in SIGSEGV, which a handler on the alternate stack can take and leave by siglongjmp.
 */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;
static char altstack[65536];
static volatile int on_alt;

static void handler(int signo, siginfo_t *info, void *context)
{
	char here;

	on_alt = &here >= altstack && &here < altstack + sizeof altstack;
	siglongjmp(back, 1);
}

static volatile int depth_left = INT_MAX; /* never reached; keeps the compiler from seeing an endless loop */

static int endless(volatile char *above)
{
	volatile char frame[16384];

	frame[0] = above ? above[0] : 0;
	return --depth_left ? endless(frame) + frame[0] : 0;
}

int main(void)
{
	stack_t ss = {.ss_sp = altstack, .ss_size = sizeof altstack};

	CHECK_EQ(sigaltstack(&ss, NULL), 0);
	on_siginfo(SIGSEGV, handler, SA_ONSTACK);
	for (int i = 0; i < 3; i++) {
		if (sigsetjmp(back, 1) == 0)
			endless(NULL);
		CHECK_EQ(on_alt, 1);
	}
	return 0;
}
