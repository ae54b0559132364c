/* The main thread's stack grows to the megabytes that its limit allows, page by page and in one jump. */
#include "check.h"
#include <alloca.h>
#include <sys/resource.h>

static int deep(int level)
{
	volatile char frame[4000];

	frame[0] = (char)level;
	frame[3999] = 1;
	return level == 0 ? 0 : deep(level - 1) + (frame[0] == (char)level);
}

int main(void)
{
	struct rlimit limit;

	CHECK_EQ(getrlimit(RLIMIT_STACK, &limit), 0);
	if (limit.rlim_cur < 8 << 20)
		skip("the stack limit is below 8 MiB");
	CHECK_EQ(deep(1000), 1000);
	volatile char *big = alloca(6 << 20);
	big[0] = 'b';
	big[(6 << 20) - 1] = 'e';
	CHECK_EQ(big[0], 'b');
	return 0;
}
