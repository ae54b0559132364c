/*
 * Reading directories of overlays: the names of both layers, less the whiteouts, gathered when a directory is read from its
 * start and kept by the open file until it is rewound.  A position is an index.
 */
#include "libos/overlay/overlay.h"
#include "libos/vfs/dcache.h"

struct entry {
	struct entry *chain;	/* by hash, while it is gathered */
	u64 ino;
	u32 hash;
	u16 len;
	u8 dtype;
	bool hidden;		/* a whiteout, or a name that could not be looked at */
	char name[];
};

#define CHAINS 256

struct merged {
	struct entry **entries;
	u32 count, size;
	struct entry **chains;
	bool upper;		/* gathering the upper layer's names just now */
	int err;
};

void merged_free(struct merged *m)
{
	if (!m)
		return;
	for (u32 i = 0; i < m->count; i++)
		kfree(m->entries[i]);
	kfree(m->entries);
	kfree(m->chains);
	kfree(m);
}

bool merged_empty(const struct merged *m)
{
	return !m->count;
}

static u32 name_hash(const char *name, u32 len)
{
	u32 h = 2166136261u;

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 16777619u;
	return h;
}

static bool known(const struct merged *m, const char *name, u32 len, u32 hash)
{
	for (const struct entry *e = m->chains[hash % CHAINS]; e; e = e->chain)
		if (e->hash == hash && e->len == len && !memcmp(e->name, name, len))
			return true;
	return false;
}

static int reserve(struct merged *m)
{
	u32 size = m->size ? m->size * 2 : 64;
	struct entry **entries;

	if (m->count < m->size)
		return 0;
	entries = krealloc(m->entries, m->size * sizeof(*entries), size * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	m->entries = entries;
	m->size = size;
	return 0;
}

static bool gather(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next)
{
	struct merged *m = arg;
	u32 hash = name_hash(name, len);
	struct entry *e;

	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	if (!m->upper && m->chains && known(m, name, len, hash))
		return true;
	e = reserve(m) ? NULL : kmalloc(sizeof(*e) + len + 1);
	if (!e) {
		m->err = -ENOMEM;
		return false;
	}
	*e = (struct entry){.ino = ino, .hash = hash, .len = len, .dtype = dtype};
	memcpy(e->name, name, len);
	e->name[len] = 0;
	m->entries[m->count++] = e;
	if (m->chains && m->upper) {
		e->chain = m->chains[hash % CHAINS];
		m->chains[hash % CHAINS] = e;
	}
	return true;
}

static int read_layer(struct merged *m, struct inode *real)
{
	struct file *f = real_file(real, O_RDONLY | O_DIRECTORY);
	i64 pos = 0;
	int err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	err = f->ops->readdir(f, &pos, gather, m);
	file_put(f);
	return err ? err : m->err;
}

/* Which of the upper layer's entries are whiteouts: only what can be one is looked at. */
static void mark_whiteouts(struct overlay *o, struct merged *m, struct inode *upper)
{
	for (u32 i = 0; i < m->count; i++) {
		struct entry *e = m->entries[i];
		struct inode *inode;

		if (e->dtype != (o->on_disk ? BZ_KIND_FILE : BZ_KIND_CHAR) || real_lookup(upper, e->name, e->len, &inode))
			continue;
		e->hidden = is_whiteout(o, inode);
		inode_put(inode);
	}
}

static void drop_hidden(struct merged *m)
{
	u32 kept = 0;

	for (u32 i = 0; i < m->count; i++) {
		if (m->entries[i]->hidden)
			kfree(m->entries[i]);
		else
			m->entries[kept++] = m->entries[i];
	}
	m->count = kept;
	kfree(m->chains);
	m->chains = NULL;
}

int merged_read(struct inode *dir, struct merged **out)
{
	struct inode *upper = onode_upper(dir), *lower = onode_of(dir)->lower;
	struct merged *m = kzalloc(sizeof(*m));
	int err = 0;

	if (!m)
		return -ENOMEM;
	if (upper && lower) {
		m->chains = kzalloc(CHAINS * sizeof(*m->chains));
		if (!m->chains)
			err = -ENOMEM;
	}
	if (!err && upper) {
		m->upper = true;
		err = read_layer(m, upper);
		m->upper = false;
		if (!err)
			mark_whiteouts(overlay_of(dir), m, upper);
	}
	if (!err && lower)
		err = read_layer(m, lower);
	if (err) {
		merged_free(m);
		return err;
	}
	drop_hidden(m);
	*out = m;
	return 0;
}

static int dir_readdir(struct file *f, i64 *pos,
		       bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next), void *arg)
{
	struct merged *m = f->priv;

	if (*pos == 0 || !m) {
		int err = merged_read(f->inode, &m);

		if (err)
			return err;
		merged_free(f->priv);
		f->priv = m;
	}
	if (*pos == 0) {
		if (!emit(arg, ".", 1, f->inode->ino, BZ_KIND_DIR, 1))
			return 0;
		*pos = 1;
	}
	if (*pos == 1) {
		u64 up = f->path.dentry ? dentry_parent_ino(f->path.dentry) : f->inode->ino;

		if (!emit(arg, "..", 2, up, BZ_KIND_DIR, 2))
			return 0;
		*pos = 2;
	}
	while (*pos >= 2 && *pos - 2 < m->count) {
		const struct entry *e = m->entries[*pos - 2];

		if (!emit(arg, e->name, e->len, e->ino, e->dtype, *pos + 1))
			return 0;
		++*pos;
	}
	return 0;
}

static int dir_fsync(struct file *f, bool data_only)
{
	struct inode *upper = onode_upper(f->inode);
	struct file *real;
	int err = 0;

	if (!upper || !upper->fops->fsync)
		return 0;
	real = real_file(upper, O_RDONLY | O_DIRECTORY);
	if (IS_ERR(real))
		return PTR_ERR(real);
	err = real->ops->fsync(real, data_only);
	file_put(real);
	return err;
}

static void dir_release(struct file *f)
{
	merged_free(f->priv);
}

const struct file_ops overlay_dir_fops = {.readdir = dir_readdir, .fsync = dir_fsync, .release = dir_release};
