/* chown to the file's own ids is allowed to its owner and clears setuid bits; -1 leaves an id as it is. */
#include "check.h"

int main(void)
{
	struct stat st;
	int fd = file_with("f", "x", 1);

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_uid, geteuid());
	CHECK_EQ(chmod("f", 0755), 0);
	CHECK_EQ(chown("f", (uid_t)-1, (gid_t)-1), 0);
	CHECK_EQ(fchown(fd, st.st_uid, st.st_gid), 0);
	CHECK_EQ(symlink("none", "s"), 0);
	CHECK_ERRNO(chown("s", (uid_t)-1, (gid_t)-1), ENOENT);
	CHECK_EQ(lchown("s", (uid_t)-1, (gid_t)-1), 0);
	if (geteuid() != 0)
		CHECK_ERRNO(chown("f", 12345, (gid_t)-1), EPERM);
	return 0;
}
