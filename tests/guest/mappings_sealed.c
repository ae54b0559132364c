/* mseal(2): what is sealed is not unmapped, moved, replaced or protected otherwise, nor emptied where it is read-only. */
#include "check.h"
#include <sys/wait.h>

#define NR_MSEAL 462
#define PAGE 4096ul

static long seal(void *p, size_t n, unsigned long flags)
{
	return syscall(NR_MSEAL, p, n, flags);
}

static void refused(char *p)
{
	CHECK_ERRNO(mprotect(p + 2 * PAGE, 3 * PAGE, PROT_NONE), EPERM);
	CHECK_ERRNO(munmap(p, 8 * PAGE), EPERM);
	CHECK(mmap(p, 8 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EPERM);
	CHECK(mremap(p + 2 * PAGE, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EPERM);
	CHECK(mremap(p + 2 * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + 64 * PAGE) == MAP_FAILED && errno == EPERM);
	CHECK_EQ(p[2 * PAGE], 'x');
}

int main(void)
{
	char *p = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status;

	if (seal(p, 0, 0) && errno == ENOSYS)
		skip("this kernel knows no mseal");
	memset(p, 'x', 8 * PAGE);
	CHECK_ERRNO(seal(p, PAGE, 1), EINVAL);
	CHECK_ERRNO(seal(p + 1, PAGE, 0), EINVAL);
	CHECK_ERRNO(seal(p, -PAGE + 2, 0), EINVAL);
	CHECK(!munmap(p + 7 * PAGE, PAGE));
	CHECK_ERRNO(seal(p, 8 * PAGE, 0), ENOMEM);
	CHECK(!seal(p + 2 * PAGE, PAGE, 0));
	CHECK(!seal(p + 2 * PAGE, PAGE, 0));
	refused(p);
	/* Memory that can be written may be emptied as well. */
	CHECK(!madvise(p, 7 * PAGE, MADV_DONTNEED));
	CHECK_EQ(p[2 * PAGE], 0);
	memset(p, 'x', 7 * PAGE);
	CHECK(!mprotect(p + 4 * PAGE, PAGE, PROT_READ));
	CHECK(!seal(p + 4 * PAGE, PAGE, 0));
	CHECK_ERRNO(madvise(p + 4 * PAGE, PAGE, MADV_DONTNEED), EPERM);
	CHECK(!madvise(p + 4 * PAGE, PAGE, MADV_WILLNEED));
	/* Its neighbours are free, and a child's copy is sealed too. */
	CHECK(!munmap(p + 5 * PAGE, PAGE));
	CHECK(!mprotect(p, 2 * PAGE, PROT_READ));
	if (!fork()) {
		refused(p);
		_exit(17);
	}
	CHECK(wait(&status) > 0 && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 17);
	return 0;
}
