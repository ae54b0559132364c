/* Level-triggered epoll tells as long as there is data; edge-triggered tells once an arrival. */
#include "check.h"
#include <sys/epoll.h>

int main(void)
{
	int ends[2], ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x123456789abcdef0}, out[4];
	char byte;

	CHECK(ep >= 0);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event), 0);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 0);
	CHECK_EQ(write(ends[1], "ab", 2), 2);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
		CHECK_EQ(out[0].events, EPOLLIN);
		CHECK_EQ(out[0].data.u64, 0x123456789abcdef0);
	}
	event.events = EPOLLIN | EPOLLET;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, ends[0], &event), 0);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 0);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 0); /* a read is no new edge */
	CHECK_EQ(write(ends[1], "c", 1), 1);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	CHECK_EQ(close(ends[1]), 0);
	CHECK_EQ(epoll_wait(ep, out, 4, 0), 1);
	CHECK_EQ(out[0].events, EPOLLIN | EPOLLHUP);
	return 0;
}
