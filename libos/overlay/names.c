/*
 * Names in overlays: lookup through both layers, and what makes, moves and removes names, in the upper one.  The overlay's
 * directory inodes are locked by the caller; the real directories' locks are taken here, below them.
 */
#include "libos/overlay/overlay.h"
#include <linux/fs.h>

#define REVALIDATE_NS (1000 * 1000000ll)

/* --- lookup --- */

/* 0 with *up and *lo, either of which may be null, not both; -ENOENT. */
static int lookup_layers(struct inode *dir, const char *name, u32 len, struct inode **up, struct inode **lo)
{
	struct overlay *o = overlay_of(dir);
	struct inode *upper_dir = onode_upper(dir), *lower_dir = onode_of(dir)->lower;
	int err;

	*up = *lo = NULL;
	if (upper_dir) {
		err = real_lookup(upper_dir, name, len, up);
		if (err && err != -ENOENT)
			return err;
		if (!err && is_whiteout(o, *up)) {
			inode_put(*up);
			*up = NULL;
			return -ENOENT;
		}
	}
	if (lower_dir && (!*up || (S_ISDIR((*up)->mode) && !is_opaque(o, *up)))) {
		err = real_lookup(lower_dir, name, len, lo);
		if (err && err != -ENOENT) {
			inode_put(*up);
			return err;
		}
		if (*up && *lo && !S_ISDIR((*lo)->mode)) {
			inode_put(*lo);
			*lo = NULL;
		}
	}
	return *up || *lo ? 0 : -ENOENT;
}

int overlay_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct inode *up, *lo;
	int err = lookup_layers(dir, name, len, &up, &lo);

	if (err)
		return err;
	*out = onode_get(dir->sb, up, lo, dir, name, len);
	return *out ? 0 : -ENOMEM;
}

/* A layer on the host may change under us: names are looked up again after a while. */
static bool overlay_revalidate(struct dentry *d)
{
	struct inode *dir = d->parent->inode, *inode = NULL;
	u64 now;
	int err;

	if (!overlay_of(dir)->changes || d->mounted || d->parent == d)
		return true;
	now = now_mono();
	if (now < d->stamp)
		return true;
	if (!d->stamp) {
		/* It was looked up just now, as far as anybody knows. */
		d->stamp = now + REVALIDATE_NS;
		return true;
	}
	err = overlay_lookup(dir, d->name, d->name_len, &inode);
	if (err && err != -ENOENT)
		return true;
	inode_put(inode);
	d->stamp = now + REVALIDATE_NS;
	return inode == d->inode;
}

static bool overlay_still_true(const struct dentry *d, i64 now)
{
	return !overlay_of(d->parent->inode)->changes || d->mounted || now < (i64)d->stamp;
}

/* Does the lower layer have this name?  Then hiding it takes a whiteout. */
static bool lower_has(struct inode *dir, const char *name, u32 len)
{
	struct inode *lower_dir = onode_of(dir)->lower, *lo;

	if (!lower_dir || real_lookup(lower_dir, name, len, &lo))
		return false;
	inode_put(lo);
	return true;
}

/* --- making --- */

/* Upper directory locked: what stands at this name can only be a whiteout. */
static int remove_whiteout(struct overlay *o, struct inode *upper_dir, const char *name, u32 len, bool *was)
{
	struct inode *inode;
	int err = upper_dir->ops->lookup(upper_dir, name, len, &inode);

	*was = false;
	if (err == -ENOENT)
		return 0;
	if (err)
		return err;
	if (is_whiteout(o, inode)) {
		err = upper_dir->ops->unlink(upper_dir, name, len, inode);
		*was = !err;
	}
	inode_put(inode);
	return err;
}

struct making {
	u32 mode;
	u64 rdev;
	const char *target;	/* a symbolic link's */
	struct inode *link;	/* a link to this upper inode */
};

/* Upper directory locked. */
static int make_upper(struct overlay *o, struct inode *upper_dir, const char *name, u32 len, const struct making *m,
		      struct inode **up)
{
	bool hidden;
	int err = remove_whiteout(o, upper_dir, name, len, &hidden);

