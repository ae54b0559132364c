/* splice, tee and vmsplice wait for the first bytes or the first room, and move what is there then. */
#include "check.h"
#include <sys/resource.h>

static char buf[300000];
static int one[2], two[2], file;

static void between_pipes(void)
{
	CHECK_EQ(pipe(one), 0);
	CHECK_EQ(pipe(two), 0);
	CHECK_ERRNO(tee(one[0], two[1], 10, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(write(one[1], "0123456789", 10), 10);
	CHECK_EQ(tee(one[0], two[1], 4, 0), 4);
	CHECK_EQ(tee(one[0], two[1], sizeof buf, 0), 10);
	CHECK_EQ(read(two[0], buf, sizeof buf), 14);
	CHECK_EQ(memcmp(buf, "01230123456789", 14), 0);
	CHECK_EQ(write(one[1], buf, 4990), 4990); /* 894 bytes go on in the first page */
	CHECK_EQ(fcntl(two[1], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(tee(one[0], two[1], sizeof buf, 0), 904); /* one page: the rest has no room, and waits for none */
	CHECK_ERRNO(tee(one[0], two[1], sizeof buf, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(read(two[0], buf, sizeof buf), 904);
	CHECK_EQ(splice(one[0], NULL, two[1], NULL, sizeof buf, 0), 904);
	CHECK_EQ(read(two[0], buf, sizeof buf), 904);
	CHECK_EQ(read(one[0], buf, sizeof buf), 4096);
}

static void with_files(void)
{
	off_t at = -1;

	CHECK_EQ(ftruncate(file, sizeof buf), 0);
	CHECK_EQ(splice(file, NULL, two[1], NULL, sizeof buf, 0), 4096);
	CHECK_ERRNO(splice(file, NULL, two[1], NULL, sizeof buf, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(splice(two[0], NULL, file, NULL, sizeof buf, 0), 4096); /* waits for no more than there is */
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 8192);
	CHECK_ERRNO(splice(two[0], NULL, file, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERRNO(splice(file, &at, two[1], NULL, 1, 0), EINVAL);
	CHECK_EQ(fcntl(file, F_SETFL, O_APPEND), 0);
	at = 0;
	CHECK_EQ(splice(file, &at, two[1], NULL, 10, 0), 10);
	CHECK_EQ(at, 10);
	CHECK_ERRNO(splice(two[0], NULL, file, NULL, 10, 0), EINVAL);
	CHECK_EQ(splice(-1, NULL, -1, NULL, 0, 0), 0);
}

/* What cannot be written stays in the pipe. */
static void an_error_loses_nothing(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct rlimit small = {4096, RLIM_INFINITY};
	off_t far = 4096;
	int broken[2];

	CHECK_EQ(read(two[0], buf, sizeof buf), 10);
	CHECK_EQ(write(one[1], "kept", 4), 4);
	CHECK_EQ(sigaction(SIGPIPE, &ignore, NULL), 0);
	CHECK_EQ(sigaction(SIGXFSZ, &ignore, NULL), 0);
	CHECK_EQ(fcntl(file, F_SETFL, 0), 0);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
	CHECK_ERRNO(splice(one[0], NULL, file, &far, 4, 0), EFBIG);
	CHECK_EQ(pipe(broken), 0);
	close(broken[0]);
	CHECK_ERRNO(splice(one[0], NULL, broken[1], NULL, 4, 0), EPIPE);
	CHECK_ERRNO(splice(file, &(off_t){0}, broken[1], NULL, 4, 0), EPIPE);
	CHECK_EQ(read(one[0], buf, 10), 4);
	close(one[1]);
	CHECK_EQ(splice(one[0], NULL, two[1], NULL, 4, 0), 0);
	CHECK_ERRNO(tee(one[0], broken[1], 4, 0), EPIPE);
}

static void from_memory(void)
{
	struct iovec all = {buf, sizeof buf}, none = {buf, 0}, bad = {(void *)8, 8};
	char *page = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec pages = {page, 8 * 4096};
	ssize_t n;

	CHECK_EQ(fcntl(two[1], F_SETPIPE_SZ, 16384), 16384);
	CHECK_EQ(vmsplice(two[1], &pages, 1, 0), 16384); /* no wait for a reader that takes the first half */
	CHECK_ERRNO(vmsplice(two[1], &pages, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(vmsplice(two[0], &all, 1, 0), 16384);
	CHECK_ERRNO(vmsplice(two[0], &all, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(vmsplice(two[1], &none, 1, 0), 0);
	CHECK_ERRNO(vmsplice(two[1], &bad, 1, 0), EFAULT);
	CHECK_ERRNO(vmsplice(two[1], &all, 2000, 0), EINVAL);
	CHECK_ERRNO(vmsplice(-1, &all, 1, 0x40), EINVAL);
	CHECK_ERRNO(vmsplice(file, &all, 1, 0), EBADF);
	n = vmsplice(two[1], &(struct iovec){page, 10}, 1, 0);
	CHECK_EQ(n, 10);
}

int main(void)
{
	file = file_with("file", "", 0);
	between_pipes();
	with_files();
	an_error_loses_nothing();
	from_memory();
	return 0;
}
