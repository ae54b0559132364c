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
	CHECK_EQ((uintptr_t)__builtin_frame_address(0) & 15, 0);
	return 0;
}
