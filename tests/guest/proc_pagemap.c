/* /proc/self/pagemap: a word for each page, bit 63 for what is there; kcmp(2) of what processes without any do not share. */
#include "check.h"
#include <linux/kcmp.h>

#define PAGE 4096ul
#define PRESENT (1ull << 63)

int main(void)
{
	char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open("/proc/self/pagemap", O_RDONLY);
	uint64_t words[4];

	CHECK(p != MAP_FAILED);
	if (fd < 0 && (errno == EPERM || errno == ENOENT))
		skip("a kernel that does not show it");
	CHECK(fd >= 0);
	memset(p, 1, 4 * PAGE);
	CHECK(!munmap(p + 2 * PAGE, PAGE));
	CHECK_EQ(pread(fd, words, sizeof(words), (uintptr_t)p / PAGE * 8), 32);
	CHECK((words[0] & PRESENT) && (words[1] & PRESENT) && (words[3] & PRESENT));
	CHECK_EQ(words[2], 0);
	CHECK_EQ(lseek(fd, (uintptr_t)p / PAGE * 8, SEEK_SET), (uintptr_t)p / PAGE * 8);
	CHECK_EQ(read(fd, words, 8), 8);
	CHECK_ERRNO(pread(fd, words, 7, 0), EINVAL);
	CHECK_ERRNO(pread(fd, words, 8, 4), EINVAL);
	CHECK_EQ(syscall(SYS_kcmp, getpid(), getpid(), KCMP_SYSVSEM, 0, 0), 0);
	return 0;
}
