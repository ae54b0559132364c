/* Who hears of a file by signals: fcntl(2), F_SETOWN, F_SETSIG, O_ASYNC, F_NOTIFY. */
#ifndef LIBOS_VFS_OWNER_H
#define LIBOS_VFS_OWNER_H

#include "libos/vfs/vfs.h"

#define POLL_IN_CODE 1		/* si_code: POLL_IN, POLL_OUT, POLL_MSG */
#define POLL_OUT_CODE 2
#define POLL_MSG_CODE 3

void owner_set(struct file *f, u32 type, i32 pid);	/* F_OWNER_*; as the current process, whose rights count */
/* The signal that was chosen, with si_code, si_band and si_fd, or else a plain SIGIO. */
void owner_signal(const struct file_owner *o, int code, int fd);

/* O_ASYNC came to the description by this descriptor, or went. */
int async_set(struct file *f, int fd, bool on);
void async_release(struct file *f);

/* F_NOTIFY, of Linux before inotify: what happens in a directory (DN_*). */
long dnotify_set(struct file *f, int fd, u32 mask);
void dnotify_release(struct file *f);
void dnotify_event(struct inode *dir, u32 mask);	/* IN_* bits; IN_RENAMED_HERE */

#endif
