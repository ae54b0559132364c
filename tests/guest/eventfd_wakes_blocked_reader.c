/* A reader that blocks on an eventfd is woken by another thread's write, and poll sees it. */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

static int there, back_again;

static void *echo(void *unused)
{
	uint64_t value;

	for (int i = 0; i < 500; i++) {
		CHECK_EQ(read(there, &value, 8), 8);
		CHECK_EQ(write(back_again, &value, 8), 8);
	}
	return NULL;
}

int main(void)
{
	pthread_t t;

	there = eventfd(0, 0);
	back_again = eventfd(0, 0);
	CHECK_OK(pthread_create(&t, NULL, echo, NULL));
	for (uint64_t i = 1; i <= 500; i++) {
		uint64_t value = 0;
		struct pollfd pfd = {.fd = back_again, .events = POLLIN};

		CHECK_EQ(write(there, &i, 8), 8);
		CHECK_EQ(poll(&pfd, 1, 10000), 1);
		CHECK_EQ(read(back_again, &value, 8), 8);
		CHECK_EQ(value, i);
	}
	CHECK_OK(pthread_join(t, NULL));
	return 0;
}
