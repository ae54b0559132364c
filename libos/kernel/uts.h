/* The system's names (misc.c), for uname(2) and /proc/sys/kernel. */
#ifndef LIBOS_UTS_H
#define LIBOS_UTS_H

#include "libos/kernel/types.h"
#include <linux/utsname.h>

void uts_copy(struct new_utsname *out);
void uts_set(bool domain, const char *name);	/* at most __NEW_UTS_LEN bytes */

#endif
