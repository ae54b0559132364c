/*
 * Sockets: what all address families share.  A family registers itself (socket_register) and answers through socket_ops; the
 * socket layer makes the open files, moves arguments in and out of the guest, and keeps what SOL_SOCKET options hold.
 */
#ifndef LIBOS_SOCKET_H
#define LIBOS_SOCKET_H

#include "libos/vfs/vfs.h"
#include <asm/ioctls.h>
#include <asm/socket.h>

/* The guest's ABI that no header of the kernel's gives. */
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_LIMIT 46
enum { SOCK_STREAM = 1, SOCK_DGRAM, SOCK_RAW, SOCK_RDM, SOCK_SEQPACKET, SOCK_LIMIT = 11 };
#define SOCK_TYPE_MASK 0xf
#define SOCK_CLOEXEC O_CLOEXEC
#define SOCK_NONBLOCK O_NONBLOCK
#define SOL_SOCKET 1
#define SCM_RIGHTS 1
#define SCM_CREDENTIALS 2
#define MSG_OOB 1u
#define MSG_PEEK 2u
#define MSG_CTRUNC 8u
#define MSG_TRUNC 0x20u
#define MSG_DONTWAIT 0x40u
#define MSG_EOR 0x80u
#define MSG_WAITALL 0x100u
#define MSG_ERRQUEUE 0x2000u
#define MSG_NOSIGNAL 0x4000u
#define MSG_MORE 0x8000u
#define MSG_WAITFORONE 0x10000u
#define MSG_CMSG_CLOEXEC 0x40000000u
#define SHUT_RECEIVE 1u		/* bits of socket->shutdown */
#define SHUT_SEND 2u
#define SHUT_BOTH 3u

struct ucred {
	i32 pid;
	u32 uid, gid;
};

struct cmsghdr {
	u64 len;
	i32 level, type;
};

struct sockaddr;
struct timespec;

struct socket_name {
	u32 len;		/* 0: none */
	union {
		u16 family;
		char bytes[128];
	};
};

struct socket {
	const struct socket_ops *ops;
	struct waitq waitq;
	u16 family, type;
	i32 protocol;
	u32 shutdown;		/* SHUT_* */
	i32 error;		/* positive; told once, by socket_error */
	u32 sndbuf, rcvbuf;
	i64 rcvtimeo, sndtimeo;	/* ns, 0: for ever */
	bool passcred, listening;
	bool sndbuf_set, rcvbuf_set; /* by SO_SNDBUF and SO_RCVBUF: nobody changes it */
	u8 timestamps;		/* SO_TIMESTAMP: 1, SO_TIMESTAMPNS: 2 */
	struct ucred peer;
	u32 reuseaddr, reuseport, keepalive, broadcast, oobinline, dontroute, priority, rcvlowat;
	u32 linger[2];
};

/* One message on its way in or out. */
struct socket_msg {
	struct iov_iter it;
	u32 flags;		/* MSG_*, of the call */
	u32 out_flags;		/* receive: MSG_TRUNC, MSG_CTRUNC */
	bool nowait;
	struct socket_name name; /* send: to whom; receive: from whom */
	char *control;		/* the guest's */
	u64 control_len;	/* receive: what is left of it */
	u64 control_used;
};

struct socket_ops {
	int (*bind)(struct socket *s, const struct socket_name *name);
	int (*listen)(struct socket *s, int backlog);
	int (*accept)(struct socket *s, struct socket **out, bool nowait);
	int (*connect)(struct socket *s, const struct socket_name *name, bool nowait);
	int (*getname)(struct socket *s, struct socket_name *name, bool peer);
	ssize_t (*send)(struct socket *s, struct socket_msg *m);
	ssize_t (*receive)(struct socket *s, struct socket_msg *m);
	int (*shutdown)(struct socket *s, u32 how);		/* SHUT_* */
	u32 (*poll)(struct socket *s, struct file *f, struct poll_table *pt);
	long (*ioctl)(struct socket *s, u32 cmd, u64 arg);
	/* Options of the family's own levels; may be null. */
	int (*setsockopt)(struct socket *s, int level, int name, const void *uval, int len);
	long (*getsockopt)(struct socket *s, int level, int name, void *uval, int *ulen);
	void (*changed)(struct socket *s, int name);		/* an option of SOL_SOCKET; may be null */
	void (*refresh)(struct socket *s);			/* before SO_ERROR is told; may be null */
	void (*attach)(struct socket *s, struct file *f);	/* it is an open file now; may be null */
	void (*owned)(struct socket *s);			/* its file has an owner who hears by signals; may be null */
	void (*passcred)(struct socket *s);			/* SO_PASSCRED was set; may be null */
	void (*post)(struct socket *s, const void *data, u32 n); /* the library OS itself has something for who reads it; may be null */
	void (*release)(struct socket *s);
};

struct socket_family {
	u16 family;
	int (*create)(u32 type, int protocol, struct socket **out);
	int (*pair)(u32 type, int protocol, struct socket *out[2]); /* null: EOPNOTSUPP */
};

void socket_register(const struct socket_family *f);
void socket_init(struct socket *s, const struct socket_ops *ops, u16 family, u32 type);
struct socket *file_socket(const struct file *f);	/* null: it is none */

/* Control messages to the guest, as put_cmsg: what does not fit is cut, with MSG_CTRUNC. */
void socket_put_control(struct socket_msg *m, int level, int type, const void *data, u64 len);
bool socket_put_header(struct socket_msg *m, int level, int type, u64 len);
void socket_put_timestamp(struct socket *s, struct socket_msg *m, i64 time);	/* if SO_TIMESTAMP asks for it */
/* Control messages from the guest: each is checked, and given to `take` with the length of its data (data is behind the header). */
int socket_each_control(struct socket_msg *m, int (*take)(void *arg, const struct cmsghdr *h, u64 n), void *arg);
/* What Linux's socket buffers for so many bytes in one piece are charged; for those of a datagram. */
u32 socket_linear_size(u32 n);
u32 socket_truesize(u32 n);

static inline int socket_error(struct socket *s)
{
	return unlikely(READ_ONCE(s->error)) ? -__atomic_exchange_n(&s->error, 0, __ATOMIC_RELAXED) : 0;
}
static inline i64 socket_deadline(i64 timeout)
{
	return timeout ? now_mono() + timeout : BZ_NO_DEADLINE;
}
/* What a wait with this deadline that ended with `err` is to the guest: a call with a timeout does not begin again. */
static inline int socket_interrupted(int err, i64 deadline)
{
	return err == -ETIMEDOUT ? -EAGAIN : deadline == BZ_NO_DEADLINE ? -ERESTARTSYS : -EINTR;
}
/* Sleep on q until cond or the socket's timeout; 0 or what the call returns.  The deadline stays over several waits. */
#define SOCKET_WAIT(q, cond, deadline)                                                                       \
	({                                                                                                   \
		int _err = WAIT_EVENT((q), (cond), (deadline));                                              \
		_err ? socket_interrupted(_err, (deadline)) : 0;                                             \
	})

/* socket.c, for message.c and options.c */
struct socket_use {
	struct fd_use use;
	struct socket *socket;	/* or null: err */
	int err;
};
struct socket_use socket_use(int fd);
static inline void socket_unuse(struct socket_use u)
{
	fd_unuse(u.use);
}
int socket_name_in(struct socket_name *name, const void *uaddr, int len);
int socket_name_out(const struct socket_name *name, void *uaddr, int *ulen);

#endif
