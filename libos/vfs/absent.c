/*
 * Calls about file systems that a sandbox does not have: mounts are the operator's, quotas nobody's.  What is
 * not registered at all is ENOSYS by dispatch (fanotify_init, quotactl, io_uring_setup, lookup_dcookie), as of a
 * kernel without them.
 */
#include "libos/kernel/syscall.h"
#include "libos/vfs/namei.h"

SYSCALL(open_tree, int dirfd, const char *path, unsigned int flags)
{
	return -EPERM;
}

SYSCALL(move_mount, int from_fd, const char *from, int to_fd, const char *to, unsigned int flags)
{
	return -EPERM;
}

SYSCALL(fsopen, const char *type, unsigned int flags)
{
	return -EPERM;
}

SYSCALL(fspick, int dirfd, const char *path, unsigned int flags)
{
	return -EPERM;
}

SYSCALL(fsconfig, int fd, unsigned int cmd, const char *key, const void *value, int aux)
{
	return -EPERM;
}

SYSCALL(fsmount, int fd, unsigned int flags, unsigned int attr)
{
	return -EPERM;
}

SYSCALL(mount_setattr, int dirfd, const char *path, unsigned int flags, void *attr, size_t size)
{
	return -EPERM;
}

struct ustat_layout {
	i32 tfree;
	u64 tinode;
	char fname[6], fpack[6];
};

SYSCALL(ustat, unsigned int dev, struct ustat_layout *ust)
{
	struct ustat_layout u = {0};
	struct kstatfs k = {0};
	struct mount *m;

	list_for_each(m, &all_mounts, node) {
		if (m->sb->dev != dev)
			continue;
		if (m->sb->ops->statfs && m->sb->ops->statfs(m->sb, &k))
			return -EINVAL;
		u.tfree = k.bfree;
		u.tinode = k.ffree;
		return copy_to_user(ust, &u, sizeof(u));
	}
	return -EINVAL;
}
