/*
 * name_to_handle_at(2) and open_by_handle_at(2).  A handle is a number that stands for a file in a table of those that were
 * asked for; the table holds them, the oldest goes when it is full, and its handle is stale from then on.
 */
#include "libos/landlock/landlock.h"
#include "libos/kernel/syscall.h"
#include "libos/vfs/fdtable.h"
#include "libos/vfs/namei.h"
#include <linux/capability.h>

#define HANDLES 1024
#define HANDLE_BYTES 8u
#define HANDLE_TYPE 0xba
#define AT_HANDLE_CONNECTABLE 2	/* fcntl.h of Linux 6.13; each handle here is */
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif
#define HANDLE_MAX 128u		/* MAX_HANDLE_SZ */

struct user_handle {
	u32 bytes;
	i32 type;
	u64 number;
};

static struct { struct path path; u64 number; } handles[HANDLES] LATE;
static u64 next_number = 1;
static struct mutex handles_lock = MUTEX_INIT(RANK_OBJECT);

/* Takes the caller's reference to the path. */
static u64 handle_of(struct path *p)
{
	struct path old = {0};
	u64 number = 0;

	mutex_lock(&handles_lock);
	for (u32 i = 0; i < HANDLES && !number; i++)
		if (handles[i].number && handles[i].path.dentry->inode == p->dentry->inode)
			number = handles[i].number;
	if (number) {
		old = *p;
	} else {
		u32 slot = next_number % HANDLES;

		old = handles[slot].path;
		number = next_number++;
		handles[slot].path = *p;
		handles[slot].number = number;
	}
	mutex_unlock(&handles_lock);
	path_put(&old);
	return number;
}

static bool path_of(u64 number, struct path *out)
{
	bool found;

	mutex_lock(&handles_lock);
	found = number && handles[number % HANDLES].number == number;
	if (found) {
		*out = handles[number % HANDLES].path;
		path_get(out);
	}
	mutex_unlock(&handles_lock);
	return found;
}

SYSCALL(name_to_handle_at, int dirfd, const char *path, struct user_handle *uhandle, int *mount_id, int flags)
{
	struct user_handle h;
	u32 room, id;
	struct path p;
	long err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH | AT_HANDLE_FID | AT_HANDLE_CONNECTABLE))
		return -EINVAL;
	/* Who wants a number to compare cannot have one to open as well. */
	if ((flags & AT_HANDLE_FID) && (flags & AT_HANDLE_CONNECTABLE))
		return -EINVAL;
	err = path_lookup_user(dirfd, path, (flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) |
			       (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0), &p);
	if (err)
		return err;
	id = p.mount->id;
	err = copy_from_user(&h, uhandle, 8) ? -EFAULT : h.bytes > HANDLE_MAX ? -EINVAL : 0;
	if (err) {
		path_put(&p);
		return err;
	}
	room = h.bytes;
	h = (struct user_handle){.bytes = HANDLE_BYTES, .type = HANDLE_TYPE};
	if (room < HANDLE_BYTES) {
		path_put(&p);
		h.type = 0xff;	/* FILEID_INVALID */
		return put_user(id, (u32 *)mount_id) || copy_to_user(uhandle, &h, 8) ? -EFAULT : -EOVERFLOW;
	}
	h.number = handle_of(&p);
	return put_user(id, (u32 *)mount_id) || copy_to_user(uhandle, &h, sizeof(h)) ? -EFAULT : 0;
}

static long open_path(const struct path *p, u32 flags)
{
	struct inode *inode = p->dentry->inode;
	struct file *f;

	if (!inode || !inode->nlink)
		return -ESTALE;
	if (S_ISLNK(inode->mode) && !(flags & O_PATH))
		return -ELOOP;
	if (S_ISDIR(inode->mode) && (flags & O_ACCMODE) != O_RDONLY)
		return -EISDIR;
	if (landlock_may_open(p, flags, false))
		return -EACCES;
	f = file_open_path(p, flags | O_LARGEFILE);
	return fd_publish(f, flags & O_CLOEXEC);
}

SYSCALL(open_by_handle_at, int mount_fd, const struct user_handle *uhandle, int flags)
{
	const struct super *sb;	/* only compared */
	struct user_handle h;
	struct path p;
	struct file *f;
	long ret;

	if (!capable(CAP_DAC_READ_SEARCH))
		return -EPERM;
	if (mount_fd != AT_FDCWD) {
		f = fd_get_any(mount_fd);
		if (!f)
			return -EBADF;
		sb = f->path.dentry ? f->path.dentry->sb : NULL;
		file_put(f);
	} else {
		sb = current->process->fs->cwd.dentry->sb;
	}
	if (copy_from_user(&h, uhandle, 8))
		return -EFAULT;
	if (!h.bytes || h.bytes > HANDLE_MAX)
		return -EINVAL;
	if (h.bytes < HANDLE_BYTES || h.type != HANDLE_TYPE)
		return -ESTALE;
	if (copy_from_user(&h, uhandle, sizeof(h)))
		return -EFAULT;
	if (!path_of(h.number, &p))
		return -ESTALE;
	ret = p.dentry->sb == sb ? open_path(&p, flags) : -ESTALE;
	path_put(&p);
	return ret;
}
