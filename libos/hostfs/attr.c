/*
 * Attributes of what is on volumes: asked of the host when they are not fresh, changed there; links' texts and extended
 * attributes too.  By a stream where one is open, since the name may be another file's by now.
 */
#include "libos/hostfs/hostfs.h"
#include "libos/proc/identity.h"
#include <linux/xattr.h>

static bool fresh(const struct inode *inode, i64 since)
{
	const struct hostfs *fs = hostfs_of(inode);

	return since && hnode_of(inode)->known > fs->news && (fs->immutable || max(clock_ns(BZ_CLOCK_MONOTONIC_COARSE) - since, 0ll) < fs->ttl);
}

int hnode_refresh(struct inode *inode, bool force)
{
	struct hnode *n = hnode_of(inode);
	struct bz_attr a;
	struct hname h;
	bz_stream s;
	i64 at;
	int err;

	if (!force && fresh(inode, n->attr_time))
		return 0;
	at = now_mono();
	s = hostfs_stream_take(n, true);
	if (s >= 0) {
		err = host->stream_getattr(s, NULL, BZ_ATTR_BASIC, &a);
		hostfs_stream_drop(n, true);
	} else if (n->gone) {
		return 0;
	} else {
		err = hname_of(inode, &h);
		if (err)
			return err;
		err = host->stream_getattr(-1, &h.n, BZ_ATTR_BASIC, &a);
		hname_put(&h);
		/* The name is another file's by now: what this one has become nobody can say. */
		if (err == -ENOENT || (!err && !hnode_is(inode, &a)))
			return 0;
	}
	if (!err)
		hnode_attr(inode, &a, at);
	return err;
}

static int hostfs_getattr(struct inode *inode, struct kstat *st)
{
	int err = hnode_refresh(inode, false);

	if (err)
		return err;
	*st = (struct kstat){
		.ino = inode->ino, .dev = inode->sb->dev, .size = inode->size, .blocks = inode->blocks, .mode = inode->mode,
		.nlink = inode->nlink, .uid = inode->uid, .gid = inode->gid, .blksize = PAGE_SIZE, .atime = inode->atime,
		.mtime = inode->mtime, .ctime = inode->ctime, .btime = inode->btime,
	};
	return 0;
}

static void set_copy(struct inode *inode, const struct iattr *attr)
{
	inode_apply(inode, attr);
	inode->ctime = now_real();
}

static int set_attributes(struct inode *inode, const struct iattr *attr)
{
	struct bz_attr a = {.uid = ~0u, .gid = ~0u};
	struct hnode *n = hnode_of(inode);
	struct hname h;
	bz_stream s;
	int err;

	if (attr->valid & ATTR_MODE) {
		a.valid |= BZ_ATTR_MODE;
		a.mode = attr->mode & 07777;
	}
	if (attr->valid & ATTR_UID)
		a.uid = identity_host_uid(attr->uid);
	if (attr->valid & ATTR_GID)
		a.gid = identity_host_gid(attr->gid);
	if (attr->valid & (ATTR_UID | ATTR_GID))
		a.valid |= BZ_ATTR_OWNER;
	if (attr->valid & ATTR_ATIME) {
		a.valid |= BZ_ATTR_ATIME;
		a.atime = attr->atime;
	}
	if (attr->valid & ATTR_MTIME) {
		a.valid |= BZ_ATTR_MTIME;
		a.mtime = attr->mtime;
	}
	if (!a.valid)
		return 0;
	s = hostfs_stream_take(n, true);
	if (s >= 0) {
		err = host->stream_setattr(s, NULL, &a);
		hostfs_stream_drop(n, true);
		if (!err && n->gone)
			set_copy(inode, attr);
		return err;
	}
	if (n->gone) {
		/* Nobody but open files of this sandbox can see it any more: what they see is the copy. */
		set_copy(inode, attr);
		return 0;
	}
	err = hname_of(inode, &h);
	if (err)
		return err;
	err = host->stream_setattr(-1, &h.n, &a);
	hname_put(&h);
	return err;
}

static int hostfs_setattr(struct inode *inode, const struct iattr *attr)
{
	struct iattr rest = *attr;
	int err = 0;

	if (attr->valid & ATTR_SIZE) {
		err = hostfs_resize(inode, attr->size);
		/* With the size go what the host does by itself: the times, and bits of the mode. */
		rest.valid &= ~(ATTR_SIZE | ATTR_MTIME | ATTR_CTIME | ATTR_MODE);
	}
	if (!err)
		err = set_attributes(inode, &rest);
	hnode_changed(inode);
	if (!err)
		err = hnode_refresh(inode, true);
	return err;
}

static long hostfs_readlink(struct inode *inode, char *buf, size_t size)
{
	struct hname h;
	long ret = hname_of(inode, &h);

	if (ret)
		return ret;
	ret = host->stream_readlink(&h.n, buf, size);
	hname_put(&h);
	return ret;
}

/* --- extended attributes: the host offers those in user. --- */

static long xattr_call(struct inode *inode, u32 op, const char *key, void *buf, size_t size)
{
	struct hname h;
	long ret;

	if (key && strncmp(key, XATTR_USER_PREFIX, XATTR_USER_PREFIX_LEN))
		return op == 0 ? -ENODATA : -EOPNOTSUPP;
	ret = hname_of(inode, &h);
	if (ret)
		return ret;
	ret = host->stream_xattr(-1, &h.n, op, key, buf, size);
	hname_put(&h);
	return ret;
}

static long hostfs_getxattr(struct inode *inode, const char *name, void *buf, size_t size)
{
	return xattr_call(inode, 0, name, buf, size);
}

static int hostfs_setxattr(struct inode *inode, const char *name, const void *val, size_t size, u32 flags)
{
	u32 op = flags & XATTR_CREATE ? 4 : flags & XATTR_REPLACE ? 5 : 1;
	long ret = xattr_call(inode, op, name, (void *)val, size);

	hnode_changed(inode);
	return ret < 0 ? ret : 0;
}

static long hostfs_listxattr(struct inode *inode, char *buf, size_t size)
{
	return xattr_call(inode, 3, NULL, buf, size);
}

static int hostfs_removexattr(struct inode *inode, const char *name)
{
	long ret = xattr_call(inode, 2, name, NULL, 0);

	hnode_changed(inode);
	return ret < 0 ? ret : 0;
}

const struct inode_ops hostfs_inode_ops = {
	.lookup = hostfs_lookup,
	.create = hostfs_create_node,
	.symlink = hostfs_symlink,
	.link = hostfs_link,
	.unlink = hostfs_unlink,
	.rmdir = hostfs_rmdir,
	.rename = hostfs_rename,
	.tmpfile = hostfs_tmpfile,
	.readlink = hostfs_readlink,
	.getattr = hostfs_getattr,
	.setattr = hostfs_setattr,
	.getxattr = hostfs_getxattr,
	.setxattr = hostfs_setxattr,
	.listxattr = hostfs_listxattr,
	.removexattr = hostfs_removexattr,
	.open = hostfs_open,
	.revalidate = hostfs_revalidate,
	.still_true = hostfs_still_true,
	.watch = hostfs_watch,
};
