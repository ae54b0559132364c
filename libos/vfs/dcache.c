/*
 * The dentry cache: names that were looked up, present or absent.  dcache_lock protects the hash, the LRU list of
 * unreferenced dentries, names and parents.  A dentry holds a reference to its parent; the tree of the cache is therefore
 * whole up to each root.
 */
#include "libos/vfs/dcache.h"

#define BUCKETS 2048
#define UNUSED_MAX 8192

static struct list buckets[BUCKETS];
static struct list lru = LIST_INIT(lru);
static u32 unused;
static struct mutex dcache_lock = MUTEX_INIT(RANK_DCACHE);

static u64 load(const char *s, u32 n)
{
	u64 v = 0;

	__builtin_memcpy(&v, s, n);
	return v;
}

/* The name by eights, with the parent's address and the length mixed in: bytewise it would be half of a lookup. */
static u32 name_hash(const struct dentry *parent, const char *name, u32 len)
{
	u64 h = ((u64)parent >> 4) + len, mix = 0x9e3779b97f4a7c15ul;
	u32 left = len;

	for (; left >= 8; left -= 8, name += 8)
		h = (h ^ (h >> 29) ^ load(name, 8)) * mix;
	if (left >= 4)
		h = (h ^ (h >> 29) ^ load(name, 4) ^ load(name + left - 4, 4) << 32) * mix;
	else if (left)
		h = (h ^ (h >> 29) ^ (u8)name[0] ^ (u64)(u8)name[left / 2] << 8 ^ (u64)(u8)name[left - 1] << 16) * mix;
	return (h ^ (h >> 29)) * mix >> 32;
}

static struct list *bucket(u32 hash)
{
	return list_of_table(&buckets[hash & (BUCKETS - 1)]);
}

struct dentry *dentry_get(struct dentry *d)
{
	/* The caller holds a reference already, so it cannot be on the LRU list. */
	ref_get(&d->refs);
	return d;
}

struct dentry *dentry_alloc(struct dentry *parent, const char *name, u32 len, struct inode *inode)
{
	struct dentry *d = kzalloc(sizeof(*d));

	if (!d)
		return NULL;
	d->name = kmalloc(len + 1);
	if (!d->name) {
		kfree(d);
		return NULL;
	}
	memcpy(d->name, name, len);
	d->name[len] = 0;
	d->name_len = len;
	d->refs = 1;
	d->parent = parent ? dentry_get(parent) : d;
	d->inode = inode;
	d->sb = inode ? inode->sb : parent ? parent->sb : NULL;
	list_init(&d->hash);
	list_init(&d->lru);
	list_init(&d->children);
	list_init(&d->sibling);
	return d;
}

static void unhash_locked(struct dentry *d)
{
	list_del(&d->hash);
	list_del(&d->sibling);
}

/* Free a dentry that nobody references and that is on no list; returns the parent, whose reference the caller drops. */
static struct dentry *dentry_free(struct dentry *d)
{
	struct dentry *parent = d->parent == d ? NULL : d->parent;

	if (d->inode)
		inode_put(d->inode);
	kfree(d->name);
	kfree(d);
	return parent;
}

static struct dentry *pick_victim(void)
{
	struct dentry *d;

	if (unused <= UNUSED_MAX)
		return NULL;
	d = list_first(&lru, struct dentry, lru);
	list_del(&d->lru);
	unused--;
	unhash_locked(d);
	return d;
}

