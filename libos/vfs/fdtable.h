/* Descriptor tables: the inside of struct files (fdtable.c), for fork, exec and fcntl. */
#ifndef LIBOS_FDTABLE_H
#define LIBOS_FDTABLE_H

#include "libos/vfs/vfs.h"

struct files {
	ref_t refs;
	struct mutex lock;	/* RANK_PROCESS: everything below */
	struct file **file;
	u8 *cloexec;
	u32 size;		/* of both arrays */
	u32 first_free;		/* no free descriptor is below it */
	u32 open;		/* how many are in use */
};

bool fd_cloexec_get(int fd);
void fd_cloexec_set(int fd, bool on);
u64 fd_limit(void);		/* RLIMIT_NOFILE of the current process */

#endif
