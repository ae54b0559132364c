/* A thread in epoll_wait wakes for data, and for a member that is added while it waits. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ep;
static volatile int woken;

static void *waiter(void *unused)
{
	struct epoll_event out;

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(epoll_wait(ep, &out, 1, 10000), 1);
		uint64_t value;
		CHECK_EQ(read(out.data.fd, &value, 8), 8);
		woken++;
	}
	return NULL;
}

int main(void)
{
	pthread_t t;
	int first = eventfd(0, 0), second = eventfd(1, 0);
	struct epoll_event event = {.events = EPOLLIN, .data.fd = first};

	ep = epoll_create1(0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, first, &event), 0);
	CHECK_OK(pthread_create(&t, NULL, waiter, NULL));
	sleep_ms(20);
	CHECK_EQ(write(first, &(uint64_t){1}, 8), 8);
	WAIT_FOR(woken == 1);
	sleep_ms(20);
	event.data.fd = second;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, second, &event), 0);
	CHECK_OK(pthread_join(t, NULL));
	return 0;
}
