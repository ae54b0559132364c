/* Names and attributes of volumes: each change is one request to the monitor, which checks the grant. */
#include "libos/hostfs/hostfs.h"


static struct bz_name named(const struct inode *dir, char *path, u32 len)
{
	return (struct bz_name){.scheme = BZ_VOLUME, .root = hostfs_sb(dir)->root, .path = path, .path_len = len};
}

static int finish_new(struct inode *dir, char *path, u32 len, struct inode **out)
{
	struct bz_name name = named(dir, path, len);
	struct bz_attr a;
	int err = host->stream_getattr(-1, &name, BZ_ATTR_BASIC, &a);

	hostfs_dir_changed(dir);
	if (err) {
		kfree(path);
		return err;
	}
	*out = hostfs_inode(dir->sb, path, len, &a);
	return *out ? 0 : -ENOMEM;
}

static int dir_create(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out)
{
	u32 path_len, flags = BZ_OPEN_CREATE | BZ_OPEN_EXCL;
	char *path = hostfs_child_path(dir, name, len, &path_len);
	struct bz_name bn;
	bz_stream s;

	if (!path)
		return -ENAMETOOLONG;
	if (S_ISDIR(mode))
		flags |= BZ_OPEN_DIRECTORY;
	else if (S_ISREG(mode))
		flags |= BZ_OPEN_WRITE;
	else {
		/* The monitor makes no devices, FIFOs or sockets on a volume (section 3.5 of the design). */
		kfree(path);
		return -EPERM;
	}
	bn = named(dir, path, path_len);
	s = host->stream_open(&bn, flags, mode & 01777, NULL, NULL);
	if (s < 0) {
		kfree(path);
		return s;
	}
	if (S_ISREG(mode))
		host->stream_close(s);
	return finish_new(dir, path, path_len, out);
}

static int dir_symlink(struct inode *dir, const char *name, u32 len, const char *target, struct inode **out)
{
	u32 path_len;
	char *path = hostfs_child_path(dir, name, len, &path_len);
	struct bz_name bn;
	int err;

	if (!path)
		return -ENAMETOOLONG;
	bn = named(dir, path, path_len);
	err = host->stream_open(&bn, BZ_OPEN_CREATE | BZ_OPEN_SYMLINK, 0777, target, NULL);
	if (err < 0) {
		kfree(path);
		return err;
	}
	return finish_new(dir, path, path_len, out);
}

static int dir_link(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct bz_name from = hostfs_name(inode), to;
	u32 path_len;
	char *path = hostfs_child_path(dir, name, len, &path_len);
	int err;

	if (!path)
		return -ENAMETOOLONG;
	to = named(dir, path, path_len);
	err = host->stream_link(&from, &to);
	kfree(path);
	if (!err) {
		hostfs_dir_changed(dir);
		hostfs_refresh(inode, true);
	}
	return err;
}

static int dir_remove(struct inode *dir, const char *name, u32 len, struct inode *inode, bool directory)
{
	u32 path_len;
	char *path = hostfs_child_path(dir, name, len, &path_len);
	struct bz_name bn;
	int err;

	if (!path)
		return -ENAMETOOLONG;
	bn = named(dir, path, path_len);
	err = host->stream_remove(&bn, directory);
	kfree(path);
	if (!err) {
		hostfs_dir_changed(dir);
		if (inode->nlink)
			inode->nlink--;
		if (directory)
			inode->nlink = 0;
		/* Other links may live on under names that this inode does not know. */
		hostfs_node(inode)->unlinked = true;
	}
	return err;
}

static int dir_unlink(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	return dir_remove(dir, name, len, inode, false);
}

static int dir_rmdir(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	return dir_remove(dir, name, len, inode, true);
}

static void move_node(struct inode *inode, char *path, u32 len)
{
	struct hostfs_node *n = hostfs_node(inode);

	kfree(n->path);
	n->path = path;
	n->path_len = len;
	n->checked = 0;
}

static int dir_rename(struct inode *olddir, const char *oldname, u32 oldlen, struct inode *inode, struct inode *newdir,
		      const char *newname, u32 newlen, struct inode *target, u32 flags)
{
	u32 from_len, to_len;
	char *from = hostfs_child_path(olddir, oldname, oldlen, &from_len);
	char *to = hostfs_child_path(newdir, newname, newlen, &to_len);
	struct bz_name a, b;
	int err = -ENAMETOOLONG;

	if (from && to) {
		a = named(olddir, from, from_len);
		b = named(newdir, to, to_len);
		err = host->stream_rename(&a, &b, flags);
	}
	if (err) {
		kfree(from);
		kfree(to);
		return err;
	}
	hostfs_dir_changed(olddir);
	hostfs_dir_changed(newdir);
	if (target && (flags & 2)) {
		move_node(target, from, from_len);
	} else {
		kfree(from);
		if (target)
			hostfs_node(target)->unlinked = true;
	}
	/* Inodes below a renamed directory keep old paths: the dcache drops them when they no longer revalidate. */
	move_node(inode, to, to_len);
	return 0;
}

