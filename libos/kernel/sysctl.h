/* Settings that the guest's root may change by /proc/sys (procfs/sys.c); each belongs to the part that goes by it. */
#ifndef LIBOS_SYSCTL_H
#define LIBOS_SYSCTL_H

#include "libos/kernel/types.h"

struct sysctl {
	const char *dir, *name;	/* below /proc/sys */
	i64 *value, min, max;
};

/* A component's own, at start. */
#define SYSCTLS_MAX 32
void sysctl_register(const struct sysctl *table, u32 count);
const struct sysctl *sysctl_get(u32 i);	/* null: there are no more */

extern i64 mm_max_map_count;		/* mm/vma.c */
extern i64 inotify_max_user_instances;	/* vfs/inotify.c */
extern i64 proc_last_pid;		/* proc/table.c */
extern i64 lease_break_time;		/* vfs/lease.c; seconds */

#endif
