/* The system's names (misc.c), for uname(2) and /proc/sys/kernel. */
#ifndef LIBOS_UTS_H
#define LIBOS_UTS_H

#include <linux/utsname.h>

void uts_copy(struct new_utsname *out);

#endif
