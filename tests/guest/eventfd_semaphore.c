/* eventfd adds and resets; as a semaphore it gives ones; it blocks at its maximum and polls accordingly. */
#include "check.h"
#include <poll.h>
#include <sys/eventfd.h>

int main(void)
{
	uint64_t value = 0;
	int fd = eventfd(3, EFD_NONBLOCK);
	struct pollfd pfd = {.fd = fd, .events = POLLIN | POLLOUT};

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, &(uint64_t){4}, 8), 8);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(pfd.revents, POLLIN | POLLOUT);
	CHECK_EQ(read(fd, &value, 8), 8);
	CHECK_EQ(value, 7);
	CHECK_ERRNO(read(fd, &value, 8), EAGAIN);
	CHECK_ERRNO(read(fd, &value, 7), EINVAL);
	CHECK_ERRNO(write(fd, &(uint64_t){UINT64_MAX}, 8), EINVAL);
	CHECK_EQ(write(fd, &(uint64_t){UINT64_MAX - 1}, 8), 8);
	CHECK_ERRNO(write(fd, &(uint64_t){1}, 8), EAGAIN);
	CHECK_EQ(poll(&pfd, 1, 0), 1);
	CHECK_EQ(pfd.revents, POLLIN);
	int sem = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK_EQ(fcntl(sem, F_GETFD), FD_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(read(sem, &value, 8), 8);
		CHECK_EQ(value, 1);
	}
	CHECK_ERRNO(read(sem, &value, 8), EAGAIN);
	CHECK_ERRNO(eventfd(0, 0x10), EINVAL);
	return 0;
}
