/* splice(2), tee(2), vmsplice(2).  Pages are not moved here but copied: the effect is the same, the flags are hints. */
#include "libos/kernel/syscall.h"
#include "libos/pipe/pipe.h"
#include <linux/uio.h>

#define SPLICE_F_NONBLOCK 2
#define SPLICE_F_KNOWN 15

static ssize_t do_splice(struct file *in, i64 *uin, struct file *out, i64 *uout, size_t n, u32 flags)
{
	i64 ipos = 0, opos = 0;
	u32 isaved = in->flags, osaved = out->flags;
	ssize_t ret;

	if (!FMODE_CAN_READ(in) || !FMODE_CAN_WRITE(out))
		return -EBADF;
	if (!file_is_pipe(in) && !file_is_pipe(out))
		return -EINVAL;
	if ((uin && file_is_pipe(in)) || (uout && file_is_pipe(out)))
		return -ESPIPE;
	if (file_is_pipe(in) && file_is_pipe(out) && in->priv == out->priv)
		return -EINVAL;
	if (out->flags & O_APPEND)
		return -EINVAL;
	if ((uin && get_user(ipos, uin)) || (uout && get_user(opos, uout)))
		return -EFAULT;
	/* What is there now, as Linux does: a pipe that has something does not block for more. */
	if (flags & SPLICE_F_NONBLOCK) {
		if (file_is_pipe(in))
			in->flags |= O_NONBLOCK;
		if (file_is_pipe(out))
			out->flags |= O_NONBLOCK;
	}
	ret = vfs_copy(in, uin ? &ipos : NULL, out, uout ? &opos : NULL, min(n, (size_t)65536));
	in->flags = isaved;
	out->flags = osaved;
	if (ret >= 0 && ((uin && put_user(ipos, uin)) || (uout && put_user(opos, uout))))
		return -EFAULT;
	return ret;
}

SYSCALL(splice, int in_fd, i64 *uin, int out_fd, i64 *uout, size_t n, unsigned int flags)
{
	struct file *in, *out;
	ssize_t ret = -EBADF;

	if (flags & ~SPLICE_F_KNOWN)
		return -EINVAL;
	if (!n)
		return 0;
	in = fd_get(in_fd);
	out = fd_get(out_fd);
	if (in && out)
		ret = do_splice(in, uin, out, uout, n, flags);
	file_put(in);
	file_put(out);
	return ret;
}

SYSCALL(tee, int in_fd, int out_fd, size_t n, unsigned int flags)
{
	struct file *in, *out;
	ssize_t ret = 0;

	if (flags & ~SPLICE_F_KNOWN)
		return -EINVAL;
	if (!n)
		return 0;
	in = fd_get(in_fd);
	out = fd_get(out_fd);
	if (!in || !out || !FMODE_CAN_READ(in) || !FMODE_CAN_WRITE(out))
		ret = -EBADF;
	else if (!file_is_pipe(in) || !file_is_pipe(out) || in->priv == out->priv)
		ret = -EINVAL;
	if (!ret)
		ret = pipe_tee(in, out, n, flags & SPLICE_F_NONBLOCK);
	file_put(in);
	file_put(out);
	return ret;
}

SYSCALL(vmsplice, int fd, const struct iovec *uiov, unsigned long count, unsigned int flags)
{
	struct file *f = fd_get(fd);
	ssize_t done = 0, n;
	struct iovec v;

	if (!f)
		return -EBADF;
	if (!file_is_pipe(f) || (flags & ~SPLICE_F_KNOWN) || count > UIO_MAXIOV) {
		n = file_is_pipe(f) ? -EINVAL : -EBADF;
		file_put(f);
		return n;
	}
	for (unsigned long i = 0; i < count; i++) {
		struct bz_iov iov;
		struct iov_iter it;
		i64 pos = 0;

		n = copy_from_user(&v, &uiov[i], sizeof(v));
		if (!n) {
			iov.base = v.iov_base;
			iov.len = v.iov_len;
			iov_iter_init(&it, &iov, 1, false);
			n = FMODE_CAN_WRITE(f) ? f->ops->write(f, &it, &pos) : f->ops->read(f, &it, &pos);
		}
		if (n <= 0) {
			file_put(f);
			return done ? done : n;
		}
		done += n;
		if ((size_t)n < v.iov_len)
			break;
	}
	file_put(f);
	return done;
}
