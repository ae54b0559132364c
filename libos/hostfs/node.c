/*
 * Volumes of the host: inodes, their names and attributes.  Owns struct hnode; hostfs_lock protects the table of nodes,
 * names and stream counts, and is never held over a call to the host.  What the host told is taken for true for a few
 * milliseconds, longer where the grant says that nobody changes it.
 */
#include "libos/hostfs/hostfs.h"
#include <linux/xattr.h>

#define BUCKETS 1024
#define TTL_VOLUME (5 * 1000000ll)
#define TTL_SYSTEM (1000 * 1000000ll)	/* the host's own programs under an overlay */
#define HOSTFS_MAGIC 0x01021997		/* as 9p tells: files of another machine */

struct mutex hostfs_lock = MUTEX_INIT(RANK_OBJECT);
static struct list table[BUCKETS];
static bool table_ready;

static struct list *bucket(u64 dev, u64 ino)
{
	return &table[(ino ^ dev * 31 ^ ino >> 10) & (BUCKETS - 1)];
}

/* --- names --- */

static int hname_fill(const struct inode *inode, const char *name, u32 len, struct hname *h)
{
	const struct hnode *n;
	size_t size = len;
	char *at;

	mutex_lock(&hostfs_lock);
	for (n = hnode_of(inode); n->parent; n = hnode_of(n->parent))
		size += n->name_len + 1;
	if (size > BZ_PATH_MAX) {
		mutex_unlock(&hostfs_lock);
		return -ENAMETOOLONG;
	}
	h->buf = kmalloc(size + 1);
	if (!h->buf) {
		mutex_unlock(&hostfs_lock);
		return -ENOMEM;
	}
	at = h->buf + size - len;
	memcpy(at, name, len);
	for (n = hnode_of(inode); n->parent; n = hnode_of(n->parent)) {
		if (at != h->buf + size)
			*--at = '/';
		at -= n->name_len;
		memcpy(at, n->name, n->name_len);
	}
	mutex_unlock(&hostfs_lock);
	h->n = (struct bz_name){BZ_VOLUME, hostfs_of(inode)->root, at, h->buf + size - at};
	return 0;
}

int hname_of(struct inode *inode, struct hname *h)
{
	return hnode_of(inode)->gone ? -ENOENT : hname_fill(inode, "", 0, h);
}

int hname_child(struct inode *dir, const char *name, u32 len, struct hname *h)
{
	return hnode_of(dir)->gone ? -ENOENT : hname_fill(dir, name, len, h);
}

void hname_put(struct hname *h)
{
	kfree(h->buf);
}

/* --- attributes --- */

bool hnode_is(const struct inode *inode, const struct bz_attr *a)
{
	const struct hnode *n = hnode_of(inode);

	return n->dev == a->dev && n->ino == a->ino && (inode->mode & S_IFMT) >> 12 == a->kind &&
	       (!a->btime || !n->btime || a->btime == n->btime);
}

void hnode_changed(struct inode *inode)
{
	struct hnode *n = hnode_of(inode);

	n->known = now_mono();
	n->attr_time = 0;
}

void hnode_attr(struct inode *inode, const struct bz_attr *a, i64 at)
{
	struct hnode *n = hnode_of(inode);

	if (at < n->known)
		return;
	n->known = at;
	n->attr_time = at;
	inode->mode = a->kind << 12 | (a->mode & 07777);
	inode->uid = a->uid;
	inode->gid = a->gid;
	inode->nlink = a->nlink;
	inode->size = a->size;
	inode->blocks = a->blocks;
	inode->atime = a->atime;
	inode->mtime = a->mtime;
	inode->ctime = a->ctime;
	inode->btime = a->btime;
}

static bool fresh(const struct inode *inode, i64 since)
{
	const struct hostfs *fs = hostfs_of(inode);

	return since && (fs->immutable || now_mono() - since < fs->ttl);
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
		a.uid = attr->uid;
	if (attr->valid & ATTR_GID)
		a.gid = attr->gid;
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
		return err;
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
};

/* --- nodes --- */

/* hostfs_lock held. */
static struct inode *find_locked(struct super *sb, const struct bz_attr *a)
{
	struct hnode *n;

	list_for_each(n, bucket(a->dev, a->ino), hash)
		if (n->inode->sb == sb && hnode_is(n->inode, a) && ref_get_unless_zero(&n->inode->refs))
			return n->inode;
	return NULL;
}

void hnode_moved(struct inode *inode, struct inode *dir, const char *name, u32 len)
{
	struct hnode *n = hnode_of(inode);
	struct inode *old_parent;
	char *copy, *old_name;

	if (n->parent == dir && n->name_len == len && !memcmp(n->name, name, len))
		return;
	copy = kmalloc(len + 1);
	if (!copy)
		return;
	memcpy(copy, name, len);
	copy[len] = 0;
	inode_get(dir);
	mutex_lock(&hostfs_lock);
	old_parent = n->parent;
	old_name = n->name;
	n->parent = dir;
	n->name = copy;
	n->name_len = len;
	mutex_unlock(&hostfs_lock);
	kfree(old_name);
	inode_put(old_parent);
}

