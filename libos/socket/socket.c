/* Sockets as open files, and the calls that make, name and connect them: socket(2), socketpair(2), bind(2) to shutdown(2). */
#include "libos/socket/device.h"
#include "libos/socket/socket.h"
#include "libos/kernel/syscall.h"
#include <linux/magic.h>

static const struct socket_family *families[AF_LIMIT];

void socket_register(const struct socket_family *f)
{
	families[f->family] = f;
}

void socket_init(struct socket *s, const struct socket_ops *ops, u16 family, u32 type)
{
	s->ops = ops;
	waitq_init(&s->waitq);
	s->family = family;
	s->type = type;
	s->sndbuf = s->rcvbuf = 212992;	/* net.core.wmem_default */
	s->rcvlowat = 1;
	s->peer = (struct ucred){0, ~0u, ~0u};
}

/* --- files --- */

static ssize_t socket_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct socket *s = f->priv;
	struct socket_msg m = {.it = *it, .nowait = io_flags(f, it) & O_NONBLOCK};
	ssize_t n;

	if (!it->left)
		return 0;
	n = s->ops->receive(s, &m);
	*it = m.it;
	return n;
}

static ssize_t socket_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct socket *s = f->priv;
	struct socket_msg m = {.it = *it, .nowait = io_flags(f, it) & O_NONBLOCK};
	ssize_t n = s->ops->send(s, &m);

	*it = m.it;
	return n;
}

static u32 socket_poll(struct file *f, struct poll_table *pt)
{
	struct socket *s = f->priv;

	return s->ops->poll(s, f, pt);
}

static long socket_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct socket *s = f->priv;

	long ret = s->ops->ioctl(s, cmd, arg);

	return ret == -ENOTTY ? device_ioctl(cmd, arg) : ret;
}

static void socket_release(struct file *f)
{
	struct socket *s = f->priv;

	s->ops->release(s);
}

static void socket_owned(struct file *f)
{
	struct socket *s = f->priv;

	if (s->ops->owned)
		s->ops->owned(s);
}

static const struct file_ops socket_fops = {
	.owned = socket_owned, .read = socket_read, .write = socket_write, .poll = socket_poll, .ioctl = socket_ioctl, .release = socket_release};

struct socket *file_socket(const struct file *f)
{
	return f->ops == &socket_fops ? f->priv : NULL;
}

static int sockfs_statfs(struct super *sb, struct kstatfs *st)
{
	st->type = SOCKFS_MAGIC;
	st->bsize = PAGE_SIZE;
	st->namelen = NAME_MAX;
	return 0;
}

static const struct super_ops socket_super_ops = {.statfs = sockfs_statfs};
static struct super socket_super = {.ops = &socket_super_ops, .fstype = "sockfs", .dev = 8};

/* Takes s, also when it fails. */
static struct file *socket_file(struct socket *s, u32 flags)
{
	struct inode *inode = inode_alloc(&socket_super, S_IFSOCK | 0777);
	struct file *f = inode ? file_alloc(&socket_fops, inode, O_RDWR | (flags & O_NONBLOCK), s) : NULL;

	inode_put(inode);
	if (!f) {
		s->ops->release(s);
		return NULL;
	}
	f->anon_name = "socket:[";
	if (s->ops->attach)
		s->ops->attach(s, f);
	return f;
}

static int socket_install(struct file *f, u32 flags)
{
	if (!f)
		return -ENFILE;
	return fd_publish(f, flags & SOCK_CLOEXEC);
}

struct socket_use socket_use(int fd)
{
	struct socket_use u = {.use = fd_use(fd)};

	if (!u.use.file) {
		u.err = -EBADF;
		return u;
	}
	u.socket = file_socket(u.use.file);
	if (!u.socket) {
		u.err = -ENOTSOCK;
		fd_unuse(u.use);
	}
	return u;
}

static bool nonblocking(struct socket_use u)
{
	return READ_ONCE(u.use.file->flags) & O_NONBLOCK;
}

/* --- names --- */

int socket_name_in(struct socket_name *name, const void *uaddr, int len)
{
	if (len < 0 || len > (int)sizeof(name->bytes))
		return -EINVAL;
	memset(name, 0, sizeof(*name));
	name->len = len;
	return copy_from_user(name->bytes, uaddr, len);
}

int socket_name_out(const struct socket_name *name, void *uaddr, int *ulen)
{
	int len;

	if (get_user(len, ulen))
		return -EFAULT;
	if (len < 0)
		return -EINVAL;
	if (copy_to_user(uaddr, name->bytes, min((u32)len, name->len)))
		return -EFAULT;
	return put_user((int)name->len, ulen);
}

static long give_name(int fd, void *uaddr, int *ulen, bool peer)
{
	struct socket_use u = socket_use(fd);
	struct socket_name name = {0};
	long err;

	if (!u.socket)
		return u.err;
	err = u.socket->ops->getname(u.socket, &name, peer);
	if (!err)
		err = socket_name_out(&name, uaddr, ulen);
	socket_unuse(u);
	return err;
}

SYSCALL(getsockname, int fd, struct sockaddr *addr, int *len)
{
	return give_name(fd, addr, len, false);
}

