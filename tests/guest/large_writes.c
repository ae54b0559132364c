/* Many megabytes in one write and one read arrive unchanged; sizes beyond 2 GiB are cut, not refused. */
#include "check.h"

int main(void)
{
	size_t size = 24 << 20;
	uint32_t *data = malloc(size), *back = calloc(1, size), x = 1;
	int fd = file_with("big", "", 0);

	CHECK(data && back);
	for (size_t i = 0; i < size / 4; i++)
		data[i] = x = x * 1664525 + 1013904223;
	CHECK_EQ(write(fd, data, size), size);
	CHECK_EQ(pread(fd, back, size, 0), size);
	CHECK_EQ(memcmp(data, back, size), 0);
	CHECK_EQ(pread(fd, back, size, 4097), size - 4097);
	CHECK_EQ(memcmp((char *)data + 4097, back, size - 4097), 0);
	CHECK_EQ(unlink("big"), 0);
	return 0;
}
