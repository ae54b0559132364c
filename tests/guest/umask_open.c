/* The umask takes bits from what open and mkdir make, and returns its old value. */
#include "check.h"

static int mode(const char *name)
{
	struct stat st;

	CHECK_EQ(stat(name, &st), 0);
	return st.st_mode & 07777;
}

int main(void)
{
	umask(027);
	CHECK_EQ(umask(027), 027);
	CHECK(open("f", O_CREAT | O_WRONLY, 0666) >= 0);
	CHECK_EQ(mode("f"), 0640);
	CHECK_EQ(mkdir("d", 0777), 0);
	CHECK_EQ(mode("d"), 0750);
	CHECK_EQ(umask(07777), 027);
	CHECK_EQ(umask(0), 0777);
	CHECK_EQ(chmod("f", 01777), 0);
	CHECK_EQ(mode("f"), 01777);
	CHECK_EQ(fchmodat(AT_FDCWD, "d", 0711, 0), 0);
	CHECK_EQ(mode("d"), 0711);
	int fd = open("f", O_RDONLY);
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_EQ(mode("f"), 0600);
	return 0;
}
