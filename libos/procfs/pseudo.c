/*
 * The machinery of pseudo file systems: inodes made on lookup, texts made at the first read of an open file and kept
 * until it is rewound to 0.  Owns struct pnode of each inode; the text belongs to the open file (file->lock).
 */
#include "libos/procfs/pseudo.h"

struct text_file {
	struct seq seq;
	bool made;
};

static const struct inode_ops pseudo_inode_ops;
static const struct file_ops text_fops, polled_fops, dir_fops;

static void seq_reserve(struct seq *s, size_t n)
{
	size_t size = s->size ? s->size : 512;
	char *p;

	if (s->failed || s->len + n + 1 <= s->size)
		return;
	while (size < s->len + n + 1)
		size *= 2;
	p = krealloc(s->buf, s->len, size);
	if (!p) {
		s->failed = true;
		return;
	}
	s->buf = p;
	s->size = size;
}

void seq_write(struct seq *s, const void *data, size_t n)
{
	seq_reserve(s, n);
	if (s->failed)
		return;
	memcpy(s->buf + s->len, data, n);
	s->len += n;
}

void seq_puts(struct seq *s, const char *text)
{
	seq_write(s, text, strlen(text));
}

void seq_printf(struct seq *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	seq_reserve(s, 256);
	if (s->failed)
		return;
	va_start(ap, fmt);
	n = vsnprintf(s->buf + s->len, s->size - s->len, fmt, ap);
	va_end(ap);
	if ((size_t)n >= s->size - s->len) {
		seq_reserve(s, n);
		if (s->failed)
			return;
		va_start(ap, fmt);
		vsnprintf(s->buf + s->len, s->size - s->len, fmt, ap);
		va_end(ap);
	}
	s->len += n;
}

/* A number that is the same for the same node each time: the table entry's place, the process and the number. */
static u64 node_ino(const struct pnode *n)
{
	u64 h = ((u64)n->entry >> 3) * 0x9e3779b97f4a7c15ull;

	h ^= (u64)n->born * 0x9e3779b97f4a7c15ull ^ ((u64)(u32)n->pid << 32) ^ ((u64)(u32)n->tid << 16) ^ (u32)n->num;
	h *= 0xff51afd7ed558ccdull;
	return (h >> 24) | 0x100000000ull;
}

static void node_owner(struct inode *inode, const struct pnode *n)
{
	struct process *p = n->pid ? process_find(n->pid) : NULL;

	if (!p)
		return;
	inode->uid = p->cred.euid;
	inode->gid = p->cred.egid;
	process_put(p);
}

static struct inode *node_inode(struct super *sb, const struct pnode *n)
{
	struct pnode *copy = kmalloc(sizeof(*copy));
	struct inode *inode = copy ? inode_alloc(sb, n->entry->mode_now ? n->entry->mode_now(n) : n->entry->mode) : NULL;

	if (!inode) {
		kfree(copy);
		return NULL;
	}
	if (S_ISREG(inode->mode))
		mutex_init(&inode->lock, RANK_TEXT);
	*copy = *n;
	inode->priv = copy;
	inode->ino = node_ino(n);
	inode->nlink = S_ISDIR(inode->mode) ? 2 : 1;
	inode->uid = inode->gid = 0;
	node_owner(inode, n);
	inode->ops = &pseudo_inode_ops;
	/* Files of a process cannot be polled but where they say so, all others can, and are ready (fs/proc/inode.c). */
	inode->fops = S_ISDIR(inode->mode) ? &dir_fops : n->entry->fops ? n->entry->fops :
		      n->pid && !n->entry->polled ? &text_fops : &polled_fops;
	return inode;
}

static const struct pseudo_entry *find_static(const struct pseudo_entry *table, const char *name, u32 len)
{
	for (; table && table->name; table++)
		if (strlen(table->name) == len && !memcmp(table->name, name, len))
			return table;
	return NULL;
}

static int pseudo_lookup(struct inode *dir, const char *name, u32 len, struct inode **out)
{
	const struct pnode *d = dir->priv;
	struct pnode child = *d;
	int err;

	if (d->entry->alive && !d->entry->alive(d))
		return -ENOENT;
	child.entry = find_static(d->entry->children, name, len);
	if (!child.entry) {
		if (!d->entry->find)
			return -ENOENT;
		err = d->entry->find(d, name, len, &child);
		if (err)
			return err;
	}
	*out = node_inode(dir->sb, &child);
	return *out ? 0 : -ENOMEM;
}

/* What a process's directory shows changes with the process: a cached dentry is good while its node lives. */
static bool pseudo_revalidate(struct dentry *dentry)
{
	const struct pnode *n;

	if (!dentry->inode)
		return false;
	n = dentry->inode->priv;
	if (n->entry->mode_now && n->entry->mode_now(n) != dentry->inode->mode)
		return false;
	return !n->entry->alive || n->entry->alive(n);
}

static long pseudo_readlink(struct inode *inode, char *buf, size_t size)
{
	const struct pnode *n = inode->priv;

	return n->entry->readlink ? n->entry->readlink(n, buf, size) : -EINVAL;
}

static int pseudo_follow(struct inode *inode, struct path *out)
{
	const struct pnode *n = inode->priv;

	return n->entry->follow ? n->entry->follow(n, out) : -ENOSYS;
}

static int pseudo_setattr(struct inode *inode, const struct iattr *attr)
{
	/* O_TRUNC of a text that is written is fine; nothing else can be changed. */
	return attr->valid & ~(ATTR_SIZE | ATTR_MTIME | ATTR_CTIME | ATTR_ATIME) ? -EPERM : 0;
}

