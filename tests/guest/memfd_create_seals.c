/* A memfd reads back what was written, and its seals stop writing, growing and shrinking with EPERM. */
#include "check.h"

int main(void)
{
	char data[6];
	int fd = memfd_create("name", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(fd, "sealed", 6), 6);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK), 0);
	CHECK_ERRNO(ftruncate(fd, 3), EPERM);
	CHECK_ERRNO(ftruncate(fd, 8192), EPERM);
	CHECK_EQ(pwrite(fd, "S", 1, 0), 1);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL), 0);
	CHECK_ERRNO(pwrite(fd, "s", 1, 0), EPERM);
	CHECK_ERRNO((intptr_t)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EPERM);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	CHECK_EQ(pread(fd, data, 6, 0), 6);
	CHECK_EQ(memcmp(data, "Sealed", 6), 0);
	int plain = memfd_create("plain", 0);
	CHECK_EQ(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERRNO(memfd_create("x", 0x4000), EINVAL);
	return 0;
}
