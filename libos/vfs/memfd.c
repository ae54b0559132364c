/* memfd_create(2) and seals, fcntl(2) F_ADD_SEALS: unlinked in-memory files. */
#include "libos/vfs/memfd.h"
#include "libos/kernel/syscall.h"
#include "libos/tmpfs/tmpfs.h"
#include <linux/memfd.h>

#define NAME_LIMIT 249
#define SEALS_KNOWN (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

SYSCALL(memfd_create, const char *uname, unsigned int flags)
{
	char *name;
	struct file *f;
	long n, fd;

	if (flags & ~(unsigned int)(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_HUGETLB | (flags & MFD_HUGETLB ? 0x3fu << 26 : 0)))
		return -EINVAL;
	if (flags & MFD_HUGETLB)
		return -ENODEV;
	name = kmalloc(NAME_LIMIT + 24);
	if (!name)
		return -ENOMEM;
	/* The name lives as long as the file system: /proc/PID/fd shows it. */
	n = strlcpy(name, "/memfd:", NAME_LIMIT + 24);
	fd = strncpy_from_user(name + n, uname, NAME_LIMIT + 1);
	if (fd < 0) {
		kfree(name);
		return fd == -ENAMETOOLONG ? -EINVAL : fd;
	}
	strlcpy(name + strlen(name), " (deleted)", 12);
	f = tmpfs_anon_file(name, 0, O_RDWR | O_LARGEFILE);
	if (IS_ERR(f)) {
		kfree(name);
		return PTR_ERR(f);
	}
	tmpfs_node(f->inode)->file.seals = flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
	return fd_publish(f, flags & MFD_CLOEXEC);
}

static struct tmpfs_node *sealable(struct file *f)
{
	return f->inode && f->ops == &tmpfs_file_fops ? tmpfs_node(f->inode) : NULL;
}

long memfd_add_seals(struct file *f, u32 seals)
{
	struct tmpfs_node *n = sealable(f);
	long err = 0;

	if (!n || (seals & ~(u32)SEALS_KNOWN))
		return -EINVAL;
	if (!FMODE_CAN_WRITE(f))
		return -EPERM;
	mutex_lock(&f->inode->lock);
	if (n->file.seals & F_SEAL_SEAL)
		err = -EPERM;
	else if ((seals & F_SEAL_WRITE) && f->inode->map_writable)
		err = -EBUSY;
	else
		n->file.seals |= seals;
	mutex_unlock(&f->inode->lock);
	return err;
}

long memfd_get_seals(struct file *f)
{
	struct tmpfs_node *n = sealable(f);

	return n ? (long)n->file.seals : -EINVAL;
}
