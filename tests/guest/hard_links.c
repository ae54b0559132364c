/* Links share the inode and its count; directories have none; a link to a symbolic link is to itself. */
#include "check.h"

int main(void)
{
	struct stat a, b;
	int fd = file_with("a", "x", 1);

	CHECK_EQ(link("a", "b"), 0);
	CHECK_EQ(stat("a", &a), 0);
	CHECK_EQ(stat("b", &b), 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK_EQ(a.st_nlink, 2);
	CHECK_EQ(write(fd, "yz", 2), 2);
	CHECK_EQ(stat("b", &b), 0);
	CHECK_EQ(b.st_size, 2);
	CHECK_ERRNO(link("a", "b"), EEXIST);
	CHECK_ERRNO(link("none", "c"), ENOENT);
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK_ERRNO(link("d", "e"), EPERM);
	CHECK_EQ(symlink("a", "s"), 0);
	CHECK_EQ(link("s", "s2"), 0);
	CHECK_EQ(lstat("s2", &b), 0);
	CHECK(S_ISLNK(b.st_mode));
	CHECK_EQ(unlink("a"), 0);
	CHECK_EQ(fstat(fd, &a), 0);
	CHECK_EQ(a.st_nlink, 1);
	return 0;
}
