/* inotify says IN_MODIFY when O_TRUNC, truncate and ftruncate change a file, also one that was empty, and not for a new one. */
#include "check.h"
#include <poll.h>
#include <sys/inotify.h>

static int in;

/* The events that there are, one behind the other; all of it has happened when the call returned. */
static void told(const char *what)
{
	char buffer[4096] __attribute__((aligned(8)));
	ssize_t n;

	printf("%s:", what);
	while ((n = read(in, buffer, sizeof buffer)) > 0)
		for (char *at = buffer; at < buffer + n;) {
			struct inotify_event *e = (struct inotify_event *)at;
			printf(" %s%s%s%s%s%s", e->mask & IN_CREATE ? "create" : "", e->mask & IN_OPEN ? "open" : "",
			       e->mask & IN_MODIFY ? "modify" : "", e->mask & IN_ATTRIB ? "attrib" : "",
			       e->mask & IN_CLOSE_WRITE ? "close-write" : "", e->mask & IN_CLOSE_NOWRITE ? "close" : "");
			at += sizeof *e + e->len;
		}
	CHECK_EQ(errno, EAGAIN);
	printf("\n");
}

int main(void)
{
	int fd, before;

	in = inotify_init1(IN_NONBLOCK);
	CHECK(in >= 0);
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK(inotify_add_watch(in, "d", IN_MODIFY | IN_CREATE | IN_ATTRIB) > 0);
	close(file_with("d/f", "", 0));
	told("a new file with O_TRUNC");
	fd = file_with("d/f", "x", 1);
	told("an empty file with O_TRUNC, and a byte");
	before = open("d/f", O_WRONLY | O_TRUNC);
	CHECK(before >= 0);
	CHECK_EQ(file_size(fd), 0);
	told("O_TRUNC");
	CHECK_EQ(ftruncate(fd, 100), 0);
	told("ftruncate that grows");
	CHECK_EQ(ftruncate(fd, 100), 0);
	told("ftruncate that changes nothing");
	CHECK_EQ(truncate("d/f", 5), 0);
	told("truncate");
	CHECK(open("d/f", O_RDONLY) >= 0);
	told("open alone");
	CHECK_EQ(close(creat("d/f", 0600)), 0);
	told("creat");

	/* Of the file itself; IN_OPEN would come before or behind the change, as the kernel's version is. */
	CHECK(inotify_add_watch(in, "d/f", IN_MODIFY | IN_ATTRIB | IN_CLOSE) > 0);
	CHECK(inotify_add_watch(in, "d", IN_CREATE) > 0);
	fd = open("d/f", O_WRONLY | O_TRUNC);
	CHECK(fd >= 0);
	CHECK_EQ(close(fd), 0);
	told("open with O_TRUNC, close");
	return 0;
}
