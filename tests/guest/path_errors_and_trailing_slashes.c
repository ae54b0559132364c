/* ENOTDIR, ENAMETOOLONG, ENOENT for empty paths; doubled and trailing slashes, dots and double dots resolve.
 */
#include "check.h"

int main(void)
{
	char name[300], path[5000];
	struct stat st, other;

	close(file_with("f", "x", 1));
	CHECK_EQ(mkdir("d", 0700), 0);
	CHECK_ERRNO(stat("f/x", &st), ENOTDIR);
	CHECK_ERRNO(stat("f/", &st), ENOTDIR);
	CHECK_ERRNO(stat("", &st), ENOENT);
	CHECK_ERRNO(open("new/", O_CREAT | O_WRONLY, 0600), EISDIR);
	memset(name, 'n', 256);
	name[256] = 0;
	CHECK_ERRNO(stat(name, &st), ENAMETOOLONG);
	name[255] = 0;
	CHECK_ERRNO(stat(name, &st), ENOENT);
	CHECK_EQ(mkdir(name, 0700), 0);
	memset(path, '/', sizeof path);
	path[4999] = 0;
	CHECK_ERRNO(stat(path, &st), ENAMETOOLONG);
	path[4095] = 0;
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(stat("d/", &st), 0);
	CHECK_EQ(stat(".//d/../d/.", &other), 0);
	CHECK_EQ(st.st_ino, other.st_ino);
	CHECK_EQ(stat("/..", &st), 0);
	CHECK_EQ(stat("/", &other), 0);
	CHECK_EQ(st.st_ino, other.st_ino);
	CHECK_ERRNO(stat("none/..", &st), ENOENT);
	return 0;
}
