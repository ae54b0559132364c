/* io_submit(2) and its sisters, without libaio: results, errors, what an eventfd hears, and what a fork leaves. */
#include "check.h"
#include <linux/aio_abi.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

static aio_context_t ctx;

static long submit(struct iocb *cb)
{
	return syscall(SYS_io_submit, ctx, 1L, &cb);
}

static long result(struct iocb *cb)
{
	struct timespec soon = {5, 0};
	struct io_event e;

	CHECK_EQ(syscall(SYS_io_getevents, ctx, 1L, 1L, &e, &soon), 1);
	CHECK_EQ(e.obj, (unsigned long)cb);
	CHECK_EQ(e.data, cb->aio_data);
	return e.res;
}

static struct iocb request(int op, int fd, const void *buf, size_t n, long off)
{
	struct iocb cb = {.aio_lio_opcode = op, .aio_fildes = fd, .aio_buf = (unsigned long)buf, .aio_nbytes = n,
			  .aio_offset = off, .aio_data = 4711 + op};

	return cb;
}

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600), ends[2], efd = eventfd(0, EFD_NONBLOCK), status;
	struct timespec none = {0, 0};
	aio_context_t bad = 1;
	struct io_event e[2];
	struct iocb cb, *list[2];
	struct iovec v[2];
	char buf[64] = "";
	uint64_t heard;

	CHECK(fd >= 0 && efd >= 0 && !pipe(ends));
	CHECK_ERRNO(syscall(SYS_io_setup, 0, &ctx), EINVAL);
	CHECK_ERRNO(syscall(SYS_io_setup, 4, &bad), EINVAL);
	CHECK_ERRNO(syscall(SYS_io_setup, -1, &ctx), EINVAL);
	CHECK_ERRNO(syscall(SYS_io_setup, 4, (void *)8), EFAULT);
	CHECK(!syscall(SYS_io_setup, 4, &ctx));

	cb = request(IOCB_CMD_PWRITE, fd, "hello, world", 12, 3);
	CHECK_EQ(submit(&cb), 1);
	CHECK_EQ(result(&cb), 12);
	v[0] = (struct iovec){buf, 5};
	v[1] = (struct iovec){buf + 5, 30};
	cb = request(IOCB_CMD_PREADV, fd, v, 2, 0);
	cb.aio_flags = IOCB_FLAG_RESFD;
	cb.aio_resfd = efd;
	CHECK_EQ(submit(&cb), 1);
	CHECK_EQ(result(&cb), 15);
	CHECK(!memcmp(buf, "\0\0\0hello, world", 15));
	CHECK(read(efd, &heard, 8) == 8 && heard == 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	cb = request(IOCB_CMD_FDSYNC, fd, NULL, 0, 0);
	CHECK_EQ(submit(&cb), 1);
	CHECK_EQ(result(&cb), 0);
	cb = request(IOCB_CMD_PREAD, ends[0], buf, 4, 0);
	cb.aio_rw_flags = RWF_NOWAIT;
	CHECK_EQ(submit(&cb), 1);
	CHECK_EQ(result(&cb), -EAGAIN);

	/* What is refused at once; one good request before it counts. */
	cb = request(IOCB_CMD_PREAD, ends[1], buf, 4, 0);
	CHECK_ERRNO(submit(&cb), EBADF);
	cb = request(IOCB_CMD_PREAD, -1, buf, 4, 0);
	CHECK_ERRNO(submit(&cb), EBADF);
	cb = request(99, fd, buf, 4, 0);
	CHECK_ERRNO(submit(&cb), EINVAL);
	cb = request(IOCB_CMD_PREAD, fd, buf, 4, 0);
	cb.aio_flags = IOCB_FLAG_RESFD;
	cb.aio_resfd = fd;
	CHECK_ERRNO(submit(&cb), EINVAL);
	CHECK_ERRNO(syscall(SYS_io_submit, ctx, -1L, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_io_submit, ctx, 1L, (void *)8), EFAULT);
	CHECK_ERRNO(syscall(SYS_io_submit, 1L, 1L, NULL), EINVAL);
	cb = request(IOCB_CMD_PREAD, fd, buf, 4, 3);
	list[0] = &cb;
	list[1] = (struct iocb *)8;
	CHECK_EQ(syscall(SYS_io_submit, ctx, 2L, list), 1);
	CHECK_EQ(syscall(SYS_io_getevents, ctx, 2L, 2L, e, &none), 1);
	CHECK(e[0].res == 4 && !memcmp(buf, "hell", 4));

	CHECK_EQ(syscall(SYS_io_getevents, ctx, 0L, 2L, e, NULL), 0);
	CHECK_ERRNO(syscall(SYS_io_getevents, ctx, 2L, 1L, e, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_io_getevents, 1L, 1L, 1L, e, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_io_cancel, ctx, (void *)8, e), EFAULT);
	CHECK_ERRNO(syscall(SYS_io_cancel, ctx, &cb, e), EINVAL);

	/* A child has none of it. */
	if (!fork()) {
		cb = request(IOCB_CMD_PREAD, fd, buf, 4, 0);
		_exit(submit(&cb) == -1 && errno == EINVAL ? 17 : 1);
	}
	CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 17);
	CHECK(!syscall(SYS_io_destroy, ctx));
	CHECK_ERRNO(syscall(SYS_io_destroy, ctx), EINVAL);

	/* An eventfd at the end of its range says so. */
	CHECK(!syscall(SYS_io_setup, 1, (ctx = 0, &ctx)));
	heard = -2ull;
	CHECK(write(efd, &heard, 8) == 8);
	cb = request(IOCB_CMD_PREAD, fd, buf, 4, 0);
	cb.aio_flags = IOCB_FLAG_RESFD;
	cb.aio_resfd = efd;
	CHECK_EQ(submit(&cb), 1);
	struct pollfd p = {efd, POLLIN, 0};
	CHECK(poll(&p, 1, 0) == 1 && p.revents == (POLLIN | POLLERR));
	CHECK(read(efd, &heard, 8) == 8 && heard == ~0ull);
	return 0;
}
