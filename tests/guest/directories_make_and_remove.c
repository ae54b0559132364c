/* mkdir and rmdir: counts of links, modes under the umask, and the errnos of each wrong use. */
#include "check.h"

int main(void)
{
	struct stat st;

	umask(022);
	CHECK_EQ(mkdir("d", 0777), 0);
	CHECK_EQ(stat("d", &st), 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0755);
	CHECK_ERRNO(mkdir("d", 0777), EEXIST);
	CHECK_EQ(mkdir("d/e/", 0700), 0);
	CHECK_ERRNO(mkdir("none/e", 0700), ENOENT);
	CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
	CHECK_ERRNO(rmdir("d/e/."), EINVAL);
	CHECK_ERRNO(rmdir("d/e/.."), ENOTEMPTY);
	CHECK_ERRNO(rmdir("none"), ENOENT);
	close(file_with("f", "x", 1));
	CHECK_ERRNO(rmdir("f"), ENOTDIR);
	CHECK_ERRNO(mkdir("f/x", 0700), ENOTDIR);
	CHECK_ERRNO(unlink("d"), EISDIR);
	CHECK_ERRNO(unlink("f/"), ENOTDIR);
	CHECK_EQ(rmdir("d/e"), 0);
	CHECK_EQ(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR), 0);
	CHECK_ERRNO(rmdir("/"), EBUSY);
	return 0;
}
