/* A member leaves an epoll set when its last descriptor is closed, not before. */
#include "check.h"
#include <sys/epoll.h>

int main(void)
{
	int ends[2], ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN}, out;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	int copy = dup(ends[0]);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event), 0);
	CHECK_EQ(close(ends[0]), 0);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 1); /* the copy keeps it */
	CHECK_EQ(close(copy), 0);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
	CHECK_EQ(pipe(ends), 0); /* the same numbers can be added again */
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event), 0);
	return 0;
}
