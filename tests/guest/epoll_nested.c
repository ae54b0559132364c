/* An epoll set inside another is readable as long as it has events. */
#include "check.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void)
{
	int fd = eventfd(0, EFD_NONBLOCK), inner = epoll_create1(0), outer = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN}, out;
	uint64_t value;

	event.data.u32 = 1;
	CHECK_EQ(epoll_ctl(inner, EPOLL_CTL_ADD, fd, &event), 0);
	event.data.u32 = 2;
	CHECK_EQ(epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event), 0);
	CHECK_EQ(epoll_wait(outer, &out, 1, 0), 0);
	CHECK_EQ(write(fd, &(uint64_t){1}, 8), 8);
	CHECK_EQ(epoll_wait(outer, &out, 1, 1000), 1);
	CHECK_EQ(out.data.u32, 2);
	struct pollfd pfd = {.fd = inner, .events = POLLIN};
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(epoll_wait(inner, &out, 1, 0), 1);
	CHECK_EQ(out.data.u32, 1);
	CHECK_EQ(read(fd, &value, 8), 8);
	CHECK_EQ(epoll_wait(outer, &out, 1, 0), 0);
	return 0;
}
