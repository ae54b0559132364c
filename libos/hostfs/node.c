/*
 * Volumes of the host: inodes, their names and attributes.  Owns struct hnode; hostfs_lock protects the table of nodes,
 * names and stream counts, and is never held over a call to the host.  What the host told is taken for true for a few
 * milliseconds, longer where the grant says that nobody changes it.
 */
#include "libos/hostfs/hostfs.h"
#include "libos/proc/identity.h"

#define BUCKETS 1024
#define TTL_VOLUME (5 * 1000000ll)
#define TTL_SYSTEM (1000 * 1000000ll)	/* the host's own programs under an overlay */
#define HOSTFS_MAGIC 0x01021997		/* as 9p tells: files of another machine */

struct mutex hostfs_lock = MUTEX_INIT(RANK_OBJECT);
static struct list table[BUCKETS] LATE;
static bool table_ready;
static struct identity_watch watch;

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
	const struct hnode *n = hnode_of(inode);

	return n->gone || n->lost ? -ENOENT : hname_fill(inode, "", 0, h);
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
	mutex_lock(&hostfs_lock);
	if (n->parent && !n->lost)
		hostfs_dir_spoil(n->parent, n->name, n->name_len);
	for (struct halias *a = n->aliases; a; a = a->next)
		hostfs_dir_spoil(a->parent, a->name, a->len);
	mutex_unlock(&hostfs_lock);
}

/* Volumes are mounted before the guest's /etc/passwd can be read. */
static void name_owners(struct identity_watch *w)
{
	struct hnode *n;

	mutex_lock(&hostfs_lock);
	for (u32 i = 0; i < BUCKETS; i++)
		list_for_each(n, &table[i], hash) {
			n->inode->uid = identity_uid(n->inode->uid);
			n->inode->gid = identity_gid(n->inode->gid);
		}
	mutex_unlock(&hostfs_lock);
}

void hnode_attr(struct inode *inode, const struct bz_attr *a, i64 at)
{
	struct hnode *n = hnode_of(inode);

	if (at < n->known)
		return;
	n->known = at;
	n->attr_time = at;
	inode->mode = a->kind << 12 | (a->mode & 07777);
	inode->uid = identity_uid(a->uid);
	inode->gid = identity_gid(a->gid);
	inode->nlink = a->nlink;
	inode->size = a->size;
	inode->blocks = a->blocks;
	inode->atime = a->atime;
	inode->mtime = a->mtime;
	inode->ctime = a->ctime;
	inode->btime = a->btime;
}

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

static bool has_name(const struct inode *parent, const char *own, u32 own_len, const struct inode *dir, const char *name,
		     u32 len)
{
	return parent == dir && own_len == len && !memcmp(own, name, len);
}

static struct halias *alias_new(struct inode *dir, const char *name, u32 len)
{
	struct halias *a = kmalloc(sizeof(*a) + len + 1);

	if (!a)
		return NULL;
	a->len = len;
	memcpy(a->name, name, len);
	a->name[len] = 0;
	a->parent = dir;
	inode_get(dir);
	return a;
}

static void alias_free(struct halias *a)
{
	if (!a)
		return;
	inode_put(a->parent);
	kfree(a);
}

/* hostfs_lock held: take the alias of this name (any, if dir is null) off the list. */
static struct halias *alias_take(struct hnode *n, const struct inode *dir, const char *name, u32 len)
{
	struct halias **at, *a;

	for (at = &n->aliases; (a = *at); at = &a->next)
		if (!dir || has_name(a->parent, a->name, a->len, dir, name, len)) {
			*at = a->next;
			return a;
		}
	return NULL;
}

/* hostfs_lock held: the name in use becomes `a`, which is consumed; the former one comes back in it. */
static void alias_swap(struct hnode *n, struct halias *a, char **old_name, struct inode **old_parent)
{
	*old_name = n->name;
	*old_parent = n->parent;
	n->name = kmalloc(a->len + 1);
	n->name_len = n->name ? a->len : 0;
	if (n->name)
		memcpy(n->name, a->name, a->len + 1);
	n->parent = a->parent;
	n->lost = !n->name;
}

static void use_name(struct hnode *n, struct halias *a)
{
	struct inode *old_parent;
	char *old_name;

	mutex_lock(&hostfs_lock);
	alias_swap(n, a, &old_name, &old_parent);
	mutex_unlock(&hostfs_lock);
	kfree(a);
	kfree(old_name);
	inode_put(old_parent);
}

static u32 alias_count(const struct hnode *n)
{
	u32 k = 0;

	for (const struct halias *a = n->aliases; a; a = a->next)
		k++;
	return k;
}

void hnode_found(struct inode *inode, struct inode *dir, const char *name, u32 len)
{
	struct hnode *n = hnode_of(inode);
	struct halias *a, *keep = NULL, *known;

	if (!n->lost && has_name(n->parent, n->name, n->name_len, dir, name, len))
		return;
	a = alias_new(dir, name, len);
	if (!a)
		return;
	/* The former name is still good if the file has several. */
	if (n->parent && !n->lost && inode->nlink > 1 && !S_ISDIR(inode->mode))
		keep = alias_new(n->parent, n->name, n->name_len);
	mutex_lock(&hostfs_lock);
	known = alias_take(n, dir, name, len);
	if (keep && alias_count(n) < HALIAS_MAX) {
		keep->next = n->aliases;
		n->aliases = keep;
		keep = NULL;
	}
	mutex_unlock(&hostfs_lock);
	use_name(n, a);
	alias_free(keep);
	alias_free(known);
}

