/* utimensat sets times to the nanosecond, UTIME_OMIT keeps, UTIME_NOW takes the clock; writing changes mtime
 * and ctime. */
#include "check.h"
#include <utime.h>

int main(void)
{
	struct timespec times[2] = {{1000000000, 123456789}, {1500000000, 987654321}};
	struct stat st, later;
	int fd = file_with("f", "x", 1);

	CHECK_EQ(utimensat(AT_FDCWD, "f", times, 0), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, 1000000000);
	CHECK_EQ(st.st_atim.tv_nsec, 123456789);
	CHECK_EQ(st.st_mtim.tv_sec, 1500000000);
	CHECK_EQ(st.st_mtim.tv_nsec, 987654321);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_nsec = UTIME_NOW;
	CHECK_EQ(futimens(fd, times), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_atim.tv_sec, 1000000000);
	CHECK(st.st_mtim.tv_sec >= time(NULL) - 5);
	/* Beyond what a file system can keep it is its last one, never one of the past. */
	times[1] = (struct timespec){0x7fffffffffffffff, 0};
	CHECK_EQ(futimens(fd, times), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(st.st_mtim.tv_sec > 4000000000);
	times[0].tv_nsec = 2000000000;
	CHECK_ERRNO(futimens(fd, times), EINVAL);
	struct utimbuf old = {1, 2};
	CHECK_EQ(utime("f", &old), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mtim.tv_sec, 2);
	CHECK_EQ(write(fd, "y", 1), 1);
	CHECK_EQ(fstat(fd, &later), 0);
	CHECK(later.st_mtim.tv_sec > 1000000);
	CHECK_ERRNO(utimensat(AT_FDCWD, "none", NULL, 0), ENOENT);
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK_EQ(utime("d", &old), 0);
	close(file_with("d/new", "", 0));
	CHECK_EQ(stat("d", &st), 0);
	CHECK(st.st_mtim.tv_sec > 1000000); /* a name was made in it */
	return 0;
}
