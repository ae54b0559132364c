/* fallocate grows or keeps the size, punches holes that read as zeroes, and zeroes ranges; wrong modes are
 * refused. */
#include "check.h"
#include <linux/falloc.h>

int main(void)
{
	char text[3 * 4096];
	int fd = file_with("f", "", 0);

	memset(text, 'x', sizeof text);
	CHECK_EQ(write(fd, text, sizeof text), sizeof text);
	CHECK_EQ(fallocate(fd, 0, 0, 5 * 4096), 0);
	CHECK_EQ(file_size(fd), 5 * 4096);
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 10 * 4096), 0);
	CHECK_EQ(file_size(fd), 5 * 4096);
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100, 5000), 0);
	CHECK_EQ(pread(fd, text, sizeof text, 0), sizeof text);
	CHECK_EQ(text[99], 'x');
	CHECK_EQ(text[100], 0);
	CHECK_EQ(text[5099], 0);
	CHECK_EQ(text[5100], 'x');
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	CHECK_ERRNO(fallocate(fd, 0, -1, 5), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERRNO(fallocate(open("f", O_RDONLY), 0, 0, 5), EBADF);
	CHECK_EQ(posix_fallocate(fd, 0, 100000), 0);
	CHECK_EQ(file_size(fd), 100000);
	CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
	CHECK_ERRNO(fsync(0x7fff), EBADF);
	return 0;
}
