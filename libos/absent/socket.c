/* In place of libos/socket: families have nobody to register with, and no open file is a socket. */
#include "libos/socket/dgram.h"
#include "libos/socket/stream.h"

void socket_register(const struct socket_family *f)
{
}

void socket_init(struct socket *s, const struct socket_ops *ops, u16 family, u32 type)
{
}

struct socket *file_socket(const struct file *f)
{
	return NULL;
}

void socket_put_control(struct socket_msg *m, int level, int type, const void *data, u64 len)
{
}

bool socket_put_header(struct socket_msg *m, int level, int type, u64 len)
{
	return false;
}

void socket_put_timestamp(struct socket *s, struct socket_msg *m, i64 time)
{
}

int socket_each_control(struct socket_msg *m, int (*take)(void *arg, const struct cmsghdr *h, u64 n), void *arg)
{
	return 0;
}

u32 socket_linear_size(u32 n)
{
	return n;
}

u32 socket_truesize(u32 n)
{
	return n;
}

void dgram_queue_init(struct dgram_queue *q)
{
}

void dgram_queue_free(struct dgram_queue *q)
{
}

struct dgram *dgram_alloc(u32 len)
{
	return NULL;
}

bool dgram_put(struct socket *s, struct dgram_queue *q, struct dgram *d)
{
	return false;
}

ssize_t dgram_receive(struct socket *s, struct dgram_queue *q, struct socket_msg *m,
		      void (*control)(struct socket *s, struct socket_msg *m, const struct dgram *d))
{
	return -ENOTSOCK;
}

u32 dgram_first_size(struct dgram_queue *q)
{
	return 0;
}

u32 dgram_poll(struct socket *s, struct dgram_queue *q)
{
	return 0;
}

int stream_socket_sleep(bz_stream s, u32 events, i64 deadline)
{
	return -ENOTSOCK;
}

ssize_t stream_socket_send(struct socket *s, bz_stream stream, struct socket_msg *m, i64 deadline)
{
	return -ENOTSOCK;
}

ssize_t stream_socket_receive(bz_stream stream, struct socket_msg *m, i64 deadline)
{
	return -ENOTSOCK;
}

u32 stream_socket_unread(bz_stream stream)
{
	return 0;
}
