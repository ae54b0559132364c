/* The auxiliary vector points to a vDSO image with the symbols that libraries look for. */
#include "check.h"
#include <dlfcn.h>
#include <elf.h>
#include <sys/auxv.h>

int main(void)
{
	const unsigned char *image = (const unsigned char *)getauxval(AT_SYSINFO_EHDR);

	CHECK(image);
	CHECK_EQ(memcmp(image, ELFMAG, SELFMAG), 0);
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)image;
	CHECK_EQ(header->e_machine, EM_X86_64);
	CHECK_EQ(header->e_type, ET_DYN);
	void *vdso = dlopen("linux-vdso.so.1", RTLD_LAZY | RTLD_NOLOAD);
	CHECK(vdso);
	int (*gettime)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))(
	    uintptr_t)dlvsym(vdso, "__vdso_clock_gettime", "LINUX_2.6");
	CHECK(gettime);
	struct timespec now, after;
	CHECK_EQ(gettime(CLOCK_MONOTONIC, &now), 0);
	CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &after), 0);
	CHECK(after.tv_sec >= now.tv_sec);
	CHECK(dlvsym(vdso, "__vdso_getcpu", "LINUX_2.6"));
	CHECK(dlvsym(vdso, "__vdso_gettimeofday", "LINUX_2.6"));
	time_t (*seconds)(time_t *) = (time_t (*)(time_t *))(uintptr_t)dlvsym(vdso, "__vdso_time", "LINUX_2.6");
	CHECK(seconds);
	time_t before = seconds(NULL), stored, then;
	clock_gettime(CLOCK_REALTIME, &now);
	then = time(&stored);
	CHECK_EQ(stored, then);
	CHECK(before <= now.tv_sec && then >= now.tv_sec - 1 && then <= now.tv_sec + 60);
	return 0;
}
