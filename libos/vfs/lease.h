/* Leases (fcntl(2), F_SETLEASE). */
#ifndef LIBOS_LEASE_H
#define LIBOS_LEASE_H

#include "libos/vfs/vfs.h"

long lease_get(struct file *f);
long lease_set(struct file *f, u64 type);
void lease_release(struct file *f);	/* the description goes */
/* Somebody opens the inode, or truncates it, and is counted already: wait until no lease stands against it.  -EWOULDBLOCK with
 * O_NONBLOCK in flags, -ERESTARTSYS. */
int lease_break(struct inode *inode, bool write, u32 flags);

#endif
