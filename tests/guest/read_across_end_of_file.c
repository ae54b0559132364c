/* Reads stop at the end, give 0 there, and see what is appended later; seeks go beyond and writes leave
 * zeroes. */
#include "check.h"

int main(void)
{
	char text[16];
	int fd = file_with("f", "0123456789", 10);

	CHECK_EQ(lseek(fd, 7, SEEK_SET), 7);
	CHECK_EQ(read(fd, text, 16), 3);
	CHECK_EQ(read(fd, text, 16), 0);
	CHECK_EQ(pread(fd, text, 16, 100), 0);
	CHECK_EQ(pwrite(fd, "ab", 2, 10), 2);
	CHECK_EQ(read(fd, text, 16), 2);
	CHECK_EQ(lseek(fd, 5000, SEEK_END), 5012);
	CHECK_EQ(write(fd, "z", 1), 1);
	CHECK_EQ(pread(fd, text, 16, 5000), 13);
	CHECK_EQ(text[0], 0);
	CHECK_EQ(text[11], 0);
	CHECK_EQ(text[12], 'z');
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5013);
	CHECK_EQ(read(fd, text, 0), 0);
	CHECK_ERRNO(read(open(".", O_RDONLY), text, 1), EISDIR);
	return 0;
}
