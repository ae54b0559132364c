/* inotify(7): the order of events when a file or directory goes, and IN_EXCL_UNLINK. */
#include "check.h"
#include <sys/inotify.h>

static int in;

static void expect(int wd, uint32_t mask, const char *name)
{
	static char buf[4096] __attribute__((aligned(8)));
	static ssize_t len, at;
	struct inotify_event *e;

	if (at >= len) {
		len = read(in, buf, sizeof(buf));
		at = 0;
		CHECK(len > 0);
	}
	e = (struct inotify_event *)(buf + at);
	at += sizeof(*e) + e->len;
	CHECK_EQ(e->wd, wd);
	CHECK_EQ(e->mask, mask);
	CHECK_STR(e->len ? e->name : "", name);
}

int main(void)
{
	int here, file, dir, fd;
	char byte, memory[] = "/dev/shm/excl_unlink_XXXXXX";

	CHECK((in = inotify_init1(IN_NONBLOCK)) >= 0);
	CHECK(!close(creat("file", 0600)) && !mkdir("dir", 0700));
	here = inotify_add_watch(in, ".", IN_DELETE | IN_MOVED_FROM);
	file = inotify_add_watch(in, "file", IN_ALL_EVENTS);
	dir = inotify_add_watch(in, "dir", IN_ALL_EVENTS);
	CHECK(!rmdir("dir"));
	expect(dir, IN_DELETE_SELF, "");
	expect(dir, IN_IGNORED, "");
	expect(here, IN_DELETE | IN_ISDIR, "dir");
	CHECK(!unlink("file"));
	expect(file, IN_ATTRIB, "");
	expect(file, IN_DELETE_SELF, "");
	expect(file, IN_IGNORED, "");
	expect(here, IN_DELETE, "file");
	CHECK_ERRNO(read(in, &byte, 1), EAGAIN);
	close(in);

	/* In memory: of files on volumes the host tells what was written, also of those without a name. */
	CHECK((in = inotify_init1(IN_NONBLOCK)) >= 0);
	CHECK(mkdtemp(memory) && !chdir(memory));
	CHECK((fd = open("open", O_CREAT | O_RDWR, 0600)) >= 0);
	here = inotify_add_watch(in, ".", IN_MODIFY | IN_CLOSE | IN_EXCL_UNLINK);
	CHECK_EQ(write(fd, "1", 1), 1);
	expect(here, IN_MODIFY, "open");
	CHECK(!unlink("open"));
	CHECK_EQ(write(fd, "2", 1), 1);
	CHECK(!close(fd));
	CHECK_ERRNO(read(in, &byte, 1), EAGAIN);
	CHECK(!rmdir(memory));
	return 0;
}
