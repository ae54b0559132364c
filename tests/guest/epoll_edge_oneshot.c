/* EPOLLONESHOT disarms after one event until EPOLL_CTL_MOD arms it again. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void)
{
	int fd = eventfd(1, EFD_NONBLOCK), ep = epoll_create1(0);
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.fd = fd}, out;

	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 1);
	CHECK_EQ(out.data.fd, fd);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
	CHECK_EQ(write(fd, &(uint64_t){1}, 8), 8);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event), 0);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 1);
	event.events = EPOLLIN | EPOLLET | EPOLLONESHOT;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event), 0);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 1);
	CHECK_EQ(write(fd, &(uint64_t){1}, 8), 8);
	CHECK_EQ(epoll_wait(ep, &out, 1, 0), 0);
	return 0;
}