static int dir_tmpfile(struct inode *dir, u32 mode, struct inode **out)
{
	return -EOPNOTSUPP;
}

static long link_readlink(struct inode *inode, char *buf, size_t size)
{
	struct bz_name name = hostfs_name(inode);

	return host->stream_readlink(&name, buf, size);
}

static int node_getattr(struct inode *inode, struct kstat *st)
{
	hostfs_refresh(inode, false);
	*st = (struct kstat){
		.ino = inode->ino, .dev = inode->sb->dev, .rdev = inode->rdev, .size = inode->size, .blocks = inode->blocks,
		.mode = inode->mode, .nlink = inode->nlink, .uid = inode->uid, .gid = inode->gid, .blksize = PAGE_SIZE,
		.atime = inode->atime, .mtime = inode->mtime, .ctime = inode->ctime, .btime = inode->btime,
	};
	return 0;
}

static int set_size(struct inode *inode, u64 size)
{
	struct bz_name name = hostfs_name(inode);
	bz_stream s = host->stream_open(&name, BZ_OPEN_WRITE | BZ_OPEN_KEEP, 0, NULL, NULL);
	int err;

	if (s < 0)
		return s;
	err = host->stream_resize(s, 0, size, 0);
	host->stream_close(s);
	return err;
}

static int node_setattr(struct inode *inode, const struct iattr *attr)
{
	struct bz_name name = hostfs_name(inode);
	struct bz_attr a = {0};
	int err = 0;

	if (attr->valid & ATTR_SIZE)
		err = set_size(inode, attr->size);
	if (attr->valid & ATTR_MODE) {
		a.valid |= BZ_ATTR_MODE;
		a.mode = attr->mode & 07777;
	}
	if (attr->valid & (ATTR_UID | ATTR_GID)) {
		a.valid |= BZ_ATTR_OWNER;
		a.uid = attr->valid & ATTR_UID ? attr->uid : ~0u;
		a.gid = attr->valid & ATTR_GID ? attr->gid : ~0u;
	}
	if ((attr->valid & ATTR_ATIME) && !(attr->valid & ATTR_SIZE)) {
		a.valid |= BZ_ATTR_ATIME;
		a.atime = attr->atime;
	}
	if ((attr->valid & ATTR_MTIME) && !(attr->valid & ATTR_SIZE)) {
		a.valid |= BZ_ATTR_MTIME;
		a.mtime = attr->mtime;
	}
	if (!err && a.valid)
		err = host->stream_setattr(-1, &name, &a);
	if (!err)
		hostfs_refresh(inode, true);
	return err;
}

static long node_getxattr(struct inode *inode, const char *key, void *buf, size_t size)
{
	struct bz_name name = hostfs_name(inode);

	return host->stream_xattr(-1, &name, 0, key, buf, size);
}

static int node_setxattr(struct inode *inode, const char *key, const void *val, size_t size, u32 flags)
{
	struct bz_name name = hostfs_name(inode);
	u32 op = flags == 1 ? 4 : flags == 2 ? 5 : 1;

	return host->stream_xattr(-1, &name, op, key, (void *)val, size);
}

static long node_listxattr(struct inode *inode, char *buf, size_t size)
{
	struct bz_name name = hostfs_name(inode);

	return host->stream_xattr(-1, &name, 3, "", buf, size);
}

static int node_removexattr(struct inode *inode, const char *key)
{
	struct bz_name name = hostfs_name(inode);

	return host->stream_xattr(-1, &name, 2, key, NULL, 0);
}

#define COMMON                                                                                               \
	.getattr = node_getattr, .setattr = node_setattr, .getxattr = node_getxattr,                         \
	.setxattr = node_setxattr, .listxattr = node_listxattr, .removexattr = node_removexattr

const struct inode_ops hostfs_dir_iops = {
	.lookup = hostfs_dir_lookup, .create = dir_create, .symlink = dir_symlink, .link = dir_link, .unlink = dir_unlink,
	.rmdir = dir_rmdir, .rename = dir_rename, .tmpfile = dir_tmpfile, .revalidate = hostfs_dir_revalidate,
	.open = hostfs_open, COMMON};
const struct inode_ops hostfs_file_iops = {.open = hostfs_open, COMMON};
const struct inode_ops hostfs_link_iops = {.readlink = link_readlink, COMMON};
