/* Sending and receiving: send(2), recv(2), sendmsg(2), sendmmsg(2) and their kin; control messages as in cmsg(3). */
#include "libos/kernel/syscall.h"
#include "libos/socket/socket.h"
#include "libos/signal/signal.h"
#include <linux/uio.h>

struct msghdr {
	void *name;
	int namelen;
	const struct iovec *iov;
	u64 iovlen;
	void *control;
	u64 controllen;
	u32 flags;
};

struct mmsghdr {
	struct msghdr hdr;
	u32 len;
};

/* A guest's header with its vector. */
struct message {
	struct msghdr hdr;
	struct socket_msg m;
	struct bz_iov fast[IOV_FAST], *iov;
};

/* Room for a control message of `len` bytes of data: how many of them fit, and its header written with that. */
bool socket_put_header(struct socket_msg *m, int level, int type, u64 len)
{
	struct cmsghdr h = {.len = sizeof(h) + len, .level = level, .type = type};
	u64 space;

	if (copy_to_user(m->control + m->control_used, &h, sizeof(h)))
		return false;
	space = min(ROUND_UP(h.len, 8ul), m->control_len);
	m->control_used += space;
	m->control_len -= space;
	return true;
}

void socket_put_control(struct socket_msg *m, int level, int type, const void *data, u64 len)
{
	char *to = m->control + m->control_used + sizeof(struct cmsghdr);

	if (!m->control || m->control_len < sizeof(struct cmsghdr)) {
		m->out_flags |= MSG_CTRUNC;
		return;
	}
	if (m->control_len < sizeof(struct cmsghdr) + len) {
		m->out_flags |= MSG_CTRUNC;
		len = m->control_len - sizeof(struct cmsghdr);
	}
	if (!copy_to_user(to, data, len))
		socket_put_header(m, level, type, len);
}

void socket_put_timestamp(struct socket *s, struct socket_msg *m, i64 time)
{
	i64 t[2] = {time / NSEC_PER_SEC, time % NSEC_PER_SEC};

	if (likely(!s->timestamps))
		return;
	if (s->timestamps == 1)
		t[1] /= 1000;
	socket_put_control(m, SOL_SOCKET, s->timestamps == 1 ? SO_TIMESTAMP_OLD : SO_TIMESTAMPNS_OLD, t, sizeof(t));
}

#define CONTROL_MAX 20480u	/* net.core.optmem_max */

int socket_each_control(struct socket_msg *m, int (*take)(void *arg, const struct cmsghdr *h, u64 n), void *arg)
{
	u64 at = 0, left;
	char *buf;
	int err = 0;

	if (m->control_len > CONTROL_MAX)
		return -ENOBUFS;
	buf = kmalloc(m->control_len);
	if (!buf)
		return -ENOBUFS;
	if (copy_from_user(buf, m->control, m->control_len))
		err = -EFAULT;
	while (!err && (left = m->control_len - at) >= sizeof(struct cmsghdr)) {
		const struct cmsghdr *h = (const void *)(buf + at);

		err = h->len < sizeof(*h) || h->len > left ? -EINVAL : take(arg, h, h->len - sizeof(*h));
		at += min(ROUND_UP(h->len, 8ul), left);
	}
	kfree(buf);
	return err;
}

/* --- what buffers cost: their structure, and memory in powers of two, or pages --- */

#define LINEAR_MAX 16064u	/* of a datagram's bytes, those in one piece */

u32 socket_linear_size(u32 n)
{
	u32 want = ROUND_UP(n, 64u) + 320, size = 512;

	while (size < want)
		size *= 2;
	return 256 + size;
}

u32 socket_truesize(u32 n)
{
	u32 pages = n > LINEAR_MAX ? min(n, (u32)PAGE_ALIGN(n - LINEAR_MAX)) : 0;

	return socket_linear_size(n - pages) + PAGE_ALIGN(pages);
}

/* --- without a header --- */

