/* memfd_create(2) and file seals (memfd.c). */
#ifndef LIBOS_MEMFD_H
#define LIBOS_MEMFD_H

#include "libos/vfs/vfs.h"

long memfd_add_seals(struct file *f, u32 seals);
long memfd_get_seals(struct file *f);

#endif
