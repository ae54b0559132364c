/* An unlinked file lives while it is open or mapped; a removed directory that is open is empty. */
#include "check.h"

int main(void)
{
	char text[5] = "";
	struct stat st;
	int fd = file_with("f", "still", 5);

	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_EQ(unlink("f"), 0);
	CHECK_ERRNO(stat("f", &st), ENOENT);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(pread(fd, text, 5, 0), 5);
	CHECK_EQ(memcmp(text, "still", 5), 0);
	CHECK_EQ(pwrite(fd, "S", 1, 0), 1);
	CHECK_EQ(p[0], 'S');
	close(file_with("f", "new", 3));
	CHECK_EQ(file_size(fd), 5);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(p[1], 't');
	CHECK_EQ(mkdir("d", 0700), 0);
	int dir = open("d", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(rmdir("d"), 0);
	CHECK_ERRNO(openat(dir, "x", O_CREAT | O_WRONLY, 0600), ENOENT);
	return 0;
}
