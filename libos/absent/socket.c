/* In place of libos/socket: families have nobody to register with, and no open file is a socket. */
#include "libos/socket/socket.h"

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
