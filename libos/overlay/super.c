/*
 * Overlays: mounting, and the table of nodes.  A node is found by its real inode, so that two names of one file, or one
 * that is looked up again while it is open, give the same inode.  overlay->lock protects the table, names and parents.
 */
#include "libos/overlay/overlay.h"

#define OVERLAYFS_MAGIC 0x794c7630

int real_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	int err;

	if (!dir->ops->lookup)
		return -ENOENT;
	mutex_lock(&dir->lock);
	err = dir->ops->lookup(dir, name, len, out);
	mutex_unlock(&dir->lock);
	return err;
}

void onode_sync(struct inode *inode)
{
	const struct inode *real = onode_real(inode);
	struct onode *n = onode_of(inode);

	inode->mode = real->mode;
	inode->uid = real->uid;
	inode->gid = real->gid;
	inode->rdev = real->rdev;
	inode->size = real->size;
	inode->blocks = real->blocks;
	inode->atime = real->atime;
	inode->mtime = real->mtime;
	inode->ctime = real->ctime;
	inode->btime = real->btime;
	/* A lower file keeps its links for those who look at it from elsewhere; here it has lost them. */
	inode->nlink = n->unlinked && real == n->lower ? 0 : real->nlink;
}

static struct list *bucket(struct overlay *o, u64 ino)
{
	return list_of_table(&o->table[(ino ^ ino >> 10) & (OVERLAY_BUCKETS - 1)]);
}

/* The image's reader makes a new inode at each lookup; others keep one a file. */
static bool same_real(const struct inode *a, const struct inode *b)
{
	return a == b || (a->sb == b->sb && a->ino == b->ino && (a->sb->flags & SB_RDONLY) && !a->ops->revalidate);
}

/* overlay->lock held. */
static struct inode *find_locked(struct overlay *o, const struct inode *real)
{
	struct onode *n;

	list_for_each(n, bucket(o, real->ino), hash)
		if (same_real(onode_real(n->inode), real) && ref_get_unless_zero(&n->inode->refs))
			return n->inode;
	return NULL;
}

/* Names of one lower file part when one of them is written (as with overlayfs without an index): each has a node. */
static bool is_shared(const struct inode *upper, const struct inode *lower)
{
	return upper || S_ISDIR(lower->mode) || lower->nlink == 1;
}

void onode_moved(struct inode *inode, struct inode *dir, const char *name, u32 len)
{
	struct overlay *o = overlay_of(inode);
	struct onode *n = onode_of(inode);
	struct inode *old_dir;
	char *copy, *old;

	if (n->parent == dir && n->name_len == len && !memcmp(n->name, name, len))
		return;
	copy = kmalloc(len + 1);
	if (!copy)
		return;
	memcpy(copy, name, len);
	copy[len] = 0;
	inode_get(dir);
	mutex_lock(&o->lock);
	old = n->name;
	old_dir = n->parent;
	n->name = copy;
	n->name_len = len;
	n->parent = dir;
	mutex_unlock(&o->lock);
	kfree(old);
	inode_put(old_dir);
}

void onode_rehash(struct inode *inode)
{
	struct overlay *o = overlay_of(inode);
	struct onode *n = onode_of(inode);

	mutex_lock(&o->lock);
	list_del(&n->hash);
	list_add(&n->hash, bucket(o, onode_real(inode)->ino));
	mutex_unlock(&o->lock);
}

static struct inode *onode_new(struct super *sb, struct inode *upper, struct inode *lower)
{
	const struct inode *real = upper ? upper : lower;
	struct inode *inode = inode_alloc(sb, real->mode);
	struct onode *n = inode ? kzalloc(sizeof(*n)) : NULL;

	if (!n) {
		kfree(inode);
		return NULL;
	}
	n->inode = inode;
	n->upper = upper;
	n->lower = lower;
	/* A file keeps its number when it is copied up. */
	n->ino = lower ? lower->ino : upper->ino;
	list_init(&n->hash);
	inode->priv = n;
	inode->ino = n->ino;
	switch (real->mode & S_IFMT) {
	case S_IFDIR:
		inode->ops = &overlay_dir_iops;
		inode->fops = &overlay_dir_fops;
		break;
	case S_IFLNK:
		inode->ops = &overlay_link_iops;
		break;
	default:
		inode->ops = &overlay_file_iops;
		inode->fops = &overlay_file_fops;
	}
	onode_sync(inode);
	return inode;
}

