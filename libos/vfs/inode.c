/*
 * Inodes: reference counts, times, permission checks.  A file system allocates them, fills what it knows, and frees its
 * own part in super_ops.evict.
 */
#include "libos/vfs/locks.h"
#include "libos/vfs/vfs.h"
#include <linux/capability.h>
#include <linux/inotify.h>

/* Of those that no file system has given any: pipes, sockets and their like, which have names in /proc/PID/fd all the same. */
static const struct inode_ops no_inode_ops;

struct inode *inode_alloc(struct super *sb, u32 mode)
{
	struct inode *inode = kzalloc(sizeof(*inode));

	if (!inode)
		return NULL;
	inode->refs = 1;
	mutex_init(&inode->lock, RANK_INODE);
	inode->sb = sb;
	inode->ops = &no_inode_ops;
	inode->mode = mode;
	inode->nlink = 1;
	inode->ino = __atomic_add_fetch(&sb->next_ino, 1, __ATOMIC_RELAXED);
	inode->atime = inode->mtime = inode->ctime = inode->btime = now_real();
	if (current) {
		inode->uid = current->process->cred.fsuid;
		inode->gid = current->process->cred.fsgid;
	}
	list_init(&inode->mappings);
	return inode;
}

void inode_put(struct inode *inode)
{
	if (!inode || !ref_put(&inode->refs))
		return;
	locks_free(inode);
	if (inode->sb && inode->sb->ops->evict)
		inode->sb->ops->evict(inode);
	kfree(inode);
}

/* relatime: only when it says something new (mount(8)). */
void inode_touch_atime(struct inode *inode)
{
	if ((inode->sb && (inode->sb->flags & (SB_RDONLY | SB_NOATIME))) || (inode->flags & INODE_NOATIME))
		return;
	if (inode->atime <= inode->mtime || inode->atime <= inode->ctime ||
	    clock_ns(BZ_CLOCK_REALTIME_COARSE) - inode->atime > 86400 * NSEC_PER_SEC)
		WRITE_ONCE(inode->atime, now_real());
}

void inode_touch_mtime(struct inode *inode)
{
	i64 now = now_real();

	WRITE_ONCE(inode->mtime, now);
	WRITE_ONCE(inode->ctime, now);
}

bool inode_owner_or_capable(const struct inode *inode)
{
	return !current || current->process->cred.fsuid == inode->uid || capable(CAP_FOWNER);
}

bool inode_in_group(const struct inode *inode)
{
	return !current || cred_in_group(current_cred(), current_cred()->fsgid, inode->gid);
}

/* path_resolution(7): owner, group or other bits; then the two capabilities. */
int inode_permission(struct inode *inode, u32 mask)
{
	const struct cred *c;
	u32 mode;

	if (!current)
		return 0;
	if (unlikely((mask & 2) && (inode->flags & INODE_IMMUTABLE)))
		return -EPERM;
	if (inode->ops && inode->ops->permission)
		return inode->ops->permission(inode, mask);
	c = current_cred();
	mode = inode->mode;
	if (c->fsuid == inode->uid)
		mode >>= 6;
	else if (cred_in_group(c, c->fsgid, inode->gid))
		mode >>= 3;
	if ((mode & mask & 7) == (mask & 7))
		return 0;
	if (S_ISDIR(inode->mode)) {
		if (capable(CAP_DAC_OVERRIDE) || (!(mask & 2) && capable(CAP_DAC_READ_SEARCH)))
			return 0;
		return -EACCES;
	}
	if (capable(CAP_DAC_OVERRIDE) && (!(mask & 1) || (inode->mode & 0111)))
		return 0;
	if (mask == 4 && capable(CAP_DAC_READ_SEARCH))
		return 0;
	return -EACCES;
}

int inode_getattr(struct inode *inode, struct kstat *st)
{
	if (inode->ops && inode->ops->getattr)
		return inode->ops->getattr(inode, st);
	*st = (struct kstat){
		.ino = inode->ino, .dev = inode->sb ? inode->sb->dev : 0, .rdev = inode->rdev, .size = inode->size,
		.blocks = inode->blocks, .mode = inode->mode, .nlink = READ_ONCE(inode->nlink), .uid = inode->uid, .gid = inode->gid,
		.blksize = PAGE_SIZE, .atime = inode->atime, .mtime = inode->mtime, .ctime = inode->ctime,
		.btime = inode->btime,
	};
	if (inode->sb && (inode->sb->flags & SB_FILEATTR)) {
		st->attributes_known = INODE_IMMUTABLE | INODE_APPEND | INODE_NODUMP;
		st->attributes = READ_ONCE(inode->flags) & st->attributes_known;
	}
	return 0;
}

int vfs_getattr(const struct path *p, struct kstat *st)
{
	return inode_getattr(p->dentry->inode, st);
}

void inode_apply(struct inode *inode, const struct iattr *attr)
{
	if (attr->valid & ATTR_MODE)
		WRITE_ONCE(inode->mode, (inode->mode & S_IFMT) | (attr->mode & 07777));
	if (attr->valid & ATTR_UID)
		WRITE_ONCE(inode->uid, attr->uid);
	if (attr->valid & ATTR_GID)
		WRITE_ONCE(inode->gid, attr->gid);
	if (attr->valid & ATTR_ATIME)
		WRITE_ONCE(inode->atime, attr->atime);
	if (attr->valid & ATTR_MTIME)
		WRITE_ONCE(inode->mtime, attr->mtime);
	if (attr->valid & ATTR_CTIME)
		WRITE_ONCE(inode->ctime, attr->ctime);
}
