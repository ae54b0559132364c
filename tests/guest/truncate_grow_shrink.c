/* truncate and ftruncate shrink, grow with zeroes, leave the offset, and refuse directories, negatives,
 * read-only. */
#include "check.h"

int main(void)
{
	char text[8];
	int fd = file_with("f", "0123456789", 10);

	CHECK_EQ(lseek(fd, 8, SEEK_SET), 8);
	CHECK_EQ(ftruncate(fd, 4), 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 8);
	CHECK_EQ(read(fd, text, 8), 0);
	CHECK_EQ(truncate("f", 8), 0);
	CHECK_EQ(pread(fd, text, 8, 0), 8);
	CHECK_EQ(memcmp(text, "0123\0\0\0\0", 8), 0);
	CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
	CHECK_ERRNO(ftruncate(open("f", O_RDONLY), 1), EINVAL);
	CHECK_ERRNO(truncate(".", 1), EISDIR);
	CHECK_ERRNO(truncate("none", 1), ENOENT);
	CHECK_EQ(ftruncate(fd, 1l << 36), 0);
	CHECK_EQ(file_size(fd), 1l << 36);
	CHECK_EQ(pwrite(fd, "far", 3, (1l << 36) - 3), 3);
	CHECK_EQ(ftruncate(fd, 0), 0);
	return 0;
}