SYSCALL(getpeername, int fd, struct sockaddr *addr, int *len)
{
	return give_name(fd, addr, len, true);
}

/* --- making --- */

static int family_find(int family, int type, const struct socket_family **out)
{
	if (family < 0 || family >= AF_LIMIT)
		return -EAFNOSUPPORT;
	if (type < 0 || type >= SOCK_LIMIT)
		return -EINVAL;
	*out = families[family];
	return *out ? 0 : -EAFNOSUPPORT;
}

SYSCALL(socket, int family, int type, int protocol)
{
	u32 flags = type & ~SOCK_TYPE_MASK;
	const struct socket_family *f;
	struct socket *s;
	int err;

	if (flags & ~(u32)(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	err = family_find(family, type & SOCK_TYPE_MASK, &f);
	if (!err)
		err = f->create(type & SOCK_TYPE_MASK, protocol, &s);
	return err ? err : socket_install(socket_file(s, flags), flags);
}

static long install_pair(struct socket *s[2], u32 flags, int *ufds)
{
	struct file *end = socket_file(s[0], flags), *other = socket_file(s[1], flags);
	int fds[2];

	if (!end || !other) {
		file_put(end);
		file_put(other);
		return -ENFILE;
	}
	fds[0] = socket_install(end, flags);
	if (fds[0] < 0) {
		file_put(other);
		return fds[0];
	}
	fds[1] = socket_install(other, flags);
	if (fds[1] >= 0 && !copy_to_user(ufds, fds, sizeof(fds)))
		return 0;
	fd_close(fds[0]);
	if (fds[1] < 0)
		return fds[1];
	fd_close(fds[1]);
	return -EFAULT;
}

/* Of a family without pairs: that there is no such socket at all comes first, as Linux makes two before it asks. */
static int no_pair(const struct socket_family *f, u32 type, int protocol)
{
	struct socket *s;
	int err = f->create(type, protocol, &s);

	if (err)
		return err;
	s->ops->release(s);
	return -EOPNOTSUPP;
}

SYSCALL(socketpair, int family, int type, int protocol, int *fds)
{
	u32 flags = type & ~SOCK_TYPE_MASK;
	const struct socket_family *f;
	struct socket *s[2];
	int err;

	if (flags & ~(u32)(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	err = family_find(family, type & SOCK_TYPE_MASK, &f);
	if (!err && f->pair)
		err = f->pair(type & SOCK_TYPE_MASK, protocol, s);
	else if (!err)
		err = no_pair(f, type & SOCK_TYPE_MASK, protocol);
	return err ? err : install_pair(s, flags, fds);
}

/* --- naming and connecting --- */

SYSCALL(bind, int fd, const struct sockaddr *addr, int len)
{
	struct socket_use u = socket_use(fd);
	struct socket_name name;
	long err;

	if (!u.socket)
		return u.err;
	err = socket_name_in(&name, addr, len);
	if (!err)
		err = u.socket->ops->bind(u.socket, &name);
	socket_unuse(u);
	return err;
}

SYSCALL(listen, int fd, int backlog)
{
	struct socket_use u = socket_use(fd);
	long err;

	if (!u.socket)
		return u.err;
	err = u.socket->ops->listen(u.socket, backlog);
	socket_unuse(u);
	return err;
}

SYSCALL(connect, int fd, const struct sockaddr *addr, int len)
{
	struct socket_use u = socket_use(fd);
	struct socket_name name;
	long err;

	if (!u.socket)
		return u.err;
	err = socket_name_in(&name, addr, len);
	if (!err)
		err = u.socket->ops->connect(u.socket, &name, nonblocking(u));
	socket_unuse(u);
	return err;
}

static long do_accept(int fd, void *uaddr, int *ulen, u32 flags)
{
	struct socket_use u;
	struct socket *s;
	struct file *f;
	long err;

	if (flags & ~(u32)(SOCK_CLOEXEC | SOCK_NONBLOCK))
		return -EINVAL;
	u = socket_use(fd);
	if (!u.socket)
		return u.err;
	err = u.socket->ops->accept(u.socket, &s, nonblocking(u));
	socket_unuse(u);
	if (err)
		return err;
	f = socket_file(s, flags);
	if (f && uaddr) {
		struct socket_name name = {0};

		err = s->ops->getname(s, &name, true) ? -ECONNABORTED : socket_name_out(&name, uaddr, ulen);
		if (err) {
			file_put(f);
			return err;
		}
	}
	return socket_install(f, flags);
}

SYSCALL(accept, int fd, struct sockaddr *addr, int *len)
{
	return do_accept(fd, addr, len, 0);
}

SYSCALL(accept4, int fd, struct sockaddr *addr, int *len, int flags)
{
	return do_accept(fd, addr, len, flags);
}

SYSCALL(shutdown, int fd, int how)
{
	struct socket_use u = socket_use(fd);
	long err;

	if (!u.socket)
		return u.err;
	err = how < 0 || how > 2 ? -EINVAL : u.socket->ops->shutdown(u.socket, how + 1);
	socket_unuse(u);
	return err;
}
