/* /dev/null, zero, full, random and urandom behave; /dev/fd and /dev/stdin lead to the descriptors. */
#include "check.h"

int main(void)
{
	char data[64];
	struct stat st;
	int null = open("/dev/null", O_RDWR), zero = open("/dev/zero", O_RDWR),
	    full = open("/dev/full", O_RDWR);
	int random = open("/dev/urandom", O_RDONLY);

	CHECK_EQ(write(null, data, 64), 64);
	CHECK_EQ(read(null, data, 64), 0);
	memset(data, 1, sizeof data);
	CHECK_EQ(read(zero, data, 64), 64);
	CHECK_EQ(data[0] | data[63], 0);
	CHECK_ERRNO(write(full, data, 1), ENOSPC);
	CHECK_EQ(read(full, data, 64), 64);
	CHECK_EQ(read(random, data, 64), 64);
	int zeroes = 0;
	for (int i = 0; i < 64; i++)
		zeroes += data[i] == 0;
	CHECK(zeroes < 16);
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[100], 0);
	p[100] = 1;
	CHECK_EQ(stat("/dev/fd/0", &st), 0);
	CHECK_EQ(stat("/dev/stdin", &st), 0);
	CHECK_ERRNO(open("/dev/null/x", O_RDONLY), ENOTDIR);
	return 0;
}
