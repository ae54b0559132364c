/* The *at calls start at their directory; absolute paths ignore it; AT_EMPTY_PATH means the descriptor
 * itself. */
#include "check.h"

int main(void)
{
	struct stat st, self;

	CHECK_EQ(mkdir("d", 0700), 0);
	int dir = open("d", O_RDONLY | O_DIRECTORY), path = open("d", O_PATH);
	int fd = openat(dir, "f", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(fstatat(path, "f", &st, 0), 0);
	CHECK_EQ(fstat(fd, &self), 0);
	CHECK_EQ(st.st_ino, self.st_ino);
	CHECK_EQ(fstatat(fd, "", &st, AT_EMPTY_PATH), 0);
	CHECK_EQ(st.st_ino, self.st_ino);
	CHECK_ERRNO(fstatat(fd, "", &st, 0), ENOENT);
	CHECK_ERRNO(fstatat(fd, "x", &st, 0), ENOTDIR);
	CHECK_ERRNO(fstatat(0x7fff, "x", &st, 0), EBADF);
	CHECK_EQ(fstatat(0x7fff, "/", &st, 0), 0);
	CHECK_EQ(mkdirat(dir, "sub", 0700), 0);
	CHECK_EQ(symlinkat("f", dir, "s"), 0);
	CHECK_EQ(renameat(dir, "f", AT_FDCWD, "moved"), 0);
	CHECK_EQ(linkat(AT_FDCWD, "moved", dir, "f2", 0), 0);
	CHECK_EQ(faccessat(dir, "f2", R_OK, 0), 0);
	CHECK_EQ(unlinkat(dir, "f2", 0), 0);
	CHECK_ERRNO(unlinkat(dir, "sub", 0), EISDIR);
	CHECK_EQ(unlinkat(dir, "sub", AT_REMOVEDIR), 0);
	CHECK_ERRNO(fstatat(dir, "s", &st, 0x40000000), EINVAL);
	return 0;
}