void dentry_put(struct dentry *d)
{
	while (d) {
		struct dentry *victim = NULL;
		u32 refs = __atomic_load_n(&d->refs, __ATOMIC_RELAXED);

		while (refs > 1)
			if (__atomic_compare_exchange_n(&d->refs, &refs, refs - 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
				return;
		mutex_lock(&dcache_lock);
		if (!ref_put(&d->refs)) {
			mutex_unlock(&dcache_lock);
			return;
		}
		if (list_empty(&d->hash)) {
			victim = d;
		} else {
			list_add_tail(&d->lru, &lru);
			unused++;
			victim = pick_victim();
		}
		mutex_unlock(&dcache_lock);
		d = victim ? dentry_free(victim) : NULL;
	}
}

static bool same_name(const char *a, const char *b, u32 n)
{
	for (; n >= 8; n -= 8, a += 8, b += 8)
		if (load(a, 8) != load(b, 8))
			return false;
	while (n--)
		if (*a++ != *b++)
			return false;
	return true;
}

static struct dentry *find_locked(struct dentry *parent, const char *name, u32 len)
{
	u32 hash = name_hash(parent, name, len);
	struct dentry *d;

	list_for_each(d, bucket(hash), hash)
		if (d->name_hash == hash && d->parent == parent && d->name_len == len && same_name(d->name, name, len))
			return d;
	return NULL;
}

/* Who has a reference takes another without the lock, so this too counts by a locked instruction. */
static void get_locked(struct dentry *d)
{
	if (__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED) == 0) {
		list_del(&d->lru);
		unused--;
	}
}

struct dentry *dcache_find(struct dentry *parent, const char *name, u32 len)
{
	struct dentry *d;

	mutex_lock(&dcache_lock);
	d = find_locked(parent, name, len);
	if (d)
		get_locked(d);
	mutex_unlock(&dcache_lock);
	return d;
}

static bool may_search(struct inode *dir)
{
	if (!dir || !S_ISDIR(dir->mode) || (dir->ops && dir->ops->permission))
		return false;
	return (dir->mode & 0111) == 0111 || !inode_permission(dir, 1);
}

/* One component of a cached walk; null: not to be had that way. */
static struct dentry *cached_child(struct dentry *dir, const char *name, u32 len, i64 *now)
{
	const struct inode_ops *ops = dir->inode->ops;
	struct dentry *d = find_locked(dir, name, len);

	if (!d || !d->inode)
		return NULL;
	if (!ops->revalidate)
		return d;
	if (!ops->still_true)
		return NULL;
	if (!*now)
		*now = clock_ns(BZ_CLOCK_MONOTONIC_COARSE);
	return ops->still_true(d, *now) ? d : NULL;
}

/*
 * A whole name under one lock, counting only what it ends at.  False, and nothing done, for all that needs more than a look into
 * the cache: `..`, links to follow, names that are absent or to be asked for again, directories that may not be searched.
 */
bool dcache_walk(struct path *at, const char *name, bool follow)
{
	struct dentry *d = at->dentry;
	struct mount *mount = at->mount;
	bool found = false;
	i64 now = 0;

	mutex_lock(&dcache_lock);
	for (;;) {
		u32 n = 0;

		while (*name == '/')
			name++;
		if (!*name)
			break;
		while (name[n] && name[n] != '/')
			n++;
		if ((n == 1 && name[0] == '.') || (n == 2 && name[0] == '.' && name[1] == '.') || !may_search(d->inode))
			goto out;
		d = cached_child(d, name, n, &now);
		name += n;
		if (!d || (S_ISLNK(d->inode->mode) && (*name || follow)))
			goto out;
		while (d->mounted) {
			mount = d->mounted;
			d = mount->root;
		}
		/* A trailing slash asks for a directory. */
		if (*name && !S_ISDIR(d->inode->mode))
			goto out;
	}
	get_locked(d);
	*at = (struct path){mount, d};
	found = true;
out:
	mutex_unlock(&dcache_lock);
	return found;
}

void dcache_insert(struct dentry *d)
{
	d->name_hash = name_hash(d->parent, d->name, d->name_len);
	mutex_lock(&dcache_lock);
	list_add(&d->hash, bucket(d->name_hash));
	list_add(&d->sibling, &d->parent->children);
	mutex_unlock(&dcache_lock);
}

void dcache_unhash(struct dentry *d)
{
	mutex_lock(&dcache_lock);
	unhash_locked(d);
	mutex_unlock(&dcache_lock);
}

bool dentry_unhashed(const struct dentry *d)
{
	return READ_ONCE(d->parent) != d && READ_ONCE(d->hash.next) == &d->hash; /* as it is just now: no lock is held */
}

struct inode *dentry_directory(struct dentry *d, char *name)
{
	struct inode *dir;

	mutex_lock(&dcache_lock);
	dir = d->parent->inode;
	if (dir)
		inode_get(dir);
	if (name)
		strlcpy(name, d->name, NAME_MAX + 1);
	mutex_unlock(&dcache_lock);
	return dir;
}

u64 dentry_parent_ino(struct dentry *d)
{
	struct inode *dir;
	u64 ino;

	mutex_lock(&dcache_lock);
	dir = d->parent->inode ? d->parent->inode : d->inode;
	ino = dir->ino;
	mutex_unlock(&dcache_lock);
	return ino;
}

void dcache_instantiate(struct dentry *d, struct inode *inode)
{
	mutex_lock(&dcache_lock);
	d->sb = inode->sb;
	__atomic_store_n(&d->inode, inode, __ATOMIC_RELEASE);
	mutex_unlock(&dcache_lock);
	if (dentry_unhashed(d)) /* of a file system that keeps no absent names */
		dcache_insert(d);
}

void dcache_prune(struct dentry *dir)
{
	for (;;) {
		struct dentry *d, *victim = NULL;

		mutex_lock(&dcache_lock);
		list_for_each(d, &dir->children, sibling) {
			if (d->refs || !list_empty(&d->children))
				continue;
			victim = d;
			list_del(&d->lru);
			unused--;
			unhash_locked(d);
			break;
		}
		mutex_unlock(&dcache_lock);
		if (!victim)
			return;
		dentry_put(dentry_free(victim));
	}
}

int dcache_move(struct dentry *d, struct dentry *parent, const char *name, u32 len)
{
	char *copy = kmalloc(len + 1), *old;
	struct dentry *old_parent = d->parent;

	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len);
	copy[len] = 0;
	mutex_lock(&dcache_lock);
	unhash_locked(d);
	old = d->name;
	d->name = copy;
	d->name_len = len;
	d->parent = dentry_get(parent);
	d->name_hash = name_hash(parent, name, len);
	list_add(&d->hash, bucket(d->name_hash));
	list_add(&d->sibling, &parent->children);
	mutex_unlock(&dcache_lock);
	kfree(old);
	dentry_put(old_parent);
	return 0;
}