	if (err)
		return err;
	if (m->link)
		err = upper_dir->ops->link(upper_dir, name, len, m->link);
	else if (m->target)
		err = upper_dir->ops->symlink(upper_dir, name, len, m->target, up);
	else
		err = upper_dir->ops->create(upper_dir, name, len, m->mode, m->rdev, up);
	if (!err && !m->link && hidden && S_ISDIR(m->mode))
		err = opaque_set(o, *up);
	if (err && hidden)
		whiteout_make(o, upper_dir, name, len);
	return err;
}

static int make(struct inode *dir, const char *name, u32 len, const struct making *m, struct inode **out)
{
	struct overlay *o = overlay_of(dir);
	struct inode *upper_dir, *up = NULL;
	int err = overlay_copy_up(dir, 0);

	if (err)
		return err;
	upper_dir = onode_upper(dir);
	mutex_lock(&upper_dir->lock);
	err = make_upper(o, upper_dir, name, len, m, &up);
	mutex_unlock(&upper_dir->lock);
	onode_sync(dir);
	if (err || m->link)
		return err;
	*out = onode_get(dir->sb, up, NULL, dir, name, len);
	return *out ? 0 : -ENOMEM;
}

static int dir_create(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out)
{
	struct making m = {.mode = mode, .rdev = rdev};

	/* That is how this file system says that a name is not there. */
	if (S_ISCHR(mode) && !rdev)
		return -EPERM;
	return make(dir, name, len, &m, out);
}

static int dir_symlink(struct inode *dir, const char *name, u32 len, const char *target, struct inode **out)
{
	struct making m = {.mode = S_IFLNK, .target = target};

	return make(dir, name, len, &m, out);
}

static int dir_link(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct making m = {.mode = inode->mode};
	int err = overlay_copy_up(inode, ~0ull);

	if (err)
		return err;
	m.link = onode_upper(inode);
	err = make(dir, name, len, &m, NULL);
	if (!err)
		onode_of(inode)->unlinked = false;
	onode_sync(inode);
	return err;
}

static int dir_tmpfile(struct inode *dir, u32 mode, struct inode **out)
{
	struct inode *upper_dir, *up;
	int err = overlay_copy_up(dir, 0);

	if (err)
		return err;
	upper_dir = onode_upper(dir);
	if (!upper_dir->ops->tmpfile)
		return -EOPNOTSUPP;
	mutex_lock(&upper_dir->lock);
	err = upper_dir->ops->tmpfile(upper_dir, mode, &up);
	mutex_unlock(&upper_dir->lock);
	if (err)
		return err;
	*out = onode_get(dir->sb, up, NULL, NULL, "", 0);
	if (!*out)
		return -ENOMEM;
	onode_of(*out)->unlinked = true;
	return 0;
}

/* --- removing --- */

/* The upper directory of a removed one holds nothing but whiteouts: they go first. */
struct purge {
	struct inode *dir;
	char name[NAME_MAX + 1];
	u32 len;
};

static bool first_name(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next)
{
	struct purge *p = arg;

	if (len <= 2 && name[0] == '.' && (len == 1 || name[1] == '.'))
		return true;
	memcpy(p->name, name, len);
	p->name[len] = 0;
	p->len = len;
	return false;
}

static int purge_upper(struct inode *upper)
{
	struct purge *p = kmalloc(sizeof(*p));
	struct file *f = p ? real_file(upper, O_RDONLY | O_DIRECTORY) : ERR_PTR(-ENOMEM);
	int err = IS_ERR(f) ? PTR_ERR(f) : 0;

	while (!err) {
		struct inode *inode;
		i64 pos = 0;

		p->len = 0;
		err = f->ops->readdir(f, &pos, first_name, p);
		if (err || !p->len)
			break;
		mutex_lock(&upper->lock);
		err = upper->ops->lookup(upper, p->name, p->len, &inode);
		if (!err) {
			err = upper->ops->unlink(upper, p->name, p->len, inode);
			inode_put(inode);
		}
		mutex_unlock(&upper->lock);
	}
	if (!IS_ERR(f))
		file_put(f);
	kfree(p);
	return err;
}

static int check_empty(struct inode *dir)
{
	struct merged *m;
	int err = merged_read(dir, &m);

	if (err)
		return err;
	if (!merged_empty(m))
		err = -ENOTEMPTY;
	merged_free(m);
	return err;
}

