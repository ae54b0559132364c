/*
 * Directories in memory: a hash table of names, and a list in the order of their cookies for readdir, so that a position
 * stays true while names come and go.  The directory inode's lock protects both.
 */
#include "libos/tmpfs/tmpfs.h"
#include "libos/vfs/dcache.h"
#include <linux/fs.h>

#define FIRST_BUCKETS 8

static u32 hash_name(const char *name, u32 len)
{
	u32 h = 2166136261u;

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 16777619u;
	return h;
}

int tmpfs_dir_init(struct inode *inode, struct inode *parent)
{
	struct tmpfs_node *n = tmpfs_node(inode);

	n->dir.buckets = kmalloc(FIRST_BUCKETS * sizeof(struct list));
	if (!n->dir.buckets)
		return -ENOMEM;
	n->dir.bucket_count = FIRST_BUCKETS;
	for (u32 i = 0; i < FIRST_BUCKETS; i++)
		list_init(&n->dir.buckets[i]);
	list_init(&n->dir.order);
	n->dir.next_cookie = 3;
	n->dir.parent = parent ? parent : inode;
	inode->nlink = 2;
	return 0;
}

static void rehash(struct tmpfs_node *n)
{
	u32 count = n->dir.bucket_count * 4;
	struct list *b = kmalloc(count * sizeof(*b));
	struct tmpfs_entry *e;

	if (!b)
		return;
	for (u32 i = 0; i < count; i++)
		list_init(&b[i]);
	list_for_each(e, &n->dir.order, order) {
		list_del(&e->hash);
		list_add(&e->hash, &b[e->hash_value & (count - 1)]);
	}
	kfree(n->dir.buckets);
	n->dir.buckets = b;
	n->dir.bucket_count = count;
}

static struct tmpfs_entry *find(struct inode *dir, const char *name, u32 len)
{
	struct tmpfs_node *n = tmpfs_node(dir);
	u32 h = hash_name(name, len);
	struct tmpfs_entry *e;

	list_for_each(e, &n->dir.buckets[h & (n->dir.bucket_count - 1)], hash)
		if (e->hash_value == h && e->len == len && !memcmp(e->name, name, len))
			return e;
	return NULL;
}

static struct tmpfs_entry *entry_new(const char *name, u32 len)
{
	struct tmpfs_entry *e = kmalloc(sizeof(*e) + len + 1);

	if (!e)
		return NULL;
	memcpy(e->name, name, len);
	e->name[len] = 0;
	e->len = len;
	e->hash_value = hash_name(name, len);
	return e;
}

/* Takes the inode reference. */
static void entry_add(struct inode *dir, struct tmpfs_entry *e, struct inode *inode)
{
	struct tmpfs_node *n = tmpfs_node(dir);

	e->inode = inode;
	e->cookie = n->dir.next_cookie++;
	if (++n->dir.count > n->dir.bucket_count * 2)
		rehash(n);
	list_add(&e->hash, &n->dir.buckets[e->hash_value & (n->dir.bucket_count - 1)]);
	list_add_tail(&e->order, &n->dir.order);
	WRITE_ONCE(dir->size, dir->size + 20);
	if (S_ISDIR(inode->mode)) {
		WRITE_ONCE(dir->nlink, dir->nlink + 1);
		tmpfs_node(inode)->dir.parent = dir;
	}
	inode_touch_mtime(dir);
}

static void entry_remove(struct inode *dir, struct tmpfs_entry *e)
{
	list_del(&e->hash);
	list_del(&e->order);
	tmpfs_node(dir)->dir.count--;
	WRITE_ONCE(dir->size, dir->size - 20);
	if (S_ISDIR(e->inode->mode))
		WRITE_ONCE(dir->nlink, dir->nlink - 1);
	inode_touch_mtime(dir);
}

void tmpfs_dir_free(struct inode *inode)
{
	struct tmpfs_node *n = tmpfs_node(inode);
	struct tmpfs_entry *e, *tmp;

	list_for_each_safe(e, tmp, &n->dir.order, order) {
		inode_put(e->inode);
		kfree(e);
	}
	kfree(n->dir.buckets);
}

