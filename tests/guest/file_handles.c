/* name_to_handle_at and open_by_handle_at: a handle finds its file under whatever name, and is stale when the file is gone. */
#include "check.h"

static struct { struct file_handle h; unsigned char room[128]; } handle, again;

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT, 0600), mount, other, dir = open(".", O_RDONLY | O_DIRECTORY);
	char buf[8] = "";

	CHECK(fd >= 0 && dir >= 0 && write(fd, "text", 4) == 4);
	handle.h.handle_bytes = 0;
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "file", &handle.h, &mount, 0), EOVERFLOW);
	CHECK(handle.h.handle_bytes > 0 && handle.h.handle_bytes <= 128);
	CHECK(!name_to_handle_at(AT_FDCWD, "file", &handle.h, &mount, 0));
	again.h.handle_bytes = 128;
	CHECK(!name_to_handle_at(fd, "", &again.h, &mount, AT_EMPTY_PATH));
	CHECK(!memcmp(&handle, &again, sizeof(handle.h) + handle.h.handle_bytes));
	again.h.handle_bytes = 129;
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "file", &again.h, &mount, 0), EINVAL);
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "file", &again.h, &mount, 1), EINVAL);
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "none", &again.h, &mount, 0), ENOENT);
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "file", (struct file_handle *)8, &mount, 0), EFAULT);
	if (geteuid()) {
		CHECK_ERRNO(open_by_handle_at(dir, &handle.h, O_RDONLY), EPERM);
		return 0;
	}
	CHECK(!rename("file", "renamed"));
	other = open_by_handle_at(dir, &handle.h, O_RDONLY);
	CHECK(other >= 0 && read(other, buf, 8) == 4 && !memcmp(buf, "text", 4));
	close(other);
	CHECK_ERRNO(open_by_handle_at(-1, &handle.h, O_RDONLY), EBADF);
	handle.h.handle_bytes = 0;
	CHECK_ERRNO(open_by_handle_at(dir, &handle.h, O_RDONLY), EINVAL);
	return 0;
}