static int remove_name(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct overlay *o = overlay_of(dir);
	struct inode *up = onode_upper(inode), *upper_dir;
	bool hide = lower_has(dir, name, len), is_dir = S_ISDIR(inode->mode);
	int err = 0;

	if (is_dir) {
		err = check_empty(inode);
		if (!err && up)
			err = purge_upper(up);
	}
	if (!err && hide)
		err = overlay_copy_up(dir, 0);
	if (err)
		return err;
	upper_dir = onode_upper(dir);
	mutex_lock(&upper_dir->lock);
	if (up)
		err = is_dir ? upper_dir->ops->rmdir(upper_dir, name, len, up) : upper_dir->ops->unlink(upper_dir, name, len, up);
	if (!err && hide)
		err = whiteout_make(o, upper_dir, name, len);
	mutex_unlock(&upper_dir->lock);
	if (err)
		return err;
	if (!up || !up->nlink || is_dir)
		onode_of(inode)->unlinked = true;
	onode_sync(inode);
	if (is_dir)
		inode->nlink = 0;
	onode_sync(dir);
	return 0;
}

static int dir_unlink(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	return remove_name(dir, name, len, inode);
}

static int dir_rmdir(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	return remove_name(dir, name, len, inode);
}

/* --- renaming --- */

static void lock_two(struct inode *a, struct inode *b)
{
	mutex_lock(a <= b ? &a->lock : &b->lock);
	if (a != b)
		mutex_lock(a <= b ? &b->lock : &a->lock);
}

static void unlock_two(struct inode *a, struct inode *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

struct renaming {
	struct inode *olddir, *newdir, *inode, *target;
	const char *oldname, *newname;
	u32 oldlen, newlen, flags;
	bool old_hidden, new_hidden;	/* the lower layer has something at that name */
};

/* A directory that shines through from below cannot be moved without copying all of it: EXDEV, as overlayfs says. */
static bool movable(const struct inode *inode)
{
	return !S_ISDIR(inode->mode) || !onode_of(inode)->lower;
}

static int rename_prepare(struct renaming *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE;
	int err = 0;

	if (!movable(r->inode) || (exchange && !movable(r->target)))
		return -EXDEV;
	if (r->target && !exchange && S_ISDIR(r->target->mode)) {
		err = check_empty(r->target);
		if (!err && onode_upper(r->target))
			err = purge_upper(onode_upper(r->target));
	}
	if (!err)
		err = overlay_copy_up(r->inode, ~0ull);
	if (!err && exchange)
		err = overlay_copy_up(r->target, ~0ull);
	if (!err)
		err = overlay_copy_up(r->olddir, 0);
	if (!err)
		err = overlay_copy_up(r->newdir, 0);
	r->old_hidden = lower_has(r->olddir, r->oldname, r->oldlen);
	r->new_hidden = lower_has(r->newdir, r->newname, r->newlen);
	return err;
}

/* Upper directories locked. */
static int rename_upper(struct renaming *r)
{
	struct overlay *o = overlay_of(r->olddir);
	struct inode *from = onode_upper(r->olddir), *to = onode_upper(r->newdir), *up = onode_upper(r->inode);
	struct inode *victim = r->target ? onode_upper(r->target) : NULL;
	bool exchange = r->flags & RENAME_EXCHANGE, was = false;
	int err = 0;

	if (S_ISDIR(up->mode) && r->new_hidden)
		err = opaque_set(o, up);
	if (!err && exchange && S_ISDIR(victim->mode) && r->old_hidden)
		err = opaque_set(o, victim);
	if (!err && !victim)
		err = remove_whiteout(o, to, r->newname, r->newlen, &was);
	if (!err)
		err = from->ops->rename(from, r->oldname, r->oldlen, up, to, r->newname, r->newlen, victim, r->flags);
	if (err && was)
		whiteout_make(o, to, r->newname, r->newlen);
	if (!err && !exchange && r->old_hidden)
		err = whiteout_make(o, from, r->oldname, r->oldlen);
	return err;
}

static int dir_rename(struct inode *olddir, const char *oldname, u32 oldlen, struct inode *inode, struct inode *newdir,
		      const char *newname, u32 newlen, struct inode *target, u32 flags)
{
	struct renaming r = {.olddir = olddir, .newdir = newdir, .inode = inode, .target = target, .oldname = oldname,
			     .newname = newname, .oldlen = oldlen, .newlen = newlen, .flags = flags};
	struct inode *from, *to;
	int err = rename_prepare(&r);

	if (err)
		return err;
	from = onode_upper(olddir);
	to = onode_upper(newdir);
	lock_two(from, to);
	err = rename_upper(&r);
	unlock_two(from, to);
	if (err)
		return err;
	onode_moved(inode, newdir, newname, newlen);
	onode_sync(inode);
	if (target && (flags & RENAME_EXCHANGE)) {
		onode_moved(target, olddir, oldname, oldlen);
	} else if (target) {
		if (!onode_upper(target) || !onode_upper(target)->nlink)
			onode_of(target)->unlinked = true;
	}
	if (target)
		onode_sync(target);
	onode_sync(olddir);
	onode_sync(newdir);
	return 0;
}

/* --- attributes --- */

static int node_getattr(struct inode *inode, struct kstat *st)
{
	int err = inode_getattr(onode_real(inode), st);

	if (err)
		return err;
	onode_sync(inode);
	st->ino = onode_of(inode)->ino;
	st->dev = inode->sb->dev;
	st->nlink = inode->nlink;
	return 0;
}

static int node_setattr(struct inode *inode, const struct iattr *attr)
{
	struct inode *up;
	int err = overlay_copy_up(inode, attr->valid & ATTR_SIZE ? attr->size : ~0ull);

	if (err)
		return err;
	up = onode_upper(inode);
	if (!up->ops->setattr)
		return -EPERM;
	mutex_lock(&up->lock);
	err = up->ops->setattr(up, attr);
	mutex_unlock(&up->lock);
	onode_sync(inode);
	return err;
}

static long node_readlink(struct inode *inode, char *buf, size_t size)
{
	struct inode *real = onode_real(inode);

	return real->ops->readlink ? real->ops->readlink(real, buf, size) : -EINVAL;
}

static long node_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	struct inode *real = onode_real(inode);

	if (overlay_of(inode)->on_disk && is_private_xattr(name))
		return -ENODATA;
	return real->ops->getxattr ? real->ops->getxattr(real, name, buf, size) : -EOPNOTSUPP;
}