SYSCALL(sendto, int fd, const void *buf, size_t n, unsigned int flags, const struct sockaddr *addr, int len)
{
	struct socket_msg m = {.flags = flags};
	struct bz_iov iov = {(void *)buf, min(n, RW_MAX)};
	struct socket_use u;
	ssize_t ret = 0;

	if (!access_ok(buf, iov.len))
		return -EFAULT;
	u = socket_use(fd);
	if (!u.socket)
		return u.err;
	if (addr)
		ret = socket_name_in(&m.name, addr, len);
	if (!ret) {
		iov_iter_init(&m.it, &iov, 1, false);
		m.nowait = (flags & MSG_DONTWAIT) || (u.use.file->flags & O_NONBLOCK);
		ret = u.socket->ops->send(u.socket, &m);
	}
	socket_unuse(u);
	return ret;
}

SYSCALL(recvfrom, int fd, void *buf, size_t n, unsigned int flags, struct sockaddr *addr, int *len)
{
	struct socket_msg m = {.flags = flags};
	struct bz_iov iov = {buf, min(n, RW_MAX)};
	struct socket_use u;
	ssize_t ret;

	if (!access_ok(buf, iov.len))
		return -EFAULT;
	u = socket_use(fd);
	if (!u.socket)
		return u.err;
	iov_iter_init(&m.it, &iov, 1, false);
	m.nowait = (flags & MSG_DONTWAIT) || (u.use.file->flags & O_NONBLOCK);
	ret = u.socket->ops->receive(u.socket, &m);
	socket_unuse(u);
	if (ret >= 0 && addr) {
		int err = socket_name_out(&m.name, addr, len);

		if (err)
			return err;
	}
	return ret;
}

/* --- with one --- */

static long message_load(struct message *msg, const struct msghdr *uhdr)
{
	struct msghdr *h = &msg->hdr;
	long err;

	msg->iov = msg->fast;
	memset(&msg->m, 0, sizeof(msg->m));
	if (copy_from_user(h, uhdr, sizeof(*h)))
		return -EFAULT;
	if (!h->name)
		h->namelen = 0;
	if (h->namelen < 0)
		return -EINVAL;
	h->namelen = min(h->namelen, (int)sizeof(msg->m.name.bytes));
	if (h->iovlen > UIO_MAXIOV)
		return -EMSGSIZE;
	err = iov_load(h->iov, h->iovlen, msg->fast, &msg->iov);
	if (err)
		return err;
	iov_iter_init(&msg->m.it, msg->iov, h->iovlen, false);
	msg->m.control = h->control;
	msg->m.control_len = h->control ? h->controllen : 0;
	return 0;
}

static void message_free(struct message *msg)
{
	if (msg->iov != msg->fast)
		kfree(msg->iov);
}

static ssize_t send_one(struct socket_use u, const struct msghdr *uhdr, u32 flags)
{
	struct message msg;
	ssize_t ret = message_load(&msg, uhdr);

	if (!ret && msg.hdr.namelen)
		ret = socket_name_in(&msg.m.name, msg.hdr.name, msg.hdr.namelen);
	if (!ret && msg.m.control_len > 0x7fffffff)
		ret = -ENOBUFS;
	if (!ret) {
		msg.m.flags = flags;
		msg.m.nowait = (flags & MSG_DONTWAIT) || (u.use.file->flags & O_NONBLOCK);
		ret = u.socket->ops->send(u.socket, &msg.m);
	}
	message_free(&msg);
	return ret;
}

static ssize_t receive_one(struct socket_use u, struct msghdr *uhdr, u32 flags)
{
	struct message msg;
	ssize_t ret = message_load(&msg, uhdr);

	if (!ret) {
		msg.m.flags = flags;
		msg.m.nowait = (flags & MSG_DONTWAIT) || (u.use.file->flags & O_NONBLOCK);
		ret = u.socket->ops->receive(u.socket, &msg.m);
	}
	message_free(&msg);
	if (ret < 0)
		return ret;
	if (msg.hdr.name) {
		if (copy_to_user(msg.hdr.name, msg.m.name.bytes, min((u32)msg.hdr.namelen, msg.m.name.len)) ||
		    put_user((int)msg.m.name.len, &uhdr->namelen))
			return -EFAULT;
	}
	if (put_user(msg.m.out_flags | (flags & MSG_CMSG_CLOEXEC), &uhdr->flags) ||
	    put_user(msg.m.control_used, &uhdr->controllen))
		return -EFAULT;
	return ret;
}

