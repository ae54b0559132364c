/* statx gives what stat gives, says which fields are valid, and refuses reserved bits. */
#include "check.h"
#include <sys/sysmacros.h>

int main(void)
{
	struct statx stx;
	struct stat st;
	int fd = file_with("f", "12345", 5);

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &stx), 0);
	CHECK_EQ(stx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	CHECK_EQ(stx.stx_size, 5);
	CHECK_EQ(stx.stx_ino, st.st_ino);
	CHECK_EQ(stx.stx_mode, st.st_mode);
	CHECK_EQ(stx.stx_nlink, 1);
	CHECK_EQ(makedev(stx.stx_dev_major, stx.stx_dev_minor), st.st_dev);
	CHECK_EQ(stx.stx_mtime.tv_sec, st.st_mtim.tv_sec);
	CHECK_EQ(stx.stx_mtime.tv_nsec, st.st_mtim.tv_nsec);
	CHECK_EQ(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &stx), 0);
	CHECK_EQ(stx.stx_size, 5);
	CHECK_ERRNO(statx(AT_FDCWD, "f", 0, 0x80000000u, &stx), EINVAL);
	CHECK_ERRNO(statx(AT_FDCWD, "none", 0, STATX_SIZE, &stx), ENOENT);
	CHECK_EQ(stat("/dev/null", &st), 0);
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	return 0;
}
