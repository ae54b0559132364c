#ifndef LIBOS_STDIO_H
#define LIBOS_STDIO_H

#include "libos/vfs/vfs.h"

/* Standard stream n of the first process, from boot->stdio[n]; or ERR_PTR. */
struct file *stdio_file(unsigned n);

#endif
