#ifndef LIBOS_STDIO_H
#define LIBOS_STDIO_H

#include "libos/vfs/vfs.h"

/* Standard stream n of the first process, from boot->stdio[n]; or ERR_PTR. */
struct file *stdio_file(unsigned n);

/* A pipe of the host's that is the operator's; the stream is the file's, and closed with it.  Or ERR_PTR, and it is not. */
struct file *stdio_from_stream(bz_stream stream, u32 flags);

#endif
