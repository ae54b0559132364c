/* Between this component's own files. */
#ifndef LIBOS_EVENT_H
#define LIBOS_EVENT_H

#include "libos/vfs/vfs.h"

bool eventfd_is(const struct file *f);
void eventfd_signal(struct file *f);	/* adds one; at the end of the range it stays, which is an error for poll */

#endif
