/* The auxiliary vector: page size, entry, program headers, ids, random bytes, platform and name are as the
 * ABI says. */
#include "check.h"
#include <elf.h>
#include <sys/auxv.h>

extern char _start[];

int main(int argc, char **argv)
{
	CHECK_EQ(getauxval(AT_PAGESZ), 4096);
	CHECK_EQ(getauxval(AT_CLKTCK), 100);
	CHECK_EQ(getauxval(AT_ENTRY), (unsigned long)_start);
	CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
	CHECK(getauxval(AT_PHNUM) >= 4);
	CHECK_EQ(getauxval(AT_UID), getuid());
	CHECK_EQ(getauxval(AT_EGID), getegid());
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK_STR((const char *)getauxval(AT_PLATFORM), "x86_64");
	CHECK(strstr((const char *)getauxval(AT_EXECFN), "auxv_sane"));
	const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
	int zeroes = 0;
	for (int i = 0; i < 16; i++)
		zeroes += random[i] == 0;
	CHECK(zeroes < 6);
	CHECK(getauxval(AT_MINSIGSTKSZ) >= 1000);
	CHECK(getauxval(AT_HWCAP) != 0);
	/* Debuggers read it all of a file. */
	unsigned long file[128];
	int fd = open("/proc/self/auxv", O_RDONLY);
	ssize_t n = read(fd, file, sizeof(file));

	CHECK(n > 0 && n % 16 == 0);
	close(fd);
	for (ssize_t i = 0; i < n / 8; i += 2)
		if (file[i] != AT_HWCAP) /* of which the C library tells something else */
			CHECK_EQ(file[i] ? getauxval(file[i]) : 0, file[i + 1]);
	CHECK_EQ(file[n / 8 - 2], AT_NULL);
	CHECK_EQ((uintptr_t)__builtin_frame_address(0) & 15, 0);
	return 0;
}