/* No name is added any more, whoever has it open. */
static bool is_removed(const struct inode *dir)
{
	return !dir->nlink;
}

static int dir_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct tmpfs_entry *e = find(dir, name, len);

	if (!e)
		return -ENOENT;
	inode_get(e->inode);
	*out = e->inode;
	return 0;
}

static int add_new(struct inode *dir, const char *name, u32 len, struct inode *inode, struct inode **out)
{
	struct tmpfs_entry *e = entry_new(name, len);

	if (!e) {
		inode_put(inode);
		return -ENOSPC;
	}
	if (dir->mode & S_ISGID) {
		inode->gid = dir->gid;
		if (S_ISDIR(inode->mode))
			inode->mode |= S_ISGID;
	}
	entry_add(dir, e, inode);
	inode_get(inode);
	*out = inode;
	return 0;
}

static int dir_create(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out)
{
	struct inode *inode;

	if (is_removed(dir))
		return -ENOENT;
	inode = tmpfs_inode(dir->sb, mode, rdev);
	if (!inode)
		return -ENOSPC;
	return add_new(dir, name, len, inode, out);
}

static int dir_symlink(struct inode *dir, const char *name, u32 len, const char *target, struct inode **out)
{
	struct inode *inode;

	if (is_removed(dir))
		return -ENOENT;
	inode = tmpfs_inode(dir->sb, S_IFLNK | 0777, 0);
	if (!inode)
		return -ENOSPC;
	tmpfs_node(inode)->link = kstrdup(target);
	inode->size = strlen(target);
	if (!tmpfs_node(inode)->link) {
		inode_put(inode);
		return -ENOSPC;
	}
	return add_new(dir, name, len, inode, out);
}

