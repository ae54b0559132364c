/* User attributes are set, read, listed and removed; sizes, flags and missing names give their errnos. */
#include "check.h"
#include <sys/socket.h>
#include <sys/xattr.h>

/* What has no file system has no attributes. */
static void pipes_and_sockets_have_none(void)
{
	int ends[2], pair[2];
	char value[16], name[64];

	CHECK(!pipe(ends));
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_ERRNO(fgetxattr(ends[0], "security.selinux", value, sizeof value), EOPNOTSUPP);
	snprintf(name, sizeof name, "/proc/self/fd/%d", ends[1]);
	CHECK_ERRNO(getxattr(name, "security.selinux", value, sizeof value), EOPNOTSUPP);
	CHECK_ERRNO(fgetxattr(pair[0], "security.selinux", value, sizeof value), EOPNOTSUPP);
}

int main(void)
{
	char value[16] = "", list[64];
	int fd = file_with("f", "x", 1);

	pipes_and_sockets_have_none();

	if (setxattr("f", "user.one", "first", 5, 0) != 0) {
		CHECK_EQ(errno, EOPNOTSUPP);
		skip("this file system has no user attributes");
	}
	CHECK_EQ(getxattr("f", "user.one", value, sizeof value), 5);
	CHECK_STR(value, "first");
	CHECK_EQ(getxattr("f", "user.one", NULL, 0), 5);
	CHECK_ERRNO(getxattr("f", "user.one", value, 2), ERANGE);
	CHECK_ERRNO(getxattr("f", "user.none", value, 2), ENODATA);
	CHECK_ERRNO(setxattr("f", "user.one", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_ERRNO(setxattr("f", "user.two", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK_EQ(fsetxattr(fd, "user.two", "", 0, 0), 0);
	ssize_t n = flistxattr(fd, list, sizeof list);
	int found = 0;
	for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1)
		found += !strcmp(list + at, "user.one") || !strcmp(list + at, "user.two");
	CHECK_EQ(found, 2);
	CHECK_EQ(removexattr("f", "user.one"), 0);
	CHECK_ERRNO(fremovexattr(fd, "user.one"), ENODATA);
	CHECK_ERRNO(setxattr("f", "nonsense", "x", 1, 0), EOPNOTSUPP);
	return 0;
}
