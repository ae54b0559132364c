/*
 * AF_NETLINK sockets of NETLINK_ROUTE: requests are answered while they are sent, and the answers wait in the
 * socket's queue. No events are ever sent: nothing of the network changes here.  netlink(7).
 */
#include "libos/kernel/syscall.h"
#include "libos/netlink/internal.h"

#define SOL_NETLINK 270
#define REQUEST_MAX 65536u

struct netlink_sock {
	struct socket socket; /* first */
	u32 pid;	      /* its address; 0: none yet; netlink_lock */
	u32 groups;
	struct dgram_queue queue;
	struct list node; /* all of them; netlink_lock */
};

static struct mutex netlink_lock = MUTEX_INIT(RANK_OBJECT);
static struct list all = LIST_INIT(all);
static u32 next_pid = 0xfffff000; /* for those whose process's number is taken */

static struct netlink_sock *netlink_of(struct socket *s)
{
	return (struct netlink_sock *)s;
}

/* --- names --- */

static bool pid_taken(u32 pid)
{
	struct netlink_sock *n;

	list_for_each(n, &all, node) if (n->pid == pid) return true;
	return false;
}

/* netlink_lock held. */
static int take_pid(struct netlink_sock *n, u32 pid)
{
	if (n->pid)
		return pid && pid != n->pid ? -EINVAL : 0;
	if (pid && pid_taken(pid))
		return -EADDRINUSE;
	if (!pid) {
		pid = current->process->pid;
		while (pid_taken(pid))
			pid = next_pid--;
	}
	n->pid = pid;
	return 0;
}

static int name_in(const struct socket_name *name, struct sockaddr_nl *nl)
{
	if (name->len < sizeof(*nl))
		return -EINVAL;
	memcpy(nl, name->bytes, sizeof(*nl));
	return nl->nl_family == AF_NETLINK ? 0 : -EINVAL;
}

static int netlink_bind(struct socket *s, const struct socket_name *name)
{
	struct netlink_sock *n = netlink_of(s);
	struct sockaddr_nl nl;
	int err = name_in(name, &nl);

	if (err)
		return err;
	mutex_lock(&netlink_lock);
	err = take_pid(n, nl.nl_pid);
	if (!err)
		n->groups = nl.nl_groups;
	mutex_unlock(&netlink_lock);
	return err;
}

static int netlink_connect(struct socket *s, const struct socket_name *name, bool nowait)
{
	struct netlink_sock *n = netlink_of(s);
	struct sockaddr_nl nl;
	int err;

	if (name->len < sizeof(name->family))
		return -EINVAL;
	if (name->family == AF_UNSPEC)
		return 0;
	err = name_in(name, &nl);
	if (!err && (nl.nl_pid || nl.nl_groups))
		err = -EPERM;
	if (err)
		return err;
	mutex_lock(&netlink_lock);
	err = take_pid(n, 0);
	mutex_unlock(&netlink_lock);
	return err;
}

static int netlink_getname(struct socket *s, struct socket_name *name, bool peer)
{
	struct netlink_sock *n = netlink_of(s);
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK};

	if (!peer) {
		nl.nl_pid = READ_ONCE(n->pid);
		nl.nl_groups = READ_ONCE(n->groups);
	}
	memcpy(name->bytes, &nl, sizeof(nl));
	name->len = sizeof(nl);
	return 0;
}

/* --- answers --- */

void *answer_put(struct answer *a, u32 size)
{
	void *at = a->data + a->len;

	size = NLMSG_ALIGN(size);
	ASSERT(a->len + size <= sizeof(a->data));
	memset(at, 0, size);
	a->len += size;
	return at;
}

struct nlmsghdr *answer_begin(struct answer *a, const struct nlmsghdr *request, u32 pid, u16 type, u16 flags)
{
	struct nlmsghdr *h = answer_put(a, NLMSG_HDRLEN);

	h->nlmsg_type = type;
	h->nlmsg_flags = flags;
	h->nlmsg_seq = request->nlmsg_seq;
	h->nlmsg_pid = pid;
	return h;
}

