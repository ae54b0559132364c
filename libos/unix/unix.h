/* AF_UNIX: unix(7). */
#ifndef LIBOS_UNIX_H
#define LIBOS_UNIX_H

#include "libos/kernel/kernel.h"

/* /proc/net/unix: the line of the socket after *cursor (begin with 0); false: there are no more. */
bool unix_next_line(u64 *cursor, char *buf, size_t size);

#endif