SYSCALL(sendmsg, int fd, const struct msghdr *msg, unsigned int flags)
{
	struct socket_use u = socket_use(fd);
	ssize_t ret;

	if (!u.socket)
		return u.err;
	ret = send_one(u, msg, flags);
	socket_unuse(u);
	return ret;
}

SYSCALL(recvmsg, int fd, struct msghdr *msg, unsigned int flags)
{
	struct socket_use u = socket_use(fd);
	ssize_t ret;

	if (!u.socket)
		return u.err;
	ret = receive_one(u, msg, flags);
	socket_unuse(u);
	return ret;
}

SYSCALL(sendmmsg, int fd, struct mmsghdr *msgs, unsigned int count, unsigned int flags)
{
	struct mmsghdr *m = msgs;
	struct socket_use u = socket_use(fd);
	ssize_t ret = 0;
	u32 i;

	if (!u.socket)
		return u.err;
	count = min(count, (u32)UIO_MAXIOV);
	for (i = 0; i < count; i++) {
		ret = send_one(u, &m[i].hdr, flags);
		if (ret >= 0 && put_user((u32)ret, &m[i].len))
			ret = -EFAULT;
		if (ret < 0)
			break;
		if (signal_is_pending()) {
			i++;
			break;
		}
	}
	socket_unuse(u);
	return i ? (ssize_t)i : ret;
}

static ssize_t receive_many(struct socket_use u, struct mmsghdr *m, u32 count, u32 flags, i64 deadline)
{
	ssize_t ret = socket_error(u.socket);
	u32 i = 0;

	while (!ret && i < count) {
		ret = receive_one(u, &m[i].hdr, flags & ~MSG_WAITFORONE);
		if (ret >= 0 && put_user((u32)ret, &m[i].len))
			ret = -EFAULT;
		if (ret < 0)
			break;
		ret = 0;
		i++;
		if (flags & MSG_WAITFORONE)
			flags |= MSG_DONTWAIT;
		if (deadline != BZ_NO_DEADLINE && now_mono() >= deadline)
			break;
		if (signal_is_pending())
			break;
	}
	if (i && ret < 0 && ret != -EAGAIN && ret != -ERESTARTSYS && ret != -EINTR)
		WRITE_ONCE(u.socket->error, -ret);	/* the next call tells it, as Linux does */
	return i ? (ssize_t)i : ret;
}

/* The timeout is looked at between messages only (recvmmsg(2), BUGS). */
SYSCALL(recvmmsg, int fd, struct mmsghdr *msgs, unsigned int count, unsigned int flags, struct timespec *timeout)
{
	i64 ts[2], deadline = BZ_NO_DEADLINE;
	struct socket_use u;
	ssize_t ret;

	if (timeout) {
		if (copy_from_user(ts, timeout, sizeof(ts)))
			return -EFAULT;
		if (ts[0] < 0 || ts[1] < 0 || ts[1] >= NSEC_PER_SEC)
			return -EINVAL;
		if (ts[0] < 1000000000)
			deadline = now_mono() + ts[0] * NSEC_PER_SEC + ts[1];
	}
	u = socket_use(fd);
	if (!u.socket)
		return u.err;
	ret = receive_many(u, msgs, min(count, (u32)UIO_MAXIOV), flags, deadline);
	socket_unuse(u);
	if (ret > 0 && deadline != BZ_NO_DEADLINE) {
		i64 left = max(deadline - now_mono(), (i64)0);

		ts[0] = left / NSEC_PER_SEC;
		ts[1] = left % NSEC_PER_SEC;
		if (copy_to_user(timeout, ts, sizeof(ts)))
			return -EFAULT;
	}
	return ret;
}