void answer_attr(struct answer *a, u16 type, const void *data, u32 len)
{
	struct nlattr *attr = answer_put(a, NLA_HDRLEN + len);

	attr->nla_len = NLA_HDRLEN + len;
	attr->nla_type = type;
	memcpy((char *)attr + NLA_HDRLEN, data, len);
}

void answer_end(struct answer *a, struct nlmsghdr *h)
{
	h->nlmsg_len = a->data + a->len - (char *)h;
}

static int queue_answer(struct netlink_sock *n, const struct answer *a)
{
	struct dgram *d = dgram_alloc(a->len);
	struct sockaddr_nl from = {.nl_family = AF_NETLINK};

	if (!d)
		return -ENOBUFS;
	memcpy(d->data, a->data, a->len);
	memcpy(d->from.bytes, &from, sizeof(from));
	d->from.len = sizeof(from);
	if (!dgram_put(&n->socket, &n->queue, d))
		WRITE_ONCE(n->socket.error, ENOBUFS);
	return 0;
}

/* What a message queue tells (mq_notify(3)) comes bare, as on Linux. */
static void netlink_post(struct socket *s, const void *data, u32 n)
{
	struct dgram *d = dgram_alloc(n);

	if (!d)
		return;
	memcpy(d->data, data, n);
	dgram_put(s, &netlink_of(s)->queue, d);
}

static int queue_error(struct netlink_sock *n, const struct nlmsghdr *request, struct answer *a, int err)
{
	struct nlmsghdr *h;
	struct nlmsgerr *e;

	a->len = 0;
	h = answer_begin(a, request, n->pid, NLMSG_ERROR, 0);
	e = answer_put(a, sizeof(*e));
	e->error = err;
	e->msg = *request;
	answer_end(a, h);
	return queue_answer(n, a);
}

static int answer_one(struct netlink_sock *n, const struct nlmsghdr *h, struct answer *a)
{
	bool dump = false;
	int err;

	if (!(h->nlmsg_flags & NLM_F_REQUEST) || h->nlmsg_type < NLMSG_MIN_TYPE)
		return h->nlmsg_flags & NLM_F_ACK ? queue_error(n, h, a, 0) : 0;
	a->len = 0;
	err = route_answer(h, n->pid, a, &dump);
	if (err || (h->nlmsg_flags & NLM_F_ACK && !dump && !a->len))
		return queue_error(n, h, a, err);
	if (a->len)
		err = queue_answer(n, a);
	if (!err && dump) {
		struct nlmsghdr *done;

		a->len = 0;
		done = answer_begin(a, h, n->pid, NLMSG_DONE, NLM_F_MULTI);
		answer_put(a, sizeof(int));
		answer_end(a, done);
		err = queue_answer(n, a);
	}
	return err;
}

static int answer_all(struct netlink_sock *n, const char *data, size_t len)
{
	struct answer *a = kmalloc(sizeof(*a));
	int err = a ? 0 : -ENOBUFS;
	size_t at = 0;

	while (!err && len - at >= NLMSG_HDRLEN) {
		const struct nlmsghdr *h = (const void *)(data + at);

		if (h->nlmsg_len < NLMSG_HDRLEN || h->nlmsg_len > len - at)
			break;
		err = answer_one(n, h, a);
		at += min((size_t)NLMSG_ALIGN(h->nlmsg_len), len - at);
	}
	kfree(a);
	return err;
}

/* --- sending and receiving --- */

