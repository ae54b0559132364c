/* File attributes (chattr(1)). */
#ifndef LIBOS_VFS_FILEATTR_H
#define LIBOS_VFS_FILEATTR_H

#include "libos/vfs/vfs.h"

long fileattr_ioctl(struct file *f, u32 cmd, u64 arg);	/* FS_IOC_GETFLAGS and its kin */

/* Neither what it is nor its name may change. */
static inline bool inode_is_fixed(const struct inode *inode)
{
	return READ_ONCE(inode->flags) & (INODE_IMMUTABLE | INODE_APPEND);
}

#endif
