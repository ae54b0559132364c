/* epoll(7).  See epoll.c for the structure. */
#ifndef LIBOS_EPOLL_H
#define LIBOS_EPOLL_H

#include "libos/vfs/vfs.h"

/* The last reference to f goes: forget it in every epoll that watches it. */
void epoll_file_released(struct file *f);

#endif
