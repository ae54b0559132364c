/* O_CREAT, O_EXCL, O_TRUNC, O_DIRECTORY, O_NOFOLLOW, O_PATH and O_TMPFILE do what they say, with their
 * errnos. */
#include "check.h"

int main(void)
{
	char path[64];
	struct stat st;
	int fd = open("f", O_WRONLY | O_CREAT | O_EXCL, 0640);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "data", 4), 4);
	CHECK_ERRNO(open("f", O_WRONLY | O_CREAT | O_EXCL, 0640), EEXIST);
	CHECK_ERRNO(open("none", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERRNO(open(".", O_WRONLY), EISDIR);
	CHECK_ERRNO(open(".", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_EQ(symlink("f", "link"), 0);
	CHECK_ERRNO(open("link", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERRNO(open("link", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	int link_fd = open("link", O_PATH | O_NOFOLLOW);
	CHECK(link_fd >= 0);
	CHECK_EQ(fstat(link_fd, &st), 0);
	CHECK(S_ISLNK(st.st_mode));
	CHECK_ERRNO(read(link_fd, path, 1), EBADF);
	CHECK_EQ(readlinkat(link_fd, "", path, sizeof path), 1);
	CHECK(open("link", O_RDWR | O_TRUNC) >= 0);
	CHECK_EQ(file_size(fd), 0);
	int temp = open(".", O_TMPFILE | O_RDWR, 0600);
	if (temp < 0) {
		CHECK_EQ(errno, EOPNOTSUPP); /* a file system may lack it */
	} else {
		CHECK_EQ(write(temp, "t", 1), 1);
		CHECK_EQ(fstat(temp, &st), 0);
		CHECK_EQ(st.st_nlink, 0);
		snprintf(path, sizeof path, "/proc/self/fd/%d", temp);
		CHECK_EQ(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
		CHECK_EQ(stat("named", &st), 0);
		CHECK_EQ(st.st_size, 1);
	}
	return 0;
}