static char *prepend(char *at, char *buf, const char *s, size_t n)
{
	if (at - buf < (long)n)
		return NULL;
	at -= n;
	memcpy(at, s, n);
	return at;
}

char *dcache_path(const struct path *p, const struct path *root, char *buf, size_t size, bool *outside)
{
	struct mount *m = p->mount;
	struct dentry *d = p->dentry;
	char *at = buf + size - 1;
	bool deleted = dentry_unhashed(d);

	*at = 0;
	if (deleted)
		at = prepend(at, buf, " (deleted)", 10);
	mutex_lock(&dcache_lock);
	while (at && !(d == root->dentry && m == root->mount)) {
		if (m && d == m->root) {
			if (!m->parent || m->parent == m)
				break;
			d = m->at;
			m = m->parent;
			continue;
		}
		if (d->parent == d)
			break;
		at = prepend(at, buf, d->name, d->name_len);
		at = at ? prepend(at, buf, "/", 1) : NULL;
		d = d->parent;
	}
	mutex_unlock(&dcache_lock);
	if (outside)
		*outside = d != root->dentry || m != root->mount;
	if (at && (!*at || *at != '/'))
		at = prepend(at, buf, "/", 1);
	return at ? at : ERR_PTR(-ENAMETOOLONG);
}

char *path_string(const struct path *p, char *buf, size_t size)
{
	struct path root = {root_mount, root_mount->root};
	char *ret;

	if (!current || !current->process->fs)
		return dcache_path(p, &root, buf, size, NULL);
	mutex_lock(&current->process->fs->lock);
	root = current->process->fs->root;
	ret = dcache_path(p, &root, buf, size, NULL);
	mutex_unlock(&current->process->fs->lock);
	return ret;
}
