/* atexit functions and destructors run in reverse order, and stdio is flushed after them. */
#include "check.h"

static void first(void)
{
	printf("registered first\n");
}

static void second(void)
{
	printf("registered second\n");
}

__attribute__((destructor)) static void last(void)
{
	printf("destructor\n");
}

__attribute__((constructor)) static void before(void)
{
	printf("constructor\n");
}

int main(void)
{
	CHECK_EQ(atexit(first), 0);
	CHECK_EQ(atexit(second), 0);
	printf("main\n");
	return 5;
}
