/*
 * Directories of volumes: looking up one name, or fetching a whole directory once many were asked for.
 *
 * A single name is one request; a directory is one request for about 400 entries, which the host stats one by one.  So the
 * first SINGLES_MAX names are asked for one at a time, and only then all at once; getdents fetches all in any case.
 * What is cached is true while the directory's times stay as they were (they are compared at most once in ttl).
 */
#include "libos/hostfs/hostfs.h"
#include "libos/vfs/dcache.h"

#define SINGLES_MAX 32
#define LISTING_MAX 16384		/* longer ones are not kept */
#define ENUMERATE_SIZE 65536
#define RACY_NS (20 * 1000000ll)	/* resolution of the host's file times, with room */
#define LISTED_ATTR_NS (250 * 1000000ll) /* attributes that came with a listing serve the walk that asked for it */

void listing_put(struct listing *l)
{
	if (!l || !ref_put(&l->refs))
		return;
	for (u32 i = 0; i < l->count; i++)
		kfree(l->ents[i]);
	kfree(l->ents);
	kfree(l->buckets);
	kfree(l);
}

u32 hostfs_name_hash(const char *name, u32 len)
{
	u32 h = 2166136261u;

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 16777619u;
	return h;
}

static int listing_add(struct listing *l, const struct bz_dirent *d)
{
	struct hent *e;

	if (l->count == l->size) {
		u32 size = l->size ? l->size * 2 : 64;
		struct hent **ents = krealloc(l->ents, l->size * sizeof(*ents), size * sizeof(*ents));

		if (!ents)
			return -ENOMEM;
		l->ents = ents;
		l->size = size;
	}
	e = kmalloc(sizeof(*e) + d->name_len + 1);
	if (!e)
		return -ENOMEM;
	e->len = d->name_len;
	e->spoiled = false;
	e->attr = d->attr;
	memcpy(e->name, d->name, d->name_len);
	e->name[e->len] = 0;
	e->hash = hostfs_name_hash(e->name, e->len);
	l->ents[l->count++] = e;
	return 0;
}

/* Take one reply apart; the cookie to go on from in *cookie. */
static int listing_take(struct listing *l, const char *buf, i64 n, u64 *cookie)
{
	for (i64 at = 0; at + (i64)sizeof(struct bz_dirent) <= n;) {
		const struct bz_dirent *d = (const void *)(buf + at);
		int err;

		if (d->size < sizeof(*d) || d->size > n - at || d->name_len > d->size - sizeof(*d) || d->name_len > NAME_MAX)
			return -EIO;
		err = listing_add(l, d);
		if (err)
			return err;
		*cookie = d->cookie;
		at += d->size;
	}
	return 0;
}

static int listing_index(struct listing *l)
{
	u32 size = 16;

	while (size < l->count)
		size *= 2;
	l->buckets = kzalloc(size * sizeof(u32));
	if (!l->buckets)
		return -ENOMEM;
	l->mask = size - 1;
	for (u32 i = 0; i < l->count; i++) {
		u32 *head = &l->buckets[l->ents[i]->hash & l->mask];

		l->ents[i]->next = *head;
		*head = i + 1;
	}
	return 0;
}

static int listing_read(struct listing *l, struct inode *dir)
{
	char *buf = kmalloc(ENUMERATE_SIZE);
	u64 cookie = 0;
	struct hname h;
	i64 n;
	int err = buf ? hname_of(dir, &h) : -ENOMEM;

	if (err) {
		kfree(buf);
		return err;
	}
	while ((n = host->stream_enumerate(&h.n, cookie, buf, ENUMERATE_SIZE)) > 0) {
		err = listing_take(l, buf, n, &cookie);
		if (err)
			break;
	}
	hname_put(&h);
	kfree(buf);
	return err ? err : n < 0 ? n : listing_index(l);
}

static struct hent *listing_find(const struct listing *l, const char *name, u32 len)
{
	u32 hash = hostfs_name_hash(name, len);

