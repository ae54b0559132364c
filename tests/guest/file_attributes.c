/* chattr(1)'s attributes of files in memory: immutable and append-only ones, also for root. */
#include "check.h"
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static int attr(int fd, int set)
{
	return ioctl(fd, FS_IOC_SETFLAGS, &set);
}

static void immutable(void)
{
	int fd = open("fixed", O_CREAT | O_RDWR, 0644), flags;
	struct statx stx;

	CHECK(!attr(fd, FS_IMMUTABLE_FL));
	CHECK(!ioctl(fd, FS_IOC_GETFLAGS, &flags) && (flags & FS_IMMUTABLE_FL));
	CHECK(!statx(AT_FDCWD, "fixed", 0, STATX_BASIC_STATS, &stx));
	CHECK_EQ(stx.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND), STATX_ATTR_IMMUTABLE);
	CHECK_ERRNO(open("fixed", O_RDWR), EPERM);
	CHECK_ERRNO(chmod("fixed", 0600), EPERM);
	CHECK_ERRNO(chown("fixed", 1, 1), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "fixed", NULL, 0), EPERM);
	CHECK_ERRNO(unlink("fixed"), EPERM);
	CHECK_ERRNO(rename("fixed", "other"), EPERM);
	CHECK_ERRNO(link("fixed", "other"), EPERM);
	CHECK_ERRNO(truncate("fixed", 0), EPERM);
	CHECK_ERRNO(setxattr("fixed", "user.name", "v", 1, 0), EPERM);
	CHECK_ERRNO(fallocate(fd, 0, 0, 4096), EPERM);
	CHECK(!attr(fd, 0));
	CHECK(!unlink("fixed"));
	close(fd);
}

static void append_only(void)
{
	int fd = open("log", O_CREAT | O_RDWR, 0644), more;

	CHECK(!attr(fd, FS_APPEND_FL | FS_NODUMP_FL));
	CHECK_ERRNO(open("log", O_RDWR), EPERM);
	CHECK_ERRNO(open("log", O_WRONLY | O_APPEND | O_TRUNC), EPERM);
	CHECK((more = open("log", O_WRONLY | O_APPEND)) >= 0);
	CHECK_EQ(write(more, "line\n", 5), 5);
	CHECK_ERRNO(fcntl(more, F_SETFL, 0), EPERM);
	CHECK_ERRNO(ftruncate(more, 0), EPERM);
	CHECK_ERRNO(unlink("log"), EPERM);
	CHECK_ERRNO(setxattr("log", "user.name", "v", 1, 0), EPERM);
	CHECK(!utimensat(AT_FDCWD, "log", NULL, 0));
	CHECK(!attr(fd, 0));
	CHECK(!unlink("log"));
}

static void directories(void)
{
	int fd;

	CHECK(!mkdir("dir", 0755) && (fd = open("dir", O_RDONLY)) >= 0);
	CHECK(!close(creat("dir/one", 0600)));
	CHECK(!attr(fd, FS_APPEND_FL));
	CHECK(!close(creat("dir/two", 0600)));
	CHECK_ERRNO(unlink("dir/one"), EPERM);
	CHECK(!attr(fd, FS_IMMUTABLE_FL));
	CHECK_ERRNO(creat("dir/three", 0600), EPERM);
	CHECK_ERRNO(unlink("dir/one"), EPERM);
	CHECK(!attr(fd, 0));
	CHECK(!unlink("dir/one") && !unlink("dir/two") && !rmdir("dir"));
}

/* file_getattr(2), file_setattr(2) */
static void by_name(void)
{
	struct { uint64_t xflags; uint32_t extsize, nextents, projid, cowextsize; } a = {0};
	int fd = creat("named", 0600);

	if (syscall(468, AT_FDCWD, "named", &a, sizeof(a), 0) && errno == ENOSYS)
		return;	/* older than 6.17 */
	CHECK_EQ(a.xflags, 0);
	a.xflags = FS_XFLAG_NODUMP;
	CHECK(!syscall(469, AT_FDCWD, "named", &a, sizeof(a), 0));
	a.xflags = 0;
	CHECK(!syscall(468, AT_FDCWD, "named", &a, sizeof(a), 0));
	CHECK_EQ(a.xflags, FS_XFLAG_NODUMP);
	CHECK_ERRNO(syscall(468, fd, "named", &a, sizeof(a), 0), ENOTDIR);
	CHECK_ERRNO(syscall(468, AT_FDCWD, "named", &a, 8, 0), EINVAL);
	CHECK_ERRNO(syscall(468, AT_FDCWD, "named", &a, sizeof(a), 1), EINVAL);
	CHECK(!unlink("named"));
}

int main(void)
{
	char memory[] = "/dev/shm/attributes_XXXXXX";
	int fd, flags = 0;

	CHECK(mkdtemp(memory) && !chdir(memory));
	CHECK((fd = creat("probe", 0600)) >= 0);
	if (ioctl(fd, FS_IOC_GETFLAGS, &flags)) {
		unlink("probe");
		rmdir(memory);
		skip("this kernel's tmpfs has no attributes");
	}
	CHECK_ERRNO(attr(fd, FS_COMPR_FL), EOPNOTSUPP);
	CHECK(!attr(fd, FS_NODUMP_FL));
	if (geteuid()) {
		CHECK_ERRNO(attr(fd, FS_IMMUTABLE_FL), EPERM);
	} else {
		immutable();
		append_only();
		directories();
	}
	CHECK(!unlink("probe"));
	by_name();
	CHECK(!rmdir(memory));
	return 0;
}
