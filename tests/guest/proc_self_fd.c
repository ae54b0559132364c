/* /proc/self/fd lists the open descriptors, its links name them, and opening one opens the file anew. */
#include "check.h"
#include <dirent.h>

int main(void)
{
	char path[64], target[PATH_MAX] = "", byte;
	int fd = file_with("named", "abc", 3), listed = 0, ends[2];

	DIR *dir = opendir("/proc/self/fd");
	CHECK(dir);
	for (struct dirent *e; (e = readdir(dir));)
		listed += atoi(e->d_name) == fd && e->d_name[0] != '.';
	CHECK_EQ(listed, 1);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	CHECK(readlink(path, target, sizeof target - 1) > 0);
	CHECK(strlen(target) > 6 && !strcmp(target + strlen(target) - 6, "/named"));
	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	int again = open(path, O_RDONLY);
	CHECK(again >= 0);
	CHECK_EQ(read(again, &byte, 1), 1);
	CHECK_EQ(byte, 'a');
	CHECK_EQ(pipe(ends), 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[0]);
	memset(target, 0, sizeof target);
	CHECK(readlink(path, target, sizeof target - 1) > 0);
	CHECK_EQ(strncmp(target, "pipe:[", 6), 0);
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	FILE *info = fopen(path, "r");
	long pos = -1;
	CHECK(info && fscanf(info, "pos: %ld", &pos) == 1);
	CHECK_EQ(pos, 2);
	CHECK_ERRNO(readlink("/proc/self/fd/4000", target, 10), ENOENT);
	return 0;
}