void hnode_unlinked(struct inode *inode)
{
	struct hnode *n = hnode_of(inode);

	if (inode->nlink)
		inode->nlink--;
	if (S_ISDIR(inode->mode))
		inode->nlink = 0;
	n->gone = !inode->nlink;
	hnode_changed(inode);
}

static struct inode *hnode_new(struct super *sb, const struct bz_attr *a, i64 at)
{
	struct inode *inode = inode_alloc(sb, a->kind << 12);
	struct hnode *n = inode ? kzalloc(sizeof(*n)) : NULL;

	if (!n) {
		kfree(inode);
		return NULL;
	}
	n->inode = inode;
	n->dev = a->dev;
	n->ino = a->ino;
	n->btime = a->btime;
	n->rd.s = n->wr.s = n->lock_stream = -1;
	n->version = 1;
	list_init(&n->hash);
	list_init(&n->idle);
	inode->priv = n;
	inode->ino = a->ino;
	inode->ops = &hostfs_inode_ops;
	inode->fops = S_ISDIR(inode->mode) ? &hostfs_dir_fops : &hostfs_file_fops;
	hnode_attr(inode, a, at);
	return inode;
}

struct inode *hnode_get(struct super *sb, struct inode *dir, const char *name, u32 len, const struct bz_attr *a, i64 at)
{
	struct inode *inode, *made = NULL;

	mutex_lock(&hostfs_lock);
	inode = find_locked(sb, a);
	mutex_unlock(&hostfs_lock);
	if (!inode) {
		made = hnode_new(sb, a, at);
		if (!made)
			return NULL;
		mutex_lock(&hostfs_lock);
		inode = find_locked(sb, a);
		if (!inode) {
			inode = made;
			made = NULL;
			list_add(&hnode_of(inode)->hash, bucket(a->dev, a->ino));
		}
		mutex_unlock(&hostfs_lock);
		if (made)
			inode_put(made);
	}
	hnode_attr(inode, a, at);
	if (dir) {
		hnode_of(inode)->gone = false;
		hnode_moved(inode, dir, name, len);
	}
	return inode;
}

static void hostfs_evict(struct inode *inode)
{
	struct hnode *n = hnode_of(inode);

	mutex_lock(&hostfs_lock);
	list_del(&n->hash);
	mutex_unlock(&hostfs_lock);
	hostfs_streams_close(n);
	listing_put(n->listing);
	inode_put(n->parent);
	kfree(n->name);
	kfree(n);
}

static int hostfs_statfs(struct super *sb, struct kstatfs *st)
{
	struct hostfs *fs = sb->priv;
	struct bz_name name = {BZ_VOLUME, fs->root, "", 0};
	struct bz_attr a = {0};
	int err = host->stream_getattr(-1, &name, BZ_ATTR_BASIC | BZ_ATTR_FS, &a);

	if (err)
		return err;
	*st = (struct kstatfs){
		.type = HOSTFS_MAGIC, .bsize = PAGE_SIZE, .blocks = a.fs_blocks, .bfree = a.fs_free, .bavail = a.fs_free,
		.files = a.fs_files, .ffree = a.fs_files_free, .namelen = NAME_MAX,
	};
	return 0;
}

static const struct super_ops hostfs_super_ops = {.evict = hostfs_evict, .statfs = hostfs_statfs};

struct super *hostfs_create(u32 root, u32 flags, bool is_file)
{
	struct super *sb = kzalloc(sizeof(*sb));
	struct hostfs *fs = kzalloc(sizeof(*fs));
	struct bz_name name = {BZ_VOLUME, root, "", 0};
	struct bz_attr a;
	int err;

	if (!table_ready) {
		for (u32 i = 0; i < BUCKETS; i++)
			list_init(&table[i]);
		table_ready = true;
	}
	err = sb && fs ? host->stream_getattr(-1, &name, BZ_ATTR_BASIC, &a) : -ENOMEM;
	if (!err) {
		fs->root = root;
		fs->is_file = is_file;
		fs->immutable = flags & BZ_MOUNT_IMMUTABLE;
		fs->ttl = flags & BZ_MOUNT_OVERLAY ? TTL_SYSTEM : TTL_VOLUME;
		sb->ops = &hostfs_super_ops;
		sb->fstype = "hostfs";
		sb->source = "volume";
		sb->flags = flags & (BZ_MOUNT_READONLY | BZ_MOUNT_OVERLAY) ? SB_RDONLY : 0;
		sb->priv = fs;
		mutex_init(&sb->rename_lock, RANK_RENAME);
		sb->root = hnode_get(sb, NULL, "", 0, &a, now_mono());
		err = sb->root ? 0 : -ENOMEM;
	}
	if (!err)
		return sb;
	kfree(fs);
	kfree(sb);
	return ERR_PTR(err);
}
