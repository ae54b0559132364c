/* Sockets of streams whose bytes come from the host: TCP beyond the sandbox, and sockets of the host's that the operator grants. */
#ifndef LIBOS_SOCKET_STREAM_H
#define LIBOS_SOCKET_STREAM_H

#include "libos/socket/socket.h"

/* 0, -ETIMEDOUT, -EINTR */
int stream_socket_sleep(bz_stream s, u32 events, i64 deadline);
/* What send(2) and recv(2) do once there is a connection.  -EPIPE: nothing was sent, and nobody can read it. */
ssize_t stream_socket_send(struct socket *s, bz_stream stream, struct socket_msg *m, i64 deadline);
ssize_t stream_socket_receive(bz_stream stream, struct socket_msg *m, i64 deadline);
u32 stream_socket_unread(bz_stream stream); /* FIONREAD */

#endif