static int dir_link(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct tmpfs_entry *e;

	if (is_removed(dir))
		return -ENOENT;
	e = entry_new(name, len);
	if (!e)
		return -ENOSPC;
	inode_get(inode);
	/* Without the file's lock: other names of it are in other directories. */
	__atomic_add_fetch(&inode->nlink, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(inode->ctime, now_real());
	entry_add(dir, e, inode);
	return 0;
}

/*
 * A directory goes only if it is empty, and gets no name from then on: both are said under its own lock, behind its parent's.
 * `locked`: that is held already, for it is the other directory of a rename.
 */
static bool dir_goes(struct inode *dir, bool locked)
{
	bool empty;

	if (!locked)
		mutex_lock(&dir->lock);
	empty = !tmpfs_node(dir)->dir.count;
	if (empty)
		WRITE_ONCE(dir->nlink, 0);
	if (!locked)
		mutex_unlock(&dir->lock);
	return empty;
}

static void drop(struct inode *dir, struct tmpfs_entry *e)
{
	struct inode *inode = e->inode;

	entry_remove(dir, e);
	if (!S_ISDIR(inode->mode))
		__atomic_sub_fetch(&inode->nlink, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(inode->ctime, now_real());
	kfree(e);
	inode_put(inode);
}

static int dir_unlink(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct tmpfs_entry *e = find(dir, name, len);

	if (!e)
		return -ENOENT;
	drop(dir, e);
	return 0;
}

static int dir_rmdir(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct tmpfs_entry *e = find(dir, name, len);

	if (!e)
		return -ENOENT;
	if (!dir_goes(inode, false))
		return -ENOTEMPTY;
	drop(dir, e);
	return 0;
}

static int dir_rename(struct inode *olddir, const char *oldname, u32 oldlen, struct inode *inode, struct inode *newdir,
		      const char *newname, u32 newlen, struct inode *target, u32 flags)
{
	struct tmpfs_entry *e = find(olddir, oldname, oldlen), *t = find(newdir, newname, newlen), *fresh;

	if (!e)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE) {
		struct inode *a = e->inode, *b = t ? t->inode : NULL;

		if (!b)
			return -ENOENT;
		WRITE_ONCE(olddir->nlink, olddir->nlink + S_ISDIR(b->mode) - S_ISDIR(a->mode));
		WRITE_ONCE(newdir->nlink, newdir->nlink + S_ISDIR(a->mode) - S_ISDIR(b->mode));
		e->inode = b;
		t->inode = a;
		if (S_ISDIR(a->mode))
			tmpfs_node(a)->dir.parent = newdir;
		if (S_ISDIR(b->mode))
			tmpfs_node(b)->dir.parent = olddir;
		WRITE_ONCE(a->ctime, now_real());
		WRITE_ONCE(b->ctime, a->ctime);
		return 0;
	}
	if (is_removed(newdir))
		return -ENOENT;
	fresh = entry_new(newname, newlen);
	if (!fresh)
		return -ENOSPC;
	if (t && S_ISDIR(t->inode->mode) && !dir_goes(t->inode, t->inode == olddir)) {
		kfree(fresh);
		return -ENOTEMPTY;
	}
	if (t)
		drop(newdir, t);
	entry_remove(olddir, e);
	entry_add(newdir, fresh, e->inode);
	WRITE_ONCE(inode->ctime, now_real());
	kfree(e);
	return 0;
}

static int dir_tmpfile(struct inode *dir, u32 mode, struct inode **out)
{
	*out = tmpfs_inode(dir->sb, mode, 0);
	if (!*out)
		return -ENOSPC;
	(*out)->nlink = 0;
	return 0;
}

static int common_setattr(struct inode *inode, const struct iattr *attr)
{
	int err = 0;

	if (attr->valid & ATTR_SIZE) {
		u32 seals = S_ISREG(inode->mode) ? tmpfs_node(inode)->file.seals : 0;

		if ((seals & 2 && attr->size < inode->size) || (seals & 4 && attr->size > inode->size))
			return -EPERM;
		err = S_ISREG(inode->mode) ? tmpfs_file_resize(inode, attr->size) : -EINVAL;
		if (err)
			return err;
	}
	inode_apply(inode, attr);
	return 0;
}

static long link_readlink(struct inode *inode, char *buf, size_t size)
{
	size_t n = min((size_t)inode->size, size);

	memcpy(buf, tmpfs_node(inode)->link, n);
	return n;
}

static int dir_readdir(struct file *f, i64 *pos,
		       bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next), void *arg)
{
	struct inode *dir = f->inode;
	u64 up = f->path.dentry ? dentry_parent_ino(f->path.dentry) : dir->ino;
	struct tmpfs_entry *e;

	mutex_lock(&dir->lock);
	if (*pos == 0) {
		if (!emit(arg, ".", 1, dir->ino, 4, 1))
			goto out;
		*pos = 1;
	}
	if (*pos == 1) {
		if (!emit(arg, "..", 2, up, 4, 2))
			goto out;
		*pos = 2;
	}
	list_for_each(e, &tmpfs_node(dir)->dir.order, order) {
		if ((i64)e->cookie <= *pos)
			continue;
		if (!emit(arg, e->name, e->len, e->inode->ino, (e->inode->mode & S_IFMT) >> 12, e->cookie))
			break;
		*pos = e->cookie;
	}
out:
	mutex_unlock(&dir->lock);
	return 0;
}

#define XATTR_OPS                                                                                            \
	.setattr = common_setattr, .getxattr = tmpfs_getxattr, .setxattr = tmpfs_setxattr,                   \
	.listxattr = tmpfs_listxattr, .removexattr = tmpfs_removexattr

const struct inode_ops tmpfs_dir_iops = {
	.lookup = dir_lookup, .create = dir_create, .symlink = dir_symlink, .link = dir_link, .unlink = dir_unlink,
	.rmdir = dir_rmdir, .rename = dir_rename, .tmpfile = dir_tmpfile, XATTR_OPS};
const struct inode_ops tmpfs_file_iops = {XATTR_OPS};
const struct inode_ops tmpfs_link_iops = {.readlink = link_readlink, XATTR_OPS};
const struct file_ops tmpfs_dir_fops = {.readdir = dir_readdir};