static int node_setxattr(struct inode *inode, const char *name, const void *val, size_t size, u32 flags)
{
	struct inode *up;
	int err;

	if (overlay_of(inode)->on_disk && is_private_xattr(name))
		return -EPERM;
	err = overlay_copy_up(inode, ~0ull);
	if (err)
		return err;
	up = onode_upper(inode);
	err = up->ops->setxattr ? up->ops->setxattr(up, name, val, size, flags) : -EOPNOTSUPP;
	onode_sync(inode);
	return err;
}

static long node_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct inode *real = onode_real(inode);
	long n = real->ops->listxattr ? real->ops->listxattr(real, buf, size) : 0, out = 0;

	if (n <= 0 || !size || !overlay_of(inode)->on_disk)
		return n;
	/* The marks of the overlay itself are not the guest's. */
	for (long at = 0; at < n;) {
		long len = strlen(buf + at) + 1;

		if (!is_private_xattr(buf + at)) {
			memmove(buf + out, buf + at, len);
			out += len;
		}
		at += len;
	}
	return out;
}

static int node_removexattr(struct inode *inode, const char *name)
{
	struct inode *real = onode_real(inode), *up;
	int err;

	/* What is not there need not be copied to be removed. */
	if (!real->ops->getxattr || real->ops->getxattr(real, name, NULL, 0) < 0)
		return -ENODATA;
	err = overlay_copy_up(inode, ~0ull);
	if (err)
		return err;
	up = onode_upper(inode);
	err = up->ops->removexattr ? up->ops->removexattr(up, name) : -EOPNOTSUPP;
	onode_sync(inode);
	return err;
}

#define ATTRIBUTES                                                                                           \
	.getattr = node_getattr, .setattr = node_setattr, .getxattr = node_getxattr,                         \
	.setxattr = node_setxattr, .listxattr = node_listxattr, .removexattr = node_removexattr

const struct inode_ops overlay_dir_iops = {
	.lookup = overlay_lookup, .create = dir_create, .symlink = dir_symlink, .link = dir_link, .unlink = dir_unlink,
	.rmdir = dir_rmdir, .rename = dir_rename, .tmpfile = dir_tmpfile, .revalidate = overlay_revalidate,
	.still_true = overlay_still_true, ATTRIBUTES};
const struct inode_ops overlay_file_iops = {.open = overlay_open, ATTRIBUTES};
const struct inode_ops overlay_link_iops = {.readlink = node_readlink, ATTRIBUTES};
