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

void dcache_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++)
		list_init(&buckets[i]);
}

/* FNV-1a over the name, with the parent's address mixed in. */
static u32 name_hash(const struct dentry *parent, const char *name, u32 len)
{
	u32 h = 2166136261u ^ (u32)((u64)parent >> 4);

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 16777619u;
	return h;
}

static struct list *bucket(u32 hash)
{
	return &buckets[hash & (BUCKETS - 1)];
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

struct dentry *dcache_find(struct dentry *parent, const char *name, u32 len)
{
	u32 hash = name_hash(parent, name, len);
	struct dentry *d, *found = NULL;

	mutex_lock(&dcache_lock);
	list_for_each(d, bucket(hash), hash) {
		if (d->name_hash != hash || d->parent != parent || d->name_len != len || memcmp(d->name, name, len))
			continue;
		/* Who has a reference takes and drops others without the lock. */
		if (__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED) == 0) {
			list_del(&d->lru);
			unused--;
		}
		found = d;
		break;
	}
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
	return d->parent != d && list_empty(&d->hash);
}

void dcache_instantiate(struct dentry *d, struct inode *inode)
{
	mutex_lock(&dcache_lock);
	d->sb = inode->sb;
	__atomic_store_n(&d->inode, inode, __ATOMIC_RELEASE);
	mutex_unlock(&dcache_lock);
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

char *dcache_path(const struct path *p, const struct path *root, char *buf, size_t size)
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
	if (at && (!*at || *at != '/'))
		at = prepend(at, buf, "/", 1);
	return at ? at : ERR_PTR(-ENAMETOOLONG);
}

char *path_string(const struct path *p, char *buf, size_t size)
{
	struct path root = {root_mount, root_mount->root};
	char *ret;

	if (!current || !current->process->fs)
		return dcache_path(p, &root, buf, size);
	mutex_lock(&current->process->fs->lock);
	root = current->process->fs->root;
	ret = dcache_path(p, &root, buf, size);
	mutex_unlock(&current->process->fs->lock);
	return ret;
}
