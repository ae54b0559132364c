/* epoll_ctl's errors: EEXIST, ENOENT, EBADF, EPERM for regular files, EINVAL for itself; ELOOP for a ring. */
#include "check.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void)
{
	int fd = eventfd(0, 0), ep = epoll_create1(0), other = epoll_create1(0),
	    file = file_with("f", "x", 1);
	struct epoll_event event = {.events = EPOLLIN};

	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event), ENOENT);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL), ENOENT);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), EEXIST);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, 0x7fff, &event), EBADF);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, file, &event), EPERM);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &event), EINVAL);
	CHECK_ERRNO(epoll_ctl(fd, EPOLL_CTL_ADD, ep, &event), EINVAL);
	CHECK_ERRNO(epoll_ctl(ep, 77, fd, &event), EINVAL);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, other, &event), 0);
	CHECK_ERRNO(epoll_ctl(other, EPOLL_CTL_ADD, ep, &event), ELOOP);
	CHECK_ERRNO(epoll_wait(ep, &event, 0, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(fd, &event, 1, 0), EINVAL);
	CHECK_ERRNO(epoll_create(0), EINVAL);
	CHECK_ERRNO(epoll_create1(1), EINVAL);
	return 0;
}
