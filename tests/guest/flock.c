/* flock excludes two descriptions, is shared by dup, and goes with the last descriptor. */
#include "check.h"
#include <sys/file.h>

int main(void)
{
	int a = file_with("f", "x", 1), b = open("f", O_RDONLY);

	CHECK_EQ(flock(a, LOCK_EX), 0);
	CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	int copy = dup(a);
	CHECK_EQ(flock(copy, LOCK_EX | LOCK_NB), 0);
	CHECK_EQ(close(a), 0);
	CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(flock(copy, LOCK_SH), 0); /* down to shared */
	CHECK_EQ(flock(b, LOCK_SH | LOCK_NB), 0);
	CHECK_ERRNO(flock(b, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	/* A conversion that fails has given up what it had. */
	CHECK_EQ(flock(copy, LOCK_EX | LOCK_NB), 0);
	CHECK_ERRNO(flock(b, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_EQ(close(copy), 0);
	CHECK_EQ(flock(b, LOCK_EX | LOCK_NB), 0);
	CHECK_EQ(flock(b, LOCK_UN), 0);
	CHECK_ERRNO(flock(b, 77), EINVAL);
	CHECK_ERRNO(flock(0x7fff, LOCK_SH), EBADF);
	return 0;
}
