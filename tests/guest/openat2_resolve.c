/* openat2's RESOLVE flags keep a path beneath its directory, without symbolic links, and check their sizes.
 */
#include "check.h"
#include <linux/openat2.h>

static long open2(int dir, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = {.flags = flags, .resolve = resolve};

	return syscall(SYS_openat2, dir, path, &how, sizeof how);
}

int main(void)
{
	CHECK_EQ(mkdir("d", 0700), 0);
	int dir = open("d", O_RDONLY | O_DIRECTORY);
	close(file_with("out", "x", 1));
	close(file_with("d/in", "x", 1));
	CHECK_EQ(symlink("in", "d/link"), 0);
	CHECK_EQ(symlink("/in", "d/root"), 0);
	CHECK(open2(dir, "in", O_RDONLY, 0) >= 0);
	CHECK(open2(dir, "../out", O_RDONLY, 0) >= 0);
	CHECK_ERRNO(open2(dir, "../out", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(open2(dir, "/", O_RDONLY, RESOLVE_BENEATH), EXDEV);
	CHECK(open2(dir, "link", O_RDONLY, RESOLVE_BENEATH) >= 0);
	CHECK_ERRNO(open2(dir, "link", O_RDONLY, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK(open2(dir, "root", O_RDONLY, RESOLVE_IN_ROOT) >= 0);
	CHECK(open2(dir, "../../in", O_RDONLY, RESOLVE_IN_ROOT) >= 0);
	CHECK_ERRNO(open2(dir, "in", O_RDONLY, 0x8000), EINVAL);
	CHECK_ERRNO(open2(dir, "in", 1ull << 40, 0), EINVAL);
	struct open_how how = {0};
	CHECK_ERRNO(syscall(SYS_openat2, dir, "in", &how, 8), EINVAL);
	return 0;
}
