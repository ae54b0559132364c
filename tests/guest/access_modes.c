/* access answers for existing and missing names and for execution; an ordinary user is bound by modes. */
#include "check.h"

int main(void)
{
	close(file_with("f", "x", 1));
	CHECK_EQ(chmod("f", 0600), 0);
	CHECK_EQ(access("f", F_OK), 0);
	CHECK_EQ(access("f", R_OK | W_OK), 0);
	CHECK_ERRNO(access("f", X_OK), EACCES); /* even for root: no x bit at all */
	CHECK_ERRNO(access("none", F_OK), ENOENT);
	CHECK_ERRNO(access("f/x", F_OK), ENOTDIR);
	CHECK_ERRNO(access("f", 8), EINVAL);
	CHECK_EQ(chmod("f", 0100), 0);
	CHECK_EQ(access("f", X_OK), 0);
	if (geteuid() != 0) {
		CHECK_ERRNO(access("f", R_OK), EACCES);
		CHECK_ERRNO(open("f", O_RDONLY), EACCES);
		CHECK_EQ(mkdir("d", 0), 0);
		CHECK_ERRNO(access("d/x", F_OK), EACCES);
		CHECK_EQ(chmod("d", 0700), 0);
	}
	return 0;
}
