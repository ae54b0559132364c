/* select leaves just the ready descriptors in its sets, counts them, and shows the time that is left. */
#include "check.h"
#include <sys/select.h>

int main(void)
{
	int ends[2];
	fd_set in, out;
	struct timeval limit = {5, 0};

	CHECK_EQ(pipe(ends), 0);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	CHECK_EQ(select(ends[1] + 1, &in, &out, NULL, &limit), 1);
	CHECK(!FD_ISSET(ends[0], &in) && FD_ISSET(ends[1], &out));
	CHECK(limit.tv_sec == 4 || limit.tv_sec == 5);
	FD_SET(ends[0], &in);
	limit = (struct timeval){0, 10000};
	CHECK_EQ(select(ends[0] + 1, &in, NULL, NULL, &limit), 0);
	CHECK(!FD_ISSET(ends[0], &in));
	CHECK_EQ(limit.tv_usec, 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	FD_SET(ends[0], &in);
	FD_SET(ends[1], &out);
	CHECK_EQ(select(ends[1] + 1, &in, &out, NULL, NULL), 2);
	FD_ZERO(&in);
	FD_SET(60, &in);
	CHECK_ERRNO(select(61, &in, NULL, NULL, &limit), EBADF);
	CHECK_ERRNO(select(-1, NULL, NULL, NULL, &limit), EINVAL);
	return 0;
}
