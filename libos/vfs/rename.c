/* rename(2) and its kin: both directories are locked, by address; sb->rename_lock keeps the tree a tree. */
#include "libos/kernel/syscall.h"
#include "libos/landlock/landlock.h"
#include "libos/vfs/namei.h"
#include <linux/fs.h>
#include <linux/inotify.h>

static void lock_two(struct inode *a, struct inode *b)
{
	if (a == b) {
		mutex_lock(&a->lock);
	} else {
		mutex_lock(a < b ? &a->lock : &b->lock);
		mutex_lock(a < b ? &b->lock : &a->lock);
	}
}

static void unlock_two(struct inode *a, struct inode *b)
{
	mutex_unlock(&a->lock);
	if (a != b)
		mutex_unlock(&b->lock);
}

/* Is `d` the same as, or an ancestor of, `below`? */
static bool is_ancestor(const struct dentry *d, const struct dentry *below)
{
	for (;; below = below->parent) {
		if (below == d)
			return true;
		if (below->parent == below)
			return false;
	}
}

static void rename_done(struct parent *from, struct dentry *old, struct parent *to, struct dentry *target, u32 flags)
{
	struct inode *inode = old->inode, *victim = target->inode;
	u32 cookie = fsnotify_cookie();

	fsnotify(inode, old, IN_MOVED_FROM | (from->dir.dentry->inode == to->dir.dentry->inode ? IN_RENAMED_HERE : 0), cookie);
	if (flags & RENAME_EXCHANGE) {
		struct dentry *aside = target;

		/* Both names stay: forget both, they are looked up again when next used. */
		dcache_prune(aside);
		dcache_unhash(aside);
		if (dcache_move(old, to->dir.dentry, to->name, to->len))
			dcache_unhash(old);
		fsnotify(inode, old, IN_MOVED_TO, cookie);
		return;
	}
	if (victim && S_ISDIR(victim->mode))
		dcache_prune(target);
	dcache_unhash(target);
	if (dcache_move(old, to->dir.dentry, to->name, to->len))
		dcache_unhash(old);
	fsnotify(inode, old, IN_MOVED_TO, cookie);
	fsnotify(inode, NULL, IN_MOVE_SELF, 0);
	if (victim)
		fsnotify(victim, NULL, IN_ATTRIB, 0);
	if (victim && (S_ISDIR(victim->mode) || !READ_ONCE(victim->nlink)))
		fsnotify(victim, NULL, IN_DELETE_SELF, 0);
}

static int rename_check(struct parent *from, struct dentry *old, struct parent *to, struct dentry *target, u32 flags)
{
	struct inode *inode = old->inode, *victim = target->inode;
	bool dir;
	int err;

	dir = S_ISDIR(inode->mode);
	if ((flags & RENAME_NOREPLACE) && victim)
		return -EEXIST;
	if ((flags & RENAME_EXCHANGE) && !victim)
		return -ENOENT;
	if ((flags & RENAME_EXCHANGE) && to->slash && !S_ISDIR(victim->mode))
		return -ENOTDIR;
	if (!dir && (from->slash || (to->slash && !(flags & RENAME_EXCHANGE))))
		return -ENOTDIR;
	if (dir && is_ancestor(old, to->dir.dentry))
		return -EINVAL;
	if (victim && is_ancestor(target, from->dir.dentry))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	err = path_writable(&from->dir);
	if (!err && unlikely(landlock_mine()))
		err = landlock_refuse_move(landlock_mine(), &from->dir, old, &to->dir, target, true, flags & RENAME_EXCHANGE);
	/* Two names of one file: nothing happens (rename(2)). */
	if (err || inode == victim)
		return err;
	err = may_delete(&from->dir, inode, dir);
	if (err)
		return err;
	if (!victim)
		err = may_create(&to->dir);
	else if (flags & RENAME_EXCHANGE)
		err = may_delete(&to->dir, victim, S_ISDIR(victim->mode));
	else
		err = may_delete(&to->dir, victim, dir);
	/* A directory that moves gets another `..`. */
	if (!err && from->dir.dentry != to->dir.dentry) {
		if (dir)
			err = inode_permission(inode, 2);
		if (!err && (flags & RENAME_EXCHANGE) && S_ISDIR(victim->mode))
			err = inode_permission(victim, 2);
	}
	if (!err && (old->mounted || target->mounted))
		err = -EBUSY;
	return err;
}

static int rename_locked(struct parent *from, struct parent *to, u32 flags)
{
	struct inode *olddir = from->dir.dentry->inode, *newdir = to->dir.dentry->inode;
	struct dentry *old = child_lookup_locked(from->dir.dentry, from->name, from->len), *target;
	int err;

	if (IS_ERR(old))
		return PTR_ERR(old);
	if (!old->inode) {
		dentry_put(old);
		return -ENOENT;
	}
	target = child_lookup_locked(to->dir.dentry, to->name, to->len);
	if (IS_ERR(target)) {
		dentry_put(old);
		return PTR_ERR(target);
	}
	err = rename_check(from, old, to, target, flags);
	if (!err && old->inode != target->inode) {
		err = olddir->ops->rename ? olddir->ops->rename(olddir, from->name, from->len, old->inode, newdir, to->name,
								to->len, target->inode, flags)
					  : -EPERM;
		if (!err)
			rename_done(from, old, to, target, flags);
	}
	dentry_put(target);
	dentry_put(old);
	return err;
}

static long do_rename(int fromfd, const char *ufrom, int tofd, const char *uto, unsigned int flags)
{
	struct parent from, to;
	struct super *sb;
	long err;

	if ((flags & ~(unsigned int)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT)) ||
	    ((flags & RENAME_EXCHANGE) && (flags & (RENAME_NOREPLACE | RENAME_WHITEOUT))) || (flags & RENAME_WHITEOUT))
		return -EINVAL;
	err = path_parent(fromfd, ufrom, 0, &from);
	if (err)
		return err;
	err = path_parent(tofd, uto, 0, &to);
	if (err) {
		parent_put(&from);
		return err;
	}
	sb = from.dir.dentry->sb;
	if (from.dir.mount != to.dir.mount || sb != to.dir.dentry->sb) {
		err = -EXDEV;
	} else if (from.special || to.special) {
		err = !from.special && (flags & RENAME_NOREPLACE) ? -EEXIST : -EBUSY;
	} else {
		mutex_lock(&sb->rename_lock);
		lock_two(from.dir.dentry->inode, to.dir.dentry->inode);
		err = rename_locked(&from, &to, flags);
		unlock_two(from.dir.dentry->inode, to.dir.dentry->inode);
		mutex_unlock(&sb->rename_lock);
	}
	parent_put(&to);
	parent_put(&from);
	return err;
}

SYSCALL(rename, const char *from, const char *to)
{
	return do_rename(AT_FDCWD, from, AT_FDCWD, to, 0);
}

SYSCALL(renameat, int fromfd, const char *from, int tofd, const char *to)
{
	return do_rename(fromfd, from, tofd, to, 0);
}

SYSCALL(renameat2, int fromfd, const char *from, int tofd, const char *to, unsigned int flags)
{
	return do_rename(fromfd, from, tofd, to, flags);
}
