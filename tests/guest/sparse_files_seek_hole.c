/* SEEK_DATA and SEEK_HOLE walk a sparse file (or see it as one piece of data), and its holes take no blocks.
 */
#include "check.h"

int main(void)
{
	struct stat st;
	int fd = file_with("f", "", 0);

	CHECK_EQ(pwrite(fd, "data", 4, 1 << 20), 4);
	CHECK_EQ(ftruncate(fd, 4 << 20), 0);
	off_t data = lseek(fd, 0, SEEK_DATA), hole = lseek(fd, 1 << 20, SEEK_HOLE);
	CHECK(data == 0 || data == 1 << 20);
	CHECK(hole > 1 << 20 && hole <= 4 << 20);
	CHECK_ERRNO(lseek(fd, 4 << 20, SEEK_DATA), ENXIO);
	CHECK_ERRNO(lseek(fd, 5 << 20, SEEK_HOLE), ENXIO);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK(st.st_blocks * 512 < 4 << 20);
	return 0;
}