static const struct inode_ops pseudo_inode_ops = {
	.lookup = pseudo_lookup,
	.readlink = pseudo_readlink,
	.follow = pseudo_follow,
	.setattr = pseudo_setattr,
	.revalidate = pseudo_revalidate,
};

static int make_text(struct file *f, struct text_file **out)
{
	const struct pnode *n = f->inode->priv;
	struct text_file *t = f->priv;
	int err;

	if (!t) {
		t = kzalloc(sizeof(*t));
		if (!t)
			return -ENOMEM;
		f->priv = t;
	}
	*out = t;
	if (t->made)
		return 0;
	t->seq.len = 0;
	t->seq.failed = false;
	err = n->entry->show ? n->entry->show(&t->seq, n) : -EINVAL;
	if (!err && t->seq.failed)
		err = -ENOMEM;
	t->made = !err;
	return err;
}

static ssize_t text_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct text_file *t = f->priv;
	size_t n;
	int err;

	mutex_lock(&f->inode->lock);
	if (t && *pos == 0)
		t->made = false;
	err = make_text(f, &t);
	if (err) {
		mutex_unlock(&f->inode->lock);
		return err;
	}
	n = 0;
	if (*pos < (i64)t->seq.len) {
		size_t want = min(it->left, t->seq.len - (size_t)*pos);

		n = iov_copy_to(it, t->seq.buf + *pos, want);
		if (!n && want) {
			mutex_unlock(&f->inode->lock);
			return -EFAULT;
		}
		*pos += n;
	}
	mutex_unlock(&f->inode->lock);
	return n;
}

static ssize_t text_write(struct file *f, struct iov_iter *it, i64 *pos)
{
	const struct pnode *n = f->inode->priv;
	size_t len = min(it->left, (size_t)PAGE_SIZE);
	char *text;
	ssize_t ret;

	if (!n->entry->store)
		return -EIO;
	text = kmalloc(len + 1);
	if (!text)
		return -ENOMEM;
	len = iov_copy_from(it, text, len);
	text[len] = 0;
	ret = n->entry->store(n, text, len);
	kfree(text);
	if (ret > 0)
		*pos += ret;
	return ret;
}

static void text_release(struct file *f)
{
	struct text_file *t = f->priv;

	if (t)
		kfree(t->seq.buf);
	kfree(t);
}

static u32 text_poll(struct file *f, struct poll_table *pt)
{
	return EPOLLIN | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM;
}

static i64 text_llseek(struct file *f, i64 off, int whence)
{
	if (whence == 1)
		off += f->pos;
	else if (whence != 0)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

static long text_ioctl(struct file *f, u32 cmd, u64 arg)
{
	const struct pnode *n = f->inode->priv;

	return n->entry->ioctl ? n->entry->ioctl(n, cmd, arg) : -ENOTTY;
}

static const struct file_ops text_fops = {
	.read = text_read,
	.write = text_write,
	.ioctl = text_ioctl,
	.llseek = text_llseek,
	.release = text_release,
};
static const struct file_ops polled_fops = {
	.read = text_read,
	.write = text_write,
	.llseek = text_llseek,
	.poll = text_poll,
	.release = text_release,
};

static u32 mode_dtype(u32 mode)
{
	return (mode & S_IFMT) >> 12;
}

static int dir_readdir(struct file *f, i64 *pos, pseudo_emit emit, void *arg)
{
	const struct pnode *d = f->inode->priv;
	i64 i = 0;

	if (d->entry->alive && !d->entry->alive(d))
		return -ENOENT;
	if (*pos == 0) {
		if (!emit(arg, ".", 1, f->inode->ino, 4, 1))
			return 0;
		*pos = 1;
	}
	if (*pos == 1) {
		u64 up = f->path.dentry ? f->path.dentry->parent->inode->ino : f->inode->ino;

		if (!emit(arg, "..", 2, up, 4, 2))
			return 0;
		*pos = 2;
	}
	for (const struct pseudo_entry *e = d->entry->children; e && e->name; e++, i++) {
		struct pnode child = *d;

		if (i + 2 < *pos)
			continue;
		child.entry = e;
		if (!emit(arg, e->name, strlen(e->name), node_ino(&child), mode_dtype(e->mode), i + 3))
			return 0;
		*pos = i + 3;
	}
	if (!d->entry->list)
		return 0;
	*pos = max(*pos, (i64)PSEUDO_DYNAMIC);
	return d->entry->list(d, pos, emit, arg);
}

static const struct file_ops dir_fops = {
	.readdir = dir_readdir,
};

static void pseudo_evict(struct inode *inode)
{
	kfree(inode->priv);
}

static int pseudo_statfs(struct super *sb, struct kstatfs *st)
{
	st->type = (u64)sb->priv;
	st->bsize = PAGE_SIZE;
	st->namelen = NAME_MAX;
	return 0;
}

static const struct super_ops pseudo_super_ops = {
	.evict = pseudo_evict,
	.statfs = pseudo_statfs,
};

struct super *pseudo_create(const char *fstype, u64 magic, const struct pseudo_entry *root)
{
	struct super *sb = kzalloc(sizeof(*sb));
	struct pnode n = {.entry = root};

	if (!sb)
		return NULL;
	sb->ops = &pseudo_super_ops;
	sb->fstype = sb->source = fstype;
	sb->priv = (void *)magic;
	sb->flags = SB_NOCACHE;
	mutex_init(&sb->rename_lock, RANK_RENAME);
	sb->root = node_inode(sb, &n);
	if (!sb->root) {
		kfree(sb);
		return NULL;
	}
	sb->root->ino = 1;
	return sb;
}
