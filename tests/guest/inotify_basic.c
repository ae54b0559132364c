/* inotify tells of what happens in a directory and to a file, with names and cookies, and polls. */
#include "check.h"
#include <poll.h>
#include <sys/inotify.h>

static char buffer[4096] __attribute__((aligned(8)));

static struct inotify_event *next(int fd)
{
	static ssize_t have, at;

	if (at >= have) {
		struct pollfd pfd = {.fd = fd, .events = POLLIN};
		CHECK_EQ(poll(&pfd, 1, 5000), 1);
		have = read(fd, buffer, sizeof buffer);
		CHECK(have >= (ssize_t)sizeof(struct inotify_event));
		at = 0;
	}
	struct inotify_event *e = (struct inotify_event *)(buffer + at);
	at += (ssize_t)(sizeof *e + e->len);
	return e;
}

int main(void)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	CHECK(fd >= 0);
	CHECK_EQ(mkdir("d", 0700), 0);
	int wd = inotify_add_watch(fd, "d", IN_CREATE | IN_DELETE | IN_MOVE);
	CHECK(wd > 0);
	CHECK_ERRNO(read(fd, buffer, sizeof buffer), EAGAIN);
	close(file_with("d/a", "x", 1));
	struct inotify_event *e = next(fd);
	CHECK_EQ(e->wd, wd);
	CHECK_EQ(e->mask, IN_CREATE);
	CHECK_STR(e->name, "a");
	CHECK_EQ(rename("d/a", "d/b"), 0);
	e = next(fd);
	CHECK_EQ(e->mask, IN_MOVED_FROM);
	uint32_t cookie = e->cookie;
	e = next(fd);
	CHECK_EQ(e->mask, IN_MOVED_TO);
	CHECK_EQ(e->cookie, cookie);
	CHECK_STR(e->name, "b");
	CHECK_EQ(mkdir("d/sub", 0700), 0);
	CHECK_EQ(next(fd)->mask, IN_CREATE | IN_ISDIR);
	CHECK_EQ(unlink("d/b"), 0);
	CHECK_EQ(next(fd)->mask, IN_DELETE);
	CHECK_EQ(inotify_rm_watch(fd, wd), 0);
	CHECK_EQ(next(fd)->mask, IN_IGNORED);
	CHECK_ERRNO(inotify_rm_watch(fd, wd), EINVAL);
	int file = file_with("f", "x", 1);
	wd = inotify_add_watch(fd, "f", IN_MODIFY | IN_CLOSE_WRITE);
	CHECK_EQ(write(file, "y", 1), 1);
	CHECK_EQ(next(fd)->mask, IN_MODIFY);
	CHECK_EQ(close(file), 0);
	CHECK_EQ(next(fd)->mask, IN_CLOSE_WRITE);
	CHECK_ERRNO(inotify_add_watch(fd, "none", IN_CREATE), ENOENT);
	CHECK_ERRNO(inotify_add_watch(fd, "f", 0), EINVAL);
	return 0;
}
