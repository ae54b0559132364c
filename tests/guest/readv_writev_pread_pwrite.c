/* Vectors scatter and gather in order; p-calls leave the offset; the v2 forms take flags and offset -1. */
#include "check.h"

int main(void)
{
	char a[4] = "", b[8] = "", c[4] = "";
	int fd = file_with("f", "", 0);
	struct iovec out[] = {{"one", 3}, {"", 0}, {"two", 3}, {"three", 5}}, in[] = {{a, 3}, {b, 6}, {c, 3}};

	CHECK_EQ(writev(fd, out, 4), 11);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_EQ(preadv(fd, in, 3, 0), 11);
	CHECK_EQ(memcmp(a, "one", 3), 0);
	CHECK_EQ(memcmp(b, "twothr", 6), 0);
	CHECK_EQ(memcmp(c, "ee", 2), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_EQ(pwritev(fd, out, 1, 100), 3);
	CHECK_EQ(file_size(fd), 103);
	CHECK_EQ(pwrite(fd, "X", 1, 0), 1);
	CHECK_EQ(lseek(fd, 1, SEEK_SET), 1);
	CHECK_EQ(preadv2(fd, in, 1, -1, 0), 3);
	CHECK_EQ(memcmp(a, "net", 3), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_EQ(pwritev2(fd, out, 1, 0, RWF_APPEND), 3);
	CHECK_EQ(file_size(fd), 106);
	CHECK_ERRNO(pread(fd, a, 1, -1), EINVAL);
	CHECK_ERRNO(preadv2(fd, in, 1, 0, 0x4000), EOPNOTSUPP);
	return 0;
}
