/* Two thousand names are each listed once, through small buffers, and after seekdir; d_type tells the kind.
 */
#include "check.h"
#include <dirent.h>

enum { COUNT = 2000 };

int main(void)
{
	static char seen[COUNT];
	char name[32], buffer[512];
	int dots = 0, total = 0;

	CHECK_EQ(mkdir("d", 0700), 0);
	for (int i = 0; i < COUNT; i++) {
		snprintf(name, sizeof name, "d/entry-%d", i);
		int fd = open(name, O_CREAT | O_WRONLY | O_EXCL, 0600);
		CHECK(fd >= 0);
		CHECK_EQ(close(fd), 0);
	}
	int fd = open("d", O_RDONLY | O_DIRECTORY);
	for (long n; (n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) != 0;) {
		CHECK(n > 0);
		for (long at = 0; at < n;) {
			struct dirent64 *e = (struct dirent64 *)(buffer + at);
			if (e->d_name[0] == '.') {
				dots++;
			} else {
				int i = atoi(e->d_name + 6);
				CHECK_EQ(seen[i], 0);
				seen[i] = 1;
				total++;
				CHECK(e->d_type == DT_REG || e->d_type == DT_UNKNOWN);
			}
			at += e->d_reclen;
		}
	}
	CHECK_EQ(dots, 2);
	CHECK_EQ(total, COUNT);
	CHECK_ERRNO(syscall(SYS_getdents64, open("d", O_RDONLY), buffer, 8), EINVAL);
	DIR *dir = opendir("d");
	for (int i = 0; i < 100; i++)
		CHECK(readdir(dir));
	long place = telldir(dir);
	struct dirent *e = readdir(dir);
	CHECK(e);
	strcpy(name, e->d_name);
	for (int i = 0; i < 500; i++)
		CHECK(readdir(dir));
	seekdir(dir, place);
	e = readdir(dir);
	CHECK(e);
	CHECK_STR(e->d_name, name);
	return 0;
}