	for (u32 i = l->buckets[hash & l->mask]; i; i = l->ents[i - 1]->next) {
		struct hent *e = l->ents[i - 1];

		if (e->hash == hash && e->len == len && !memcmp(e->name, name, len))
			return e;
	}
	return NULL;
}

/* --- what a directory's node knows --- */

static void drop_listing(struct hnode *n)
{
	struct listing *l;

	mutex_lock(&hostfs_lock);
	l = n->listing;
	n->listing = NULL;
	mutex_unlock(&hostfs_lock);
	listing_put(l);
}

void hostfs_dir_spoil(struct inode *dir, const char *name, u32 len)
{
	struct listing *l = hnode_of(dir)->listing;
	struct hent *e = l ? listing_find(l, name, len) : NULL;

	if (e)
		e->spoiled = true;
}

void hostfs_dir_forget(struct inode *dir)
{
	struct hnode *n = hnode_of(dir);

	drop_listing(n);
	hnode_changed(dir);
}

void hostfs_dir_news(struct inode *dir)
{
	dir->dir_version++;
	drop_listing(hnode_of(dir));
}

static struct listing *current_listing(struct hnode *n)
{
	struct listing *l;

	mutex_lock(&hostfs_lock);
	l = n->listing;
	if (l)
		ref_get(&l->refs);
	mutex_unlock(&hostfs_lock);
	return l;
}

/* Compare the directory's times with those under which names were cached; changed ones make a new version. */
static void dir_check(struct inode *dir)
{
	struct hostfs *fs = hostfs_of(dir);
	struct hnode *n = hnode_of(dir);
	i64 now = now_mono();

	if (n->checked && (fs->immutable || now - n->checked < fs->ttl))
		return;
	hnode_refresh(dir, now - n->attr_time >= fs->ttl);
	if (n->checked && (n->seen_mtime != dir->mtime || n->seen_ctime != dir->ctime || n->racy)) {
		dir->dir_version++;
		n->singles = 0;
		drop_listing(n);
	}
	n->seen_mtime = dir->mtime;
	n->seen_ctime = dir->ctime;
	n->racy = now_real() - max(dir->mtime, dir->ctime) < RACY_NS;
	n->checked = now;
}

/* A listing, fetched if it must be, referenced; or an error. */
static struct listing *dir_listing(struct inode *dir)
{
	struct hnode *n = hnode_of(dir);
	struct listing *l, *old;
	int err;

	dir_check(dir);
	l = current_listing(n);
	if (l)
		return l;
	l = kzalloc(sizeof(*l));
	if (!l)
		return ERR_PTR(-ENOMEM);
	l->refs = 1;
	l->time = now_mono();
	err = listing_read(l, dir);
	if (err) {
		listing_put(l);
		return ERR_PTR(err);
	}
	if (l->count > LISTING_MAX)
		return l;
	ref_get(&l->refs);
	mutex_lock(&hostfs_lock);
	old = n->listing;
	n->listing = l;
	mutex_unlock(&hostfs_lock);
	listing_put(old);
	return l;
}

/* --- lookup --- */

static int from_listing(struct inode *dir, const struct listing *l, const char *name, u32 len, struct inode **out)
{
	const struct hent *e = listing_find(l, name, len);
	struct hnode *n;

	if (!e)
		return -ENOENT;
	*out = hnode_get(dir->sb, dir, name, len, &e->attr, l->time);
	if (!*out)
		return -ENOMEM;
	n = hnode_of(*out);
	if (e->spoiled && n->attr_time == l->time)
		return hnode_refresh(*out, true);
	if (n->attr_time == l->time)
		n->attr_time += max(LISTED_ATTR_NS - hostfs_of(dir)->ttl, 0ll);
	return 0;
}

