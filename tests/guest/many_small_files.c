/* A thousand files in nested directories keep their contents, and are all removed again. */
#include "check.h"
#include <ftw.h>

static int visited;

static int removes(const char *path, const struct stat *st, int type, struct FTW *at)
{
	visited++;
	return remove(path);
}

int main(void)
{
	char name[64], text[64];

	CHECK_EQ(mkdir("t", 0700), 0);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "t/%d", i / 50);
		if (i % 50 == 0)
			CHECK_EQ(mkdir(name, 0700), 0);
		snprintf(name, sizeof name, "t/%d/%d", i / 50, i);
		close(file_with(name, name, strlen(name)));
	}
	for (int i = 999; i >= 0; i--) {
		snprintf(name, sizeof name, "t/%d/%d", i / 50, i);
		int fd = open(name, O_RDONLY);
		ssize_t n = read(fd, text, sizeof text);
		CHECK_EQ(n, strlen(name));
		CHECK_EQ(memcmp(text, name, (size_t)n), 0);
		close(fd);
	}
	CHECK_EQ(nftw("t", removes, 16, FTW_DEPTH | FTW_PHYS), 0);
	CHECK_EQ(visited, 1021);
	return 0;
}
