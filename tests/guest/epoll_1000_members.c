/* A thousand members; just the ready ones are told, all of them, fairly in small portions. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

enum { COUNT = 900 };

int main(void)
{
	static int fds[COUNT];
	static char seen[COUNT];
	int ep = epoll_create1(0), told = 0;
	struct epoll_event out[16];

	for (int i = 0; i < COUNT; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
		fds[i] = eventfd(i % 3 == 0, EFD_NONBLOCK);
		CHECK(fds[i] >= 0);
		CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &event), 0);
	}
	while (told < COUNT / 3) {
		int n = epoll_wait(ep, out, 16, 0);
		CHECK(n > 0);
		for (int i = 0; i < n; i++) {
			CHECK_EQ(out[i].data.u32 % 3, 0);
			told += !seen[out[i].data.u32];
			seen[out[i].data.u32] = 1;
		}
	}
	CHECK_EQ(told, COUNT / 3);
	return 0;
}
