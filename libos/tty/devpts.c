/*
 * /dev/pts, pts(4): a tmpfs in which names come and go with the masters of pseudo-terminals, and nothing else
 * may.  The root inode's lock protects the directory, as in tmpfs.
 */
#include "libos/tty/pty.h"
#include "libos/tmpfs/tmpfs.h"
#include <linux/magic.h>

#define TTY_GROUP 5

static struct super *devpts;
static struct inode_ops dir_ops;
static struct super_ops super_ops;

/* A name that is gone, or that was not there, is looked up again. */
static bool revalidate(struct dentry *d)
{
	return d->inode && READ_ONCE(d->inode->nlink);
}

static int statfs(struct super *sb, struct kstatfs *st)
{
	st->type = DEVPTS_SUPER_MAGIC;
	st->bsize = PAGE_SIZE;
	st->namelen = NAME_MAX;
	return 0;
}

static int add(const char *name, u32 mode, u32 gid, u64 rdev)
{
	struct inode *inode;
	int err;

	mutex_lock(&devpts->root->lock);
	err = tmpfs_dir_iops.create(devpts->root, name, strlen(name), S_IFCHR | mode, rdev, &inode);
	mutex_unlock(&devpts->root->lock);
	if (err)
		return err;
	inode->gid = gid;
	inode_put(inode);
	return 0;
}

int devpts_add(u32 index)
{
	char name[12];

	if (!devpts)
		return -ENODEV;
	snprintf(name, sizeof(name), "%u", index);
	return add(name, 0620, TTY_GROUP, (u64)(index & ~0xffu) << 12 | PTS_MAJOR << 8 | (index & 0xff));
}

void devpts_remove(u32 index)
{
	struct inode *inode;
	char name[12];
	u32 n = snprintf(name, sizeof(name), "%u", index);

	mutex_lock(&devpts->root->lock);
	if (!tmpfs_dir_iops.lookup(devpts->root, name, n, &inode)) {
		tmpfs_dir_iops.unlink(devpts->root, name, n, inode);
		inode_put(inode);
	}
	mutex_unlock(&devpts->root->lock);
}

struct super *devpts_create(void)
{
	struct super *sb = tmpfs_create(0, 0755);

	if (!sb)
		return NULL;
	super_ops = *sb->ops;
	super_ops.statfs = statfs;
	dir_ops = tmpfs_dir_iops;
	dir_ops.create = NULL;
	dir_ops.symlink = NULL;
	dir_ops.link = NULL;
	dir_ops.unlink = NULL;
	dir_ops.rmdir = NULL;
	dir_ops.rename = NULL;
	dir_ops.tmpfile = NULL;
	dir_ops.revalidate = revalidate;
	sb->ops = &super_ops;
	sb->root->ops = &dir_ops;
	sb->fstype = sb->source = "devpts";
	sb->flags |= SB_NOCACHE;
	devpts = sb;
	add("ptmx", 0666, 0, 5 << 8 | 2);
	return sb;
}
