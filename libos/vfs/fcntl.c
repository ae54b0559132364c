/* fcntl(2) and ioctl(2): what every descriptor answers; the rest goes to the file's own operations. */
#include "libos/kernel/syscall.h"
#include "libos/pipe/pipe.h"
#include "libos/vfs/fdtable.h"
#include "libos/vfs/fileattr.h"
#include "libos/vfs/lease.h"
#include "libos/vfs/locks.h"
#include "libos/vfs/memfd.h"
#include "libos/vfs/owner.h"
#include <asm/ioctls.h>
#include <linux/fs.h>
#include <linux/capability.h>

#define F_SETSIG_MAX 64
#define ASYNC 020000		/* O_ASYNC */
#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_NDELAY | O_DIRECT | O_NOATIME | ASYNC)

static long set_flags(struct file *f, int fd, u32 arg)
{
	int err;

	if (((arg ^ f->flags) & O_NOATIME & arg) && f->inode && !inode_owner_or_capable(f->inode))
		return -EPERM;
	if (((arg ^ f->flags) & O_APPEND) && f->inode && (f->inode->flags & INODE_APPEND))
		return -EPERM;
	if ((arg ^ f->flags) & ASYNC) {
		err = async_set(f, fd, arg & ASYNC);
		if (err)
			return err;
	}
	mutex_lock(&f->lock);
	WRITE_ONCE(f->flags, (f->flags & ~SETFL_MASK) | (arg & SETFL_MASK));
	mutex_unlock(&f->lock);
	return 0;
}

static long dup_from(struct file *f, u64 from, bool cloexec)
{
	int ret;

	if (from >= fd_limit())
		return -EINVAL;
	file_get(f);
	ret = fd_alloc(f, from, cloexec);
	if (ret < 0)
		file_put(f);
	return ret;
}

/* Somebody who is there, or nobody. */
static long set_owner(struct file *f, u32 type, i32 pid)
{
	struct process *p;
	struct thread *t;
	bool found = !pid;

	if (type == F_OWNER_PGRP) {
		mutex_lock(&tasklist_lock);
		list_for_each(p, &all_processes, hash)
			found = found || p->pgrp == pid;
		mutex_unlock(&tasklist_lock);
	} else {
		t = thread_find(pid);
		found = found || t;
		if (t)
			thread_put(t);
	}
	if (!found)
		return -ESRCH;
	owner_set(f, type, pid);
	return 0;
}

static long owner_ex(struct file *f, u32 cmd, u64 arg)
{
	struct f_owner_ex ex = {.type = f->owner.pid ? f->owner.type : F_OWNER_TID, .pid = f->owner.pid};

	if (cmd == F_GETOWN_EX)
		return put_user(ex, (struct f_owner_ex *)arg);
	if (get_user(ex, (struct f_owner_ex *)arg))
		return -EFAULT;
	if (ex.type != F_OWNER_TID && ex.type != F_OWNER_PID && ex.type != F_OWNER_PGRP)
		return -EINVAL;
	return set_owner(f, ex.type, ex.pid);
}

static long do_fcntl(struct file *f, int fd, u32 cmd, u64 arg)
{
	switch (cmd) {
	case F_DUPFD:
		return dup_from(f, arg, false);
	case F_DUPFD_CLOEXEC:
		return dup_from(f, arg, true);
	case F_GETFD:
		return fd_cloexec_get(fd) ? FD_CLOEXEC : 0;
	case F_SETFD:
		fd_cloexec_set(fd, arg & FD_CLOEXEC);
		return 0;
	case F_GETFL:

		return f->flags;
	}
	if (f->flags & O_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, fd, arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return locks_fcntl(f, cmd, arg);
	case F_GETOWN:
		return f->owner.type == F_OWNER_PGRP ? -f->owner.pid : f->owner.pid;
	case F_SETOWN:
		if ((i32)arg == (i32)0x80000000)
			return -EINVAL;
		return set_owner(f, (i32)arg < 0 ? F_OWNER_PGRP : F_OWNER_PID, (i32)arg < 0 ? -(i32)arg : (i32)arg);
	case F_GETOWN_EX:
	case F_SETOWN_EX:
		return owner_ex(f, cmd, arg);
	case F_GETSIG:
		return f->owner.sig;
	case F_SETSIG:
		if (arg > F_SETSIG_MAX)
			return -EINVAL;
		f->owner.sig = arg;
		return 0;
	case F_GETLEASE:
		return lease_get(f);
	case F_SETLEASE:
		return lease_set(f, arg);
	case F_NOTIFY:
		return dnotify_set(f, fd, arg);
	case F_SETPIPE_SZ:
		return pipe_set_size(f, arg);
	case F_GETPIPE_SZ:
		return pipe_get_size(f);
	case F_ADD_SEALS:
		return memfd_add_seals(f, arg);
	case F_GET_SEALS:
		return memfd_get_seals(f);
	case F_GET_RW_HINT:
	case F_GET_FILE_RW_HINT:
		return put_user((u64)0, (u64 *)arg);
	case F_SET_RW_HINT:
	case F_SET_FILE_RW_HINT:
		return 0;
	}
	return -EINVAL;
}

SYSCALL(fcntl, int fd, unsigned int cmd, unsigned long arg)
{
	struct fd_use use = fd_use_any(fd);
	long ret;

	if (!use.file)
		return -EBADF;
	ret = do_fcntl(use.file, fd, cmd, arg);
	fd_unuse(use);
	return ret;
}

static long nonblock(struct file *f, u64 arg, u32 flag)
{
	int on;

	if (get_user(on, (int *)arg))
		return -EFAULT;
	mutex_lock(&f->lock);
	f->flags = on ? f->flags | flag : f->flags & ~flag;
	mutex_unlock(&f->lock);
	return 0;
}

static long do_ioctl(struct file *f, int fd, u32 cmd, u64 arg)
{
	struct inode *inode = f->inode;
	int on;

	switch (cmd) {
	case FIOCLEX:
		fd_cloexec_set(fd, true);
		return 0;
	case FIONCLEX:
		fd_cloexec_set(fd, false);
		return 0;
	case FIONBIO:
		return nonblock(f, arg, O_NONBLOCK);
	case FIOASYNC:
		if (get_user(on, (int *)arg))
			return -EFAULT;
		if (!f->ops->poll)
			return -ENOTTY;
		return set_flags(f, fd, on ? f->flags | ASYNC : f->flags & ~(u32)ASYNC);
	case FIOQSIZE:
		if (inode && (S_ISREG(inode->mode) || S_ISDIR(inode->mode)))
			return put_user((i64)inode->size, (i64 *)arg);
		return -ENOTTY;
	case FIONREAD:
		if (inode && S_ISREG(inode->mode) && !f->ops->ioctl)
			return put_user((int)(inode->size - f->pos), (int *)arg);
		break;
	case FS_IOC_GETFLAGS:
	case FS_IOC_SETFLAGS:
	case FS_IOC_FSGETXATTR:
	case FS_IOC_FSSETXATTR:
		if (inode && inode->sb && (inode->sb->flags & SB_FILEATTR))
			return fileattr_ioctl(f, cmd, arg);
		break;
	case FIGETBSZ:
		if (inode && inode->sb)
			return put_user(4096, (int *)arg);
		break;
	}
	return f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY;
}

SYSCALL(ioctl, int fd, unsigned int cmd, unsigned long arg)
{
	struct fd_use use = fd_use(fd);
	long ret;

	if (!use.file)
		return -EBADF;
	ret = do_ioctl(use.file, fd, cmd, arg);
	fd_unuse(use);
	return ret;
}