struct inode *onode_get(struct super *sb, struct inode *upper, struct inode *lower, struct inode *dir, const char *name,
			u32 len)
{
	struct overlay *o = sb->priv;
	struct inode *found, *inode, *real = upper ? upper : lower;

	mutex_lock(&o->lock);
	found = find_locked(o, real);
	mutex_unlock(&o->lock);
	inode = found ? NULL : onode_new(sb, upper, lower);
	if (inode) {
		mutex_lock(&o->lock);
		if (is_shared(upper, lower)) {
			found = find_locked(o, real);
			if (!found)
				list_add(&onode_of(inode)->hash, bucket(o, real->ino));
		}
		mutex_unlock(&o->lock);
	}
	if (found) {
		/* Both or one of these are its own already. */
		if (inode) {
			onode_of(inode)->upper = onode_of(inode)->lower = NULL;
			inode_put(inode);
		}
		inode_put(upper);
		inode_put(lower);
		inode = found;
		onode_sync(inode);
	} else if (!inode) {
		inode_put(upper);
		inode_put(lower);
		return NULL;
	}
	if (dir)
		onode_moved(inode, dir, name, len);
	return inode;
}

static void overlay_evict(struct inode *inode)
{
	struct overlay *o = overlay_of(inode);
	struct onode *n = onode_of(inode);

	mutex_lock(&o->lock);
	list_del(&n->hash);
	mutex_unlock(&o->lock);
	inode_put(n->upper);
	inode_put(n->lower);
	inode_put(n->parent);
	kfree(n->name);
	kfree(n);
}

static int overlay_statfs(struct super *sb, struct kstatfs *st)
{
	struct overlay *o = sb->priv;
	struct kstatfs lower = {0};
	int err = o->upper->ops->statfs(o->upper, st);

	st->type = OVERLAYFS_MAGIC;
	/* What is free is the upper layer's; what is in use is in both. */
	if (!err && o->lower->ops->statfs && !o->lower->ops->statfs(o->lower, &lower)) {
		st->blocks += lower.blocks - lower.bfree;
		st->files += lower.files - lower.ffree;
	}
	return err;
}

static void overlay_sync(struct super *sb)
{
	struct overlay *o = sb->priv;

	if (o->upper->ops->sync)
		o->upper->ops->sync(o->upper);
}

static const struct super_ops overlay_super_ops = {
	.evict = overlay_evict, .statfs = overlay_statfs, .sync = overlay_sync};

/* What was copied of owners before it was known who the guest's user is. */
static void name_owners(struct identity_watch *w)
{
	struct overlay *o = container_of(w, struct overlay, owners);
	struct inode *top = o->upper->root;
	struct onode *n;

	top->uid = identity_uid(top->uid);
	top->gid = identity_gid(top->gid);
	mutex_lock(&o->lock);
	for (u32 i = 0; i < OVERLAY_BUCKETS; i++)
		list_for_each(n, list_of_table(&o->table[i]), hash) {
			n->inode->uid = identity_uid(n->inode->uid);
			n->inode->gid = identity_gid(n->inode->gid);
		}
	mutex_unlock(&o->lock);
}

struct super *overlay_create(struct super *lower, struct super *upper)
{
	struct super *sb = kzalloc(sizeof(*sb));
	struct overlay *o = kzalloc(sizeof(*o));

	if (!sb || !o) {
		kfree(sb);
		kfree(o);
		return ERR_PTR(-ENOMEM);
	}
	o->lower = lower;
	o->upper = upper;
	o->on_disk = strcmp(upper->fstype, "tmpfs") != 0;
	o->changes = lower->root->ops->revalidate || upper->root->ops->revalidate;
	mutex_init(&o->copy_lock, RANK_OBJECT);
	mutex_init(&o->lock, RANK_DCACHE);
	/* New files' numbers stay clear of the lower layer's, which copied-up files keep. */
	if (!o->on_disk)
		upper->next_ino = max(upper->next_ino, 1ull << 32);
	sb->ops = &overlay_super_ops;
	sb->fstype = sb->source = "overlay";
	sb->priv = o;
	mutex_init(&sb->rename_lock, RANK_RENAME);
	inode_get(lower->root);
	inode_get(upper->root);
	if (!o->on_disk) {
		upper->root->uid = lower->root->uid;
		upper->root->gid = lower->root->gid;
		upper->root->atime = lower->root->atime;
		upper->root->mtime = lower->root->mtime;
		upper->root->ctime = lower->root->ctime;
	}
	o->owners.known = name_owners;
	identity_watch(&o->owners);
	sb->root = onode_get(sb, upper->root, lower->root, NULL, "", 0);
	return sb->root ? sb : ERR_PTR(-ENOMEM);
}
