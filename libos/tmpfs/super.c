/* In-memory file systems: /tmp, /dev/shm, overlays' upper layers, memfds.  Owns struct tmpfs_node. */
#include "libos/tmpfs/tmpfs.h"
#include <linux/magic.h>

static struct super *anon_super;	/* unlinked files: memfd and shared anonymous memory */

struct inode *tmpfs_inode(struct super *sb, u32 mode, u64 rdev)
{
	struct tmpfs_node *n = kzalloc(sizeof(*n));
	struct inode *inode = n ? inode_alloc(sb, mode) : NULL;

	if (!inode) {
		kfree(n);
		return NULL;
	}
	list_init(&n->xattrs);
	inode->priv = n;
	inode->rdev = rdev;
	switch (mode & S_IFMT) {
	case S_IFDIR:
		inode->ops = &tmpfs_dir_iops;
		inode->fops = &tmpfs_dir_fops;
		if (tmpfs_dir_init(inode, NULL)) {
			inode->mode = 0;
			inode_put(inode);
			return NULL;
		}
		break;
	case S_IFLNK:
		inode->ops = &tmpfs_link_iops;
		break;
	case S_IFREG:
		inode->ops = &tmpfs_file_iops;
		inode->fops = &tmpfs_file_fops;
		mutex_init(&n->file.lock, RANK_DCACHE);
		n->file.seals = F_SEAL_SEAL;	/* no more may be had, but of a memfd that allows it */
		break;
	default:
		inode->ops = &tmpfs_file_iops;
	}
	return inode;
}

static void tmpfs_evict(struct inode *inode)
{
	if (S_ISREG(inode->mode))
		tmpfs_file_free(inode);
	else if (S_ISDIR(inode->mode))
		tmpfs_dir_free(inode);
	else if (S_ISLNK(inode->mode))
		kfree(tmpfs_node(inode)->link);
	tmpfs_xattr_free(inode);
	kfree(inode->priv);
}

static int tmpfs_statfs(struct super *sb, struct kstatfs *st)
{
	struct tmpfs_sb *t = sb->priv;
	struct memory_use use;

	memory_use(&use);
	st->type = TMPFS_MAGIC;
	st->bsize = PAGE_SIZE;
	st->namelen = NAME_MAX;
	st->blocks = t->limit_pages ? t->limit_pages : use.total_pages / 2;
	st->bfree = st->blocks > t->used_pages ? st->blocks - t->used_pages : 0;
	st->bavail = st->bfree;
	st->files = use.total_pages / 2;
	st->ffree = st->files > sb->next_ino ? st->files - sb->next_ino : 0;
	return 0;
}

static const struct super_ops tmpfs_super_ops = {.evict = tmpfs_evict, .statfs = tmpfs_statfs};

struct super *tmpfs_create(u64 size_limit, u32 root_mode)
{
	struct super *sb = kzalloc(sizeof(*sb));
	struct tmpfs_sb *t = kzalloc(sizeof(*t));

	if (!sb || !t) {
		kfree(sb);
		kfree(t);
		return NULL;
	}
	t->limit_pages = PAGE_ALIGN(size_limit) >> PAGE_SHIFT;
	sb->ops = &tmpfs_super_ops;
	sb->fstype = sb->source = "tmpfs";
	sb->priv = t;
	sb->flags = SB_FILEATTR;
	mutex_init(&sb->rename_lock, RANK_RENAME);
	sb->root = tmpfs_inode(sb, S_IFDIR | root_mode, 0);
	if (!sb->root) {
		kfree(t);
		kfree(sb);
		return NULL;
	}
	return sb;
}

struct file *tmpfs_anon_file(const char *name, u64 size, u32 flags)
{
	struct inode *inode;
	struct file *f;
	int err;

	if (!anon_super) {
		struct super *sb = tmpfs_create(0, 0777), *none = NULL;

		if (!sb)
			return ERR_PTR(-ENOMEM);
		sb->dev = 1;
		/* Another thread may have been first; then this one is forgotten, once in the sandbox's life. */
		__atomic_compare_exchange_n(&anon_super, &none, sb, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	}
	inode = tmpfs_inode(anon_super, S_IFREG | 0777, 0);
	if (!inode)
		return ERR_PTR(-ENOMEM);
	inode->nlink = 0;
	err = tmpfs_file_resize(inode, size);
	f = err ? NULL : file_alloc(inode->fops, inode, flags, NULL);
	inode_put(inode);
	if (!f)
		return ERR_PTR(err ? err : -ENOMEM);
	f->anon_name = name;
	return f;
}
