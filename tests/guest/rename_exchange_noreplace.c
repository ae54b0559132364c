/* renameat2 exchanges two names of any kind, and refuses to replace with RENAME_NOREPLACE. */
#include "check.h"

int main(void)
{
	struct stat st;

	close(file_with("a", "a", 1));
	close(file_with("b", "bb", 2));
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK_ERRNO(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE), 0);
	CHECK_EQ(stat("a", &st), 0);
	CHECK_EQ(st.st_size, 2);
	CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "d", RENAME_EXCHANGE), 0);
	CHECK_EQ(stat("a", &st), 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_EQ(renameat2(AT_FDCWD, "b", AT_FDCWD, "new", RENAME_NOREPLACE), 0);
	CHECK_ERRNO(renameat2(AT_FDCWD, "new", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
	CHECK_ERRNO(renameat2(AT_FDCWD, "new", AT_FDCWD, "x", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
	return 0;
}
