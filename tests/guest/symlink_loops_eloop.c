/* Symbolic links chain up to forty; a loop is ELOOP; readlink cuts; dangling links create through. */
#include "check.h"

int main(void)
{
	char name[16], target[16], text[16];
	struct stat st;

	CHECK_EQ(symlink("b", "a"), 0);
	CHECK_EQ(symlink("a", "b"), 0);
	CHECK_ERRNO(stat("a", &st), ELOOP);
	CHECK_ERRNO(open("a", O_RDONLY), ELOOP);
	CHECK_EQ(lstat("a", &st), 0);
	CHECK_EQ(st.st_size, 1);
	close(file_with("l0", "x", 1));
	for (int i = 1; i <= 41; i++) {
		snprintf(name, sizeof name, "l%d", i);
		snprintf(target, sizeof target, "l%d", i - 1);
		CHECK_EQ(symlink(target, name), 0);
	}
	CHECK_EQ(stat("l40", &st), 0);
	CHECK_ERRNO(stat("l41", &st), ELOOP);
	CHECK_EQ(readlink("l41", text, 2), 2);
	CHECK_EQ(memcmp(text, "l4", 2), 0);
	CHECK_ERRNO(readlink("l0", text, 2), EINVAL);
	CHECK_ERRNO(readlink("l41", text, 0), EINVAL);
	CHECK_ERRNO(symlink("x", "a"), EEXIST);
	CHECK_ERRNO(symlink("", "empty"), ENOENT);
	CHECK_EQ(symlink("made", "dangling"), 0);
	int fd = open("dangling", O_CREAT | O_WRONLY, 0600);
	CHECK(fd >= 0);
	CHECK_EQ(lstat("made", &st), 0);
	CHECK_EQ(mkdir("dir", 0700), 0);
	CHECK_EQ(symlink("../l0", "dir/up"), 0);
	CHECK_EQ(stat("dir/up", &st), 0);
	CHECK_EQ(st.st_size, 1);
	return 0;
}
