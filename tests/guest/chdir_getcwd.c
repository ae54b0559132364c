/* chdir and fchdir move where relative paths start; getcwd follows renames and fails in a removed directory.
 */
#include "check.h"

int main(void)
{
	char start[PATH_MAX], now[PATH_MAX], want[2 * PATH_MAX];
	int dir = open(".", O_RDONLY | O_DIRECTORY);

	CHECK(getcwd(start, sizeof start));
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK_EQ(chdir("d"), 0);
	snprintf(want, sizeof want, "%s/d", start);
	CHECK_STR(getcwd(now, sizeof now), want);
	CHECK_EQ(rename("../d", "../e"), 0);
	snprintf(want, sizeof want, "%s/e", start);
	CHECK_STR(getcwd(now, sizeof now), want);
	CHECK_ERRNO(syscall(SYS_getcwd, now, 2), ERANGE);
	CHECK_EQ(rmdir("../e"), 0);
	CHECK_ERRNO(syscall(SYS_getcwd, now, sizeof now), ENOENT);
	CHECK_ERRNO(open("x", O_CREAT | O_WRONLY, 0600), ENOENT);
	CHECK_EQ(fchdir(dir), 0);
	CHECK_STR(getcwd(now, sizeof now), start);
	CHECK_ERRNO(chdir("none"), ENOENT);
	close(file_with("f", "x", 1));
	CHECK_ERRNO(chdir("f"), ENOTDIR);
	CHECK_ERRNO(fchdir(open("f", O_RDONLY)), ENOTDIR);
	return 0;
}
