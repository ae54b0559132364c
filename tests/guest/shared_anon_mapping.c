/* Shared anonymous memory is zeroed, writable by all threads, survives mremap and partial unmapping. */
#include "check.h"

static void *writer(void *memory)
{
	((char *)memory)[4096] = 't';
	return NULL;
}

int main(void)
{
	pthread_t thread;
	char *p = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK_EQ(p[0], 0);
	CHECK_OK(pthread_create(&thread, NULL, writer, p));
	CHECK_OK(pthread_join(thread, NULL));
	CHECK_EQ(p[4096], 't');
	CHECK_EQ(madvise(p, 16 * 4096, MADV_DONTNEED), 0);
	CHECK_EQ(p[4096], 't'); /* shared contents stay */
	CHECK_EQ(munmap(p + 8 * 4096, 8 * 4096), 0);
	p[8 * 4096 - 1] = 'e';
	char *q = mremap(p, 0, 8 * 4096, MREMAP_MAYMOVE); /* old size 0: a second view */
	CHECK(q != MAP_FAILED && q != p);
	CHECK_EQ(q[4096], 't');
	q[5] = '5';
	CHECK_EQ(p[5], '5');
	return 0;
}
