/* RLIMIT_NOFILE bounds descriptor numbers: EMFILE for new ones, EBADF for dup2's target, and all work again
 * below. */
#include "check.h"
#include <sys/resource.h>

int main(void)
{
	struct rlimit limit;
	int ends[2], fd = file_with("f", "x", 1), last = fd;

	CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 64;
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (int next; (next = dup(fd)) >= 0;)
		last = next;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(last, 63);
	CHECK_ERRNO(open("f", O_RDONLY), EMFILE);
	CHECK_ERRNO(pipe(ends), EMFILE);
	CHECK_ERRNO(dup2(fd, 64), EBADF);
	CHECK_ERRNO(fcntl(fd, F_DUPFD, 64), EINVAL);
	CHECK_EQ(close(40), 0);
	CHECK_ERRNO(pipe(ends), EMFILE);
	CHECK_EQ(open("f", O_RDONLY), 40);
	return 0;
}
