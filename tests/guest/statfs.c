/* statfs and fstatfs tell block sizes and name lengths that make sense, for files and for /proc. */
#include "check.h"
#include <linux/magic.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

int main(void)
{
	struct statfs fs, by_fd;
	struct statvfs vfs;
	int fd = file_with("f", "x", 1);

	CHECK_EQ(statfs("f", &fs), 0);
	CHECK_EQ(fstatfs(fd, &by_fd), 0);
	CHECK_EQ(fs.f_type, by_fd.f_type);
	CHECK(fs.f_bsize >= 512);
	CHECK_EQ(fs.f_namelen, 255);
	CHECK(fs.f_blocks >= fs.f_bfree && fs.f_bfree >= fs.f_bavail);
	CHECK_EQ(statvfs(".", &vfs), 0);
	CHECK_EQ(vfs.f_namemax, 255);
	CHECK_EQ(statfs("/proc", &fs), 0);
	CHECK_EQ(fs.f_type, PROC_SUPER_MAGIC);
	CHECK_ERRNO(statfs("none", &fs), ENOENT);
	return 0;
}
