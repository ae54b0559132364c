/* Removing each name as it is listed, as rm -r does, empties the directory. */
#include "check.h"
#include <dirent.h>

int main(void)
{
	char name[300];
	int removed = 0;

	CHECK_EQ(mkdir("d", 0700), 0);
	for (int i = 0; i < 700; i++) {
		snprintf(name, sizeof name, "d/%d", i);
		close(file_with(name, "", 0));
	}
	DIR *dir = opendir("d");
	CHECK(dir);
	for (struct dirent *e; (e = readdir(dir));) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(name, sizeof name, "d/%s", e->d_name);
		CHECK_EQ(unlink(name), 0);
		removed++;
	}
	CHECK_EQ(removed, 700);
	CHECK_EQ(rmdir("d"), 0);
	return 0;
}