static int ask_single(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct bz_attr a;
	struct hname h;
	bz_stream s = -1;
	i64 at = now_mono();
	int err = hname_child(dir, name, len, &h);

	if (err)
		return err;
	if (current && current->lookup_open) {
		/* A link, a directory, or what may not be read shows by an error: then its attributes are asked for. */
		s = host->stream_open(&h.n, BZ_OPEN_READ, 0, NULL, &a);
		if (s == -ENOENT)
			err = s;
	}
	if (s < 0 && !err)
		err = host->stream_getattr(-1, &h.n, BZ_ATTR_BASIC, &a);
	hname_put(&h);
	if (err)
		return err;
	*out = hnode_get(dir->sb, dir, name, len, &a, at);
	if (s >= 0 && *out)
		hostfs_offer(*out, s);
	else if (s >= 0)
		host->stream_close(s, 0);
	return *out ? 0 : -ENOMEM;
}

int hostfs_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	struct hnode *n = hnode_of(dir);
	struct listing *l;
	int err;

	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	dir_check(dir);
	l = current_listing(n);
	if (!l && n->singles++ >= SINGLES_MAX) {
		n->singles = 0;
		l = dir_listing(dir);
		/* A directory may be searchable and not readable. */
		if (IS_ERR(l))
			l = NULL;
	}
	if (!l)
		return ask_single(dir, name, len, out);
	err = from_listing(dir, l, name, len, out);
	listing_put(l);
	return err;
}

bool hostfs_revalidate(struct dentry *d)
{
	struct inode *dir = d->parent->inode, *now = NULL;
	int err;

	if (hostfs_of(dir)->immutable || d->mounted || d->parent == d)
		return true;
	dir_check(dir);
	if (d->stamp == dir->dir_version)
		return true;
	err = hostfs_lookup(dir, d->name, d->name_len, &now);
	if (err && err != -ENOENT)
		return true;	/* the host does not say */
	if (now)
		inode_put(now);
	if (now != d->inode)
		return false;
	d->stamp = dir->dir_version;
	return true;
}

bool hostfs_still_true(const struct dentry *d, i64 now)
{
	struct inode *dir = d->parent->inode;
	const struct hnode *n = hnode_of(dir);
	i64 since = max(now - n->checked, 0ll);

	if (hostfs_of(dir)->immutable || d->mounted)
		return true;
	return n->checked && since < hostfs_of(dir)->ttl && d->stamp == dir->dir_version;
}

/* --- getdents --- */

static int dir_open_listing(struct file *f)
{
	struct listing *l = dir_listing(f->inode);

	if (IS_ERR(l))
		return PTR_ERR(l);
	listing_put(f->priv);
	f->priv = l;
	return 0;
}

/* Positions: 0 and 1 are `.` and `..`, then the listing that the open directory holds until it is rewound. */
static int dir_readdir(struct file *f, i64 *pos,
		       bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next), void *arg)
{
	struct listing *l;

	if (*pos == 0 || !f->priv) {
		int err = dir_open_listing(f);

		if (err)
			return err;
	}
	l = f->priv;
	if (*pos == 0) {
		if (!emit(arg, ".", 1, f->inode->ino, 4, 1))
			return 0;
		*pos = 1;
	}
	if (*pos == 1) {
		u64 up = f->path.dentry ? dentry_parent_ino(f->path.dentry) : f->inode->ino;

		if (!emit(arg, "..", 2, up, 4, 2))
			return 0;
		*pos = 2;
	}
	while (*pos >= 2 && *pos - 2 < l->count) {
		const struct hent *e = l->ents[*pos - 2];

		if (!emit(arg, e->name, e->len, e->attr.ino, e->attr.kind, *pos + 1))
			return 0;
		++*pos;
	}
	return 0;
}

static int dir_fsync(struct file *f, bool data_only)
{
	struct hname h;
	bz_stream s;
	int err;

	if (hnode_of(f->inode)->gone)
		return 0;
	err = hname_of(f->inode, &h);
	if (err)
		return err;
	s = host->stream_open(&h.n, BZ_OPEN_READ | BZ_OPEN_DIRECTORY, 0, NULL, NULL);
	hname_put(&h);
	if (s < 0)
		return s;
	err = host->stream_flush(s, data_only);
	host->stream_close(s, 0);
	return err;
}

static void dir_release(struct file *f)
{
	listing_put(f->priv);
}

const struct file_ops hostfs_dir_fops = {.readdir = dir_readdir, .fsync = dir_fsync, .release = dir_release};
