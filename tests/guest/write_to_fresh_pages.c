/*
 * Large writes into files in memory, where no pages were yet: whole and partial pages, over holes, from many
 * buffers, from buffers that end in nothing, with the file mapped meanwhile, and after it was made smaller.
 */
#include "check.h"

#define MIB (1 << 20)
#define SIZE (6 * MIB)

static char *pattern, *back;

static int fresh_file(void)
{
	int fd = memfd_create("fresh", 0);

	CHECK(fd >= 0);
	return fd;
}

static void same(int fd, off_t at, const char *want, size_t n)
{
	memset(back, 0x55, n);
	CHECK(pread(fd, back, n, at) == (ssize_t)n);
	CHECK(!memcmp(back, want, n));
}

static void zeroes(int fd, off_t from, off_t to)
{
	CHECK(pread(fd, back, to - from, from) == to - from);
	for (off_t i = 0; i < to - from; i++)
		CHECK(back[i] == 0);
}

static void sizes_and_places(void)
{
	static const size_t sizes[] = {1, 4095, 4096, 4097, 8192, 65536, 65537, 1000003, SIZE};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (off_t at = 0; at < 3; at++) {
			static const off_t places[] = {0, 4093, 3 * MIB + 17};
			int fd = fresh_file();
			struct stat st;

			CHECK(pwrite(fd, pattern, sizes[i], places[at]) == (ssize_t)sizes[i]);
			CHECK(!fstat(fd, &st) && st.st_size == places[at] + (off_t)sizes[i]);
			zeroes(fd, 0, places[at]);
			same(fd, places[at], pattern, sizes[i]);
			close(fd);
		}
}

static void many_buffers(void)
{
	struct iovec v[40];
	size_t at = 0;
	int fd = fresh_file();

	for (int i = 0; i < 40; i++) {
		v[i] = (struct iovec){pattern + at, 1000 + i * 997};
		at += v[i].iov_len;
	}
	CHECK(writev(fd, v, 40) == (ssize_t)at);
	same(fd, 0, pattern, at);
	CHECK(writev(fd, v, 40) == (ssize_t)at);
	same(fd, at, pattern, at);
	close(fd);
}

/* Up to the page that is not there, or a little less, as the kernel's copy in pieces gives it. */
static void buffer_that_ends(void)
{
	char *p = mmap(NULL, 256 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = fresh_file();
	ssize_t n;

	CHECK(p != MAP_FAILED);
	memcpy(p, pattern, 128 << 10);
	CHECK(!mprotect(p + (128 << 10), 128 << 10, PROT_NONE));
	n = pwrite(fd, p + 100, 256 << 10, 50);
	CHECK(n > 64 << 10 && n <= (128 << 10) - 100);
	same(fd, 50, pattern + 100, n);
	CHECK(pwrite(fd, p + (128 << 10), 64 << 10, MIB) == -1 && errno == EFAULT);
	close(fd);
}

static void not_yet_touched_source(void)
{
	char *p = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = fresh_file();

	CHECK(p != MAP_FAILED);
	CHECK(pwrite(fd, p, MIB, 0) == MIB);
	zeroes(fd, 0, MIB);
	close(fd);
}

static void while_mapped(void)
{
	int fd = fresh_file();
	char *p;

	CHECK(!ftruncate(fd, 2 * MIB));
	p = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK(p[MIB] == 0);
	CHECK(pwrite(fd, pattern, 2 * MIB, 0) == 2 * MIB);
	CHECK(!memcmp(p, pattern, 2 * MIB));
	p[5] = 'x';
	CHECK(pread(fd, back, 8, 0) == 8 && back[5] == 'x');
	/* Onto itself: the source is the file. */
	CHECK(pwrite(fd, p, MIB, 2 * MIB) == MIB);
	same(fd, 2 * MIB, p, MIB);
	close(fd);
}

static void smaller_and_larger(void)
{
	int fd = fresh_file();

	CHECK(pwrite(fd, pattern, 3 * MIB, 0) == 3 * MIB);
	CHECK(!ftruncate(fd, 10000));
	CHECK(pwrite(fd, pattern, MIB, 2 * MIB) == MIB);
	same(fd, 0, pattern, 10000);
	zeroes(fd, 10000, 2 * MIB);
	same(fd, 2 * MIB, pattern, MIB);
	CHECK(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2 * MIB, 512 << 10));
	CHECK(pwrite(fd, pattern, 100000, 2 * MIB + 7) == 100000);
	zeroes(fd, 2 * MIB, 2 * MIB + 7);
	same(fd, 2 * MIB + 7, pattern, 100000);
	zeroes(fd, 2 * MIB + 7 + 100000, 2 * MIB + (512 << 10));
	same(fd, 2 * MIB + (512 << 10), pattern + (512 << 10), 512 << 10);
	close(fd);
}

int main(void)
{
	pattern = malloc(SIZE + 64);
	back = malloc(SIZE + 64);
	for (size_t i = 0; i < SIZE + 64; i++)
		pattern[i] = (char)(i * 2654435761u >> 13 | 1);
	sizes_and_places();
	many_buffers();
	buffer_that_ends();
	not_yet_touched_source();
	while_mapped();
	smaller_and_larger();
	return 0;
}
