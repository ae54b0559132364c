/* Names on a volume: what makes, moves and removes them.  The directory's inode is locked by the caller. */
#include "libos/hostfs/hostfs.h"

static int made(struct inode *dir, const char *name, u32 len, struct hname *h, struct inode **out)
{
	struct bz_attr a;
	i64 at = now_mono();
	int err = host->stream_getattr(-1, &h->n, BZ_ATTR_BASIC, &a);

	if (err)
		return err;
	*out = hnode_get(dir->sb, dir, name, len, &a, at);
	return *out ? 0 : -ENOMEM;
}

static int create_file(struct inode *dir, const char *name, u32 len, u32 mode, struct hname *h, struct inode **out)
{
	struct bz_attr a;
	i64 at = now_mono();
	bz_stream s = host->stream_open(&h->n, BZ_OPEN_READ | BZ_OPEN_WRITE | BZ_OPEN_CREATE | BZ_OPEN_EXCL, mode & 07777,
					NULL, &a);

	if (s < 0)
		return s;
	*out = hnode_get(dir->sb, dir, name, len, &a, at);
	if (!*out) {
		host->stream_close(s, 0);
		return -ENOMEM;
	}
	hostfs_adopt(*out, s);
	return 0;
}

int hostfs_create_node(struct inode *dir, const char *name, u32 len, u32 mode, u64 rdev, struct inode **out)
{
	struct hname h;
	int err;

	/* The monitor makes no devices on volumes (section 3.5 of the design). */
	if (S_ISCHR(mode) || S_ISBLK(mode))
		return -EPERM;
	err = hname_child(dir, name, len, &h);
	if (err)
		return err;
	if (S_ISREG(mode)) {
		err = create_file(dir, name, len, mode, &h, out);
	} else {
		err = host->stream_open(&h.n, BZ_OPEN_CREATE | (S_ISDIR(mode) ? BZ_OPEN_DIRECTORY : BZ_OPEN_NODE),
					S_ISDIR(mode) ? mode & 07777 : mode & (S_IFMT | 0777), NULL, NULL);
		if (err >= 0)
			err = made(dir, name, len, &h, out);
	}
	hname_put(&h);
	hostfs_dir_forget(dir);
	return err;
}

int hostfs_symlink(struct inode *dir, const char *name, u32 len, const char *target, struct inode **out)
{
	struct hname h;
	int err = hname_child(dir, name, len, &h);

	if (err)
		return err;
	err = host->stream_open(&h.n, BZ_OPEN_CREATE | BZ_OPEN_SYMLINK, 0777, target, NULL);
	if (err >= 0)
		err = made(dir, name, len, &h, out);
	hname_put(&h);
	hostfs_dir_forget(dir);
	return err;
}

/* The first name of a file made by O_TMPFILE.  Whether it may have one (no O_EXCL) the caller has looked at. */
static int link_unnamed(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct hnode *n = hnode_of(inode);
	struct hname to;
	bz_stream s = hostfs_stream_take(n, true);
	int err;

	if (s < 0)
		return -ENOENT;
	err = hname_child(dir, name, len, &to);
	if (!err) {
		err = host->stream_link(s, NULL, &to.n);
		hname_put(&to);
	}
	hostfs_stream_drop(n, true);
	if (!err)
		n->gone = false;
	return err;
}

static int link_named(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	struct hname from, to;
	int err = hname_of(inode, &from);

	if (err)
		return err;
	err = hname_child(dir, name, len, &to);
	if (!err) {
		err = host->stream_link(-1, &from.n, &to.n);
		hname_put(&to);
	}
	hname_put(&from);
	return err;
}

int hostfs_link(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	int err = hnode_of(inode)->gone ? link_unnamed(dir, name, len, inode) : link_named(dir, name, len, inode);

	if (!err) {
		inode->nlink++;
		hnode_found(inode, dir, name, len);
		hnode_changed(inode);
		hostfs_dir_forget(dir);
	}
	return err;
}

static int remove_name(struct inode *dir, const char *name, u32 len, struct inode *inode, bool directory)
{
	struct hname h;
	int err = hname_child(dir, name, len, &h);

	if (err)
		return err;
	err = host->stream_remove(&h.n, directory);
	hname_put(&h);
	if (!err)
		hnode_unlinked(inode, dir, name, len);
	hostfs_dir_forget(dir);
	return err;
}

int hostfs_unlink(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	return remove_name(dir, name, len, inode, false);
}

int hostfs_rmdir(struct inode *dir, const char *name, u32 len, struct inode *inode)
{
	return remove_name(dir, name, len, inode, true);
}

int hostfs_rename(struct inode *olddir, const char *oldname, u32 oldlen, struct inode *inode, struct inode *newdir,
		  const char *newname, u32 newlen, struct inode *target, u32 flags)
{
	struct hname from, to;
	int err;

	if (flags > 2)
		return -EINVAL;
	err = hname_child(olddir, oldname, oldlen, &from);
	if (err)
		return err;
	err = hname_child(newdir, newname, newlen, &to);
	if (!err) {
		err = host->stream_rename(&from.n, &to.n, flags);
		hname_put(&to);
	}
	hname_put(&from);
	if (err)
		return err;
	if (target && flags != 2)
		hnode_unlinked(target, newdir, newname, newlen);
	hnode_renamed(inode, olddir, oldname, oldlen, newdir, newname, newlen);
	if (target && flags == 2)
		hnode_renamed(target, newdir, newname, newlen, olddir, oldname, oldlen);
	hnode_changed(inode);
	hostfs_dir_forget(olddir);
	hostfs_dir_forget(newdir);
	return 0;
}

int hostfs_tmpfile(struct inode *dir, u32 mode, struct inode **out)
{
	struct bz_attr a;
	struct hname h;
	i64 at = now_mono();
	bz_stream s;
	int err = hname_of(dir, &h);

	if (err)
		return err;
	s = host->stream_open(&h.n, BZ_OPEN_READ | BZ_OPEN_WRITE | BZ_OPEN_UNNAMED, mode & 07777, NULL, &a);
	hname_put(&h);
	if (s < 0)
		return s;
	*out = hnode_get(dir->sb, NULL, "", 0, &a, at);
	if (!*out) {
		host->stream_close(s, 0);
		return -ENOMEM;
	}
	hnode_of(*out)->gone = true;
	hostfs_adopt(*out, s);
	return 0;
}
