/* rename replaces a file at once, a directory only when it is empty, and never one kind by the other. */
#include "check.h"

int main(void)
{
	struct stat before, after;
	int fd = file_with("a", "from a", 6), old = file_with("b", "old", 3);

	CHECK_EQ(fstat(fd, &before), 0);
	CHECK_EQ(rename("a", "b"), 0);
	CHECK_EQ(stat("b", &after), 0);
	CHECK_EQ(after.st_ino, before.st_ino);
	CHECK_ERRNO(stat("a", &after), ENOENT);
	CHECK_EQ(file_size(old), 3);
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK_EQ(mkdir("d/sub", 0700), 0);
	CHECK_EQ(mkdir("e", 0700), 0);
	CHECK_ERRNO(rename("e", "d"), ENOTEMPTY);
	CHECK_ERRNO(rename("b", "d"), EISDIR);
	CHECK_ERRNO(rename("d", "b"), ENOTDIR);
	CHECK_ERRNO(rename("d", "d/sub/x"), EINVAL);
	CHECK_ERRNO(rename("none", "x"), ENOENT);
	CHECK_EQ(rename("d", "e"), 0); /* an empty directory is replaced */
	CHECK_EQ(stat("e/sub", &after), 0);
	CHECK_EQ(link("b", "c"), 0);
	CHECK_EQ(rename("b", "c"), 0); /* two links of a file: nothing happens */
	CHECK_EQ(stat("b", &after), 0);
	CHECK_EQ(rename("b", "b"), 0);
	return 0;
}
