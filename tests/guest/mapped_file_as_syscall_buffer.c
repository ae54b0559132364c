/* Mapped files and untouched pages serve as buffers of system calls like any memory. */
#include "check.h"

int main(void)
{
	char back[5000];
	int in = file_with("in", "", 0), out = file_with("out", "", 0);

	for (int i = 0; i < 5000; i++)
		back[i] = (char)(i * 7);
	CHECK_EQ(write(in, back, 5000), 5000);
	char *file = mmap(NULL, 5000, PROT_READ, MAP_PRIVATE, in, 0);
	CHECK(file != MAP_FAILED);
	CHECK_EQ(write(out, file, 5000), 5000);
	char *fresh = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(pread(out, fresh, 5000, 0), 5000);
	CHECK_EQ(memcmp(fresh, back, 5000), 0);
	CHECK_EQ(mprotect(fresh, 4096, PROT_READ), 0);
	CHECK_ERRNO(pread(out, fresh, 5000, 0), EFAULT);
	return 0;
}