static ssize_t netlink_send(struct socket *s, struct socket_msg *m)
{
	struct netlink_sock *n = netlink_of(s);
	size_t len = m->it.left;
	struct sockaddr_nl nl;
	char *data;
	int err = 0;

	if (m->flags & MSG_OOB)
		return -EOPNOTSUPP;
	if (m->name.len) {
		err = name_in(&m->name, &nl);
		if (!err && (nl.nl_pid || nl.nl_groups))
			err = nl.nl_groups ? -EPERM : -ECONNREFUSED;
	}
	if (!err && len > REQUEST_MAX)
		err = -EMSGSIZE;
	if (!err) {
		mutex_lock(&netlink_lock);
		err = take_pid(n, 0);
		mutex_unlock(&netlink_lock);
	}
	if (err)
		return err;
	data = kmalloc(len);
	if (!data)
		return -ENOBUFS;
	if (iov_copy_from(&m->it, data, len) < len)
		err = -EFAULT;
	if (!err)
		err = answer_all(n, data, len);
	kfree(data);
	return err ? err : (ssize_t)len;
}

static ssize_t netlink_receive(struct socket *s, struct socket_msg *m)
{
	return m->flags & MSG_OOB ? -EOPNOTSUPP : dgram_receive(s, &netlink_of(s)->queue, m, NULL);
}

static u32 netlink_poll(struct socket *s, struct file *f, struct poll_table *pt)
{
	poll_wait(pt, f, &s->waitq);
	return dgram_poll(s, &netlink_of(s)->queue);
}

static long netlink_ioctl(struct socket *s, u32 cmd, u64 arg)
{
	return -ENOTTY;
}

static int netlink_listen(struct socket *s, int backlog)
{
	return -EOPNOTSUPP;
}

static int netlink_accept(struct socket *s, struct socket **out, bool nowait)
{
	return -EOPNOTSUPP;
}

static int netlink_shutdown(struct socket *s, u32 how)
{
	return -EOPNOTSUPP;
}

/* Groups can be joined, and stay silent; the switches change nothing of the answers that are given here. */
static int netlink_setsockopt(struct socket *s, int level, int name, const void *uval, int len)
{
	int val;

	if (level != SOL_NETLINK || name < NETLINK_ADD_MEMBERSHIP || name > NETLINK_GET_STRICT_CHK ||
	    name == NETLINK_RX_RING || name == NETLINK_TX_RING)
		return -ENOPROTOOPT;
	if (len < (int)sizeof(val))
		return -EINVAL;
	return get_user(val, (const int *)uval);
}

static long netlink_getsockopt(struct socket *s, int level, int name, void *uval, int *ulen)
{
	return -ENOPROTOOPT;
}

/* --- making --- */

static void netlink_release(struct socket *s)
{
	struct netlink_sock *n = netlink_of(s);

	mutex_lock(&netlink_lock);
	list_del(&n->node);
	mutex_unlock(&netlink_lock);
	dgram_queue_free(&n->queue);
	kfree(n);
}

static const struct socket_ops netlink_ops = {.bind = netlink_bind,
					      .listen = netlink_listen,
					      .accept = netlink_accept,
					      .connect = netlink_connect,
					      .getname = netlink_getname,
					      .send = netlink_send,
					      .receive = netlink_receive,
					      .shutdown = netlink_shutdown,
					      .poll = netlink_poll,
					      .ioctl = netlink_ioctl,
					      .setsockopt = netlink_setsockopt,
					      .getsockopt = netlink_getsockopt,
					      .post = netlink_post,
					      .release = netlink_release};

static int netlink_create(u32 type, int protocol, struct socket **out)
{
	struct netlink_sock *n;

	if (type != SOCK_RAW && type != SOCK_DGRAM)
		return -ESOCKTNOSUPPORT;
	if (protocol != NETLINK_ROUTE)
		return -EPROTONOSUPPORT;
	n = kzalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	socket_init(&n->socket, &netlink_ops, AF_NETLINK, type);
	n->socket.protocol = protocol;
	dgram_queue_init(&n->queue);
	mutex_lock(&netlink_lock);
	list_add(&n->node, &all);
	mutex_unlock(&netlink_lock);
	*out = &n->socket;
	return 0;
}

static const struct socket_family netlink_family = {.family = AF_NETLINK, .create = netlink_create};

static void netlink_init(void)
{
	socket_register(&netlink_family);
}
INITCALL(INIT_FS, netlink_init);
