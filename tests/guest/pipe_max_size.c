/* /proc/sys/fs/pipe-max-size bounds F_SETPIPE_SZ of those without privileges. */
#include "check.h"

static unsigned long setting(const char *name)
{
	unsigned long value = 0;
	FILE *f = fopen(name, "re");

	CHECK(f);
	CHECK_EQ(fscanf(f, "%lu", &value), 1);
	fclose(f);
	return value;
}

int main(void)
{
	unsigned long most = setting("/proc/sys/fs/pipe-max-size");
	char page[4096] = "", byte;
	int ends[2];

	CHECK(most >= 4096);
	CHECK_EQ(most & (most - 1), 0);
	if (geteuid() == 0)
		CHECK_EQ(setresuid(65534, 65534, 65534), 0);
	if (most > 1 << 20)
		most = 1 << 20; /* natively somebody may have raised it, and then a user's pages are the bound */
	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, most), most);
	CHECK_EQ(fcntl(ends[1], F_GETPIPE_SZ), most);
	CHECK_ERRNO(fcntl(ends[0], F_SETPIPE_SZ, setting("/proc/sys/fs/pipe-max-size") + 1), EPERM);
	CHECK_ERRNO(fcntl(ends[0], F_SETPIPE_SZ, -1), EINVAL);
	CHECK_EQ(fcntl(ends[1], F_GETPIPE_SZ), most);
	for (unsigned long held = 0; held < most; held += sizeof page)
		CHECK_EQ(write(ends[1], page, sizeof page), sizeof page);
	CHECK_ERRNO(write(ends[1], &byte, 1), EAGAIN);
	CHECK_ERRNO(open("/proc/sys/fs/pipe-max-size", O_WRONLY), EACCES);
	return 0;
}