/* Forget a name; where it was the one in use another takes its place. */
static void forget_name(struct hnode *n, struct inode *dir, const char *name, u32 len)
{
	struct halias *other = NULL, *gone;

	mutex_lock(&hostfs_lock);
	gone = alias_take(n, dir, name, len);
	if (has_name(n->parent, n->name, n->name_len, dir, name, len)) {
		other = alias_take(n, NULL, NULL, 0);
		n->lost = !other;
	}
	mutex_unlock(&hostfs_lock);
	alias_free(gone);
	if (other)
		use_name(n, other);
}

void hnode_renamed(struct inode *inode, struct inode *olddir, const char *oldname, u32 oldlen, struct inode *newdir,
		   const char *newname, u32 newlen)
{
	forget_name(hnode_of(inode), olddir, oldname, oldlen);
	hnode_found(inode, newdir, newname, newlen);
	/* The old name may have been the only one, and was kept as an alias just now. */
	forget_name(hnode_of(inode), olddir, oldname, oldlen);
}

void hnode_unlinked(struct inode *inode, struct inode *dir, const char *name, u32 len)
{
	struct hnode *n = hnode_of(inode);

	if (inode->nlink)
		inode->nlink--;
	if (S_ISDIR(inode->mode))
		inode->nlink = 0;
	n->gone = !inode->nlink;
	if (!n->gone)
		forget_name(n, dir, name, len);
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
	inode->dir_version = 1;
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
		hnode_found(inode, dir, name, len);
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
	while (n->aliases)
		alias_free(alias_take(n, NULL, NULL, 0));
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

#define SYNC_BATCH 64

/* sync(2): files that are open for writing here.  Those that were closed are the host's to write back in its time. */
static void hostfs_sync(struct super *sb)
{
	struct inode **open = kmalloc(SYNC_BATCH * sizeof(*open));
	u32 count = 0;

	if (!open)
		return;
	mutex_lock(&hostfs_lock);
	for (u32 i = 0; i < BUCKETS; i++) {
		struct hnode *n;

		list_for_each(n, &table[i], hash)
			if (n->inode->sb == sb && n->wr.users && count < SYNC_BATCH && ref_get_unless_zero(&n->inode->refs))
				open[count++] = n->inode;
	}
	mutex_unlock(&hostfs_lock);
	while (count) {
		struct inode *inode = open[--count];
		bz_stream s = hostfs_stream_take(hnode_of(inode), true);

		if (s >= 0) {
			host->stream_flush(s, false);
			hostfs_stream_drop(hnode_of(inode), true);
		}
		inode_put(inode);
	}
	kfree(open);
}

static const struct super_ops hostfs_super_ops = {.evict = hostfs_evict, .statfs = hostfs_statfs, .sync = hostfs_sync};

struct super *hostfs_create(u32 root, u32 flags, bool is_file, const struct bz_attr *attr)
{
	struct super *sb = kzalloc(sizeof(*sb));
	struct hostfs *fs = kzalloc(sizeof(*fs));
	struct bz_name name = {BZ_VOLUME, root, "", 0};
	struct bz_attr a;
	int err = 0;

	if (!table_ready) {
		for (u32 i = 0; i < BUCKETS; i++)
			list_init(&table[i]);
		table_ready = true;
	}
	if (!sb || !fs)
		err = -ENOMEM;
	else if (attr && (attr->valid & BZ_ATTR_BASIC))
		a = *attr;
	else
		err = host->stream_getattr(-1, &name, BZ_ATTR_BASIC, &a);
	if (!err) {
		fs->root = root;
		fs->is_file = is_file;
		fs->immutable = flags & BZ_MOUNT_IMMUTABLE;
		fs->unwatched = flags & (BZ_MOUNT_IMMUTABLE | BZ_MOUNT_OVERLAY | BZ_MOUNT_UPPER);
		fs->ttl = flags & BZ_MOUNT_OVERLAY ? TTL_SYSTEM : TTL_VOLUME;
		sb->ops = &hostfs_super_ops;
		sb->fstype = "hostfs";
		sb->source = "volume";
		sb->flags = flags & (BZ_MOUNT_READONLY | BZ_MOUNT_OVERLAY) ? SB_RDONLY : 0;
		sb->priv = fs;
		mutex_init(&sb->rename_lock, RANK_RENAME);
		if (!watch.known) {
			watch.known = name_owners;
			identity_watch(&watch);
		}
		sb->root = hnode_get(sb, NULL, "", 0, &a, now_mono());
		err = sb->root ? 0 : -ENOMEM;
	}
	if (!err)
		return sb;
	kfree(fs);
	kfree(sb);
	return ERR_PTR(err);
}
