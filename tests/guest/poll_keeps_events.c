/* poll fills revents alone, ignores negative descriptors, tells POLLNVAL for closed ones, POLLHUP and POLLERR
 * unasked. */
#include "check.h"
#include <poll.h>

int main(void)
{
	int ends[2], file = file_with("f", "x", 1);

	CHECK_EQ(pipe(ends), 0);
	struct pollfd p[] = {{ends[0], POLLIN, 99},
			     {ends[1], POLLOUT, 99},
			     {-5, POLLIN, 99},
			     {file, POLLIN | POLLOUT, 99},
			     {0x7fff, POLLIN, 99}};
	CHECK_EQ(poll(p, 5, 1000), 3);
	CHECK_EQ(p[0].revents, 0);
	CHECK_EQ(p[0].events, POLLIN);
	CHECK_EQ(p[1].events, POLLOUT);
	CHECK_EQ(p[2].events, POLLIN);
	CHECK_EQ(p[3].events, POLLIN | POLLOUT);
	CHECK_EQ(p[4].events, POLLIN);
	CHECK_EQ(p[1].revents, POLLOUT);
	CHECK_EQ(p[2].revents, 0);
	CHECK_EQ(p[3].revents, POLLIN | POLLOUT);
	CHECK_EQ(p[4].revents, POLLNVAL);
	CHECK_EQ(close(ends[1]), 0);
	p[0].events = 0;
	CHECK_EQ(poll(p, 1, 1000), 1);
	CHECK_EQ(p[0].revents, POLLHUP);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(close(ends[0]), 0);
	p[0] = (struct pollfd){ends[1], POLLOUT, 0};
	CHECK_EQ(poll(p, 1, 1000), 1);
	CHECK_EQ(p[0].revents, POLLOUT | POLLERR);
	int64_t begin = now_ms();
	CHECK_EQ(poll(NULL, 0, 20), 0);
	CHECK(now_ms() - begin >= 19);
	return 0;
}
