/* Packet mode: a packet fills a page of the pipe, whatever its size; a short read loses the rest of it. */
#include "check.h"
#include <poll.h>
#include <sys/ioctl.h>

static int ends[2];
static char buf[20000];

static int waiting(void)
{
	int n;

	CHECK_EQ(ioctl(ends[0], FIONREAD, &n), 0);
	return n;
}

static void capacity_is_in_packets(void)
{
	struct pollfd out = {.fd = ends[1], .events = POLLOUT};
	int pages = fcntl(ends[1], F_GETPIPE_SZ) / 4096, n = 0;

	while (write(ends[1], "ab", 2) == 2)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, pages);
	CHECK_EQ(waiting(), 2 * pages);
	CHECK_EQ(poll(&out, 1, 0), 0);
	CHECK_EQ(read(ends[0], buf, sizeof buf), 2);
	CHECK_EQ(poll(&out, 1, 0), 1);
	CHECK_EQ(read(ends[0], buf, 1), 1); /* and the other byte is gone */
	CHECK_EQ(waiting(), 2 * pages - 4);
	while (read(ends[0], buf, sizeof buf) > 0)
		;
}

static void one_page_holds_one_packet(void)
{
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(write(ends[1], buf, 4096), 4096);
	CHECK_ERRNO(write(ends[1], buf, 1), EAGAIN);
	CHECK_EQ(read(ends[0], buf, 100), 100);
	CHECK_ERRNO(read(ends[0], buf, 100), EAGAIN);
	CHECK_EQ(write(ends[1], buf, 10000), 4096);
	CHECK_EQ(read(ends[0], buf, sizeof buf), 4096);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 65536), 65536);
}

static void large_writes_become_several(void)
{
	CHECK_EQ(write(ends[1], buf, 10000), 10000);
	CHECK_EQ(read(ends[0], buf, sizeof buf), 4096);
	CHECK_EQ(read(ends[0], buf, sizeof buf), 4096);
	CHECK_EQ(read(ends[0], buf, sizeof buf), 10000 - 2 * 4096);
	CHECK_EQ(write(ends[1], buf, 0), 0); /* no packet at all */
	CHECK_ERRNO(read(ends[0], buf, 1), EAGAIN);
}

static void the_mode_is_the_descriptors(void)
{
	CHECK_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(write(ends[1], "a", 1), 1);
	CHECK_EQ(write(ends[1], "b", 1), 1);
	CHECK_EQ(read(ends[0], buf, sizeof buf), 2);
	CHECK_EQ(fcntl(ends[1], F_SETFL, O_NONBLOCK | O_DIRECT), 0);
	CHECK_EQ(write(ends[1], "c", 1), 1);
	CHECK_EQ(write(ends[1], "d", 1), 1);
	CHECK_EQ(read(ends[0], buf, sizeof buf), 1);
	CHECK_EQ(read(ends[0], buf, sizeof buf), 1);
	CHECK_EQ(buf[0], 'd');
}

int main(void)
{
	CHECK_EQ(pipe2(ends, O_DIRECT | O_NONBLOCK), 0);
	capacity_is_in_packets();
	one_page_holds_one_packet();
	large_writes_become_several();
	the_mode_is_the_descriptors();
	return 0;
}
