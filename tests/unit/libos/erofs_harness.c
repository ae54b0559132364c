/* See erofs_harness.h. */
#include "erofs_harness.h"

void *malloc(size_t n);
void *calloc(size_t n, size_t m);
void free(void *p);

#define DEPTH_MAX 40
#define INODES_MAX 20000
#define DATA_MAX (4u << 20)

const struct bz_abi *host;
const struct bz_start *boot;

void *kmalloc(size_t n)
{
	return malloc(n);
}

void *kzalloc(size_t n)
{
	return calloc(1, n);
}

void kfree(void *p)
{
	free(p);
}

void *pages_alloc_zero(unsigned int order)
{
	return calloc(1, PAGE_SIZE << order);
}

void pages_free(void *p, unsigned int order)
{
	(void)order;
	free(p);
}

size_t copy_fault_safe(void *dst, const void *src, size_t n)
{
	memcpy(dst, src, n);
	return 0;
}

void printk(u32 level, const char *fmt, ...)
{
	(void)level, (void)fmt;
}

void mutex_init(struct mutex *m, u8 rank)
{
	m->word = 0;
	m->rank = rank;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src), m = n < size ? n : size - 1;

	memcpy(dst, src, m);
	dst[m] = 0;
	return n;
}

struct inode *inode_alloc(struct super *sb, u32 mode)
{
	struct inode *inode = calloc(1, sizeof(*inode));

	if (inode) {
		inode->refs = 1;
		inode->sb = sb;
		inode->mode = mode;
	}
	return inode;
}

void inode_put(struct inode *inode)
{
	inode->sb->ops->evict(inode);
	free(inode);
}

size_t iov_copy_to(struct iov_iter *it, const void *src, size_t n)
{
	(void)it, (void)src;
	return n;
}

size_t iov_zero(struct iov_iter *it, size_t n)
{
	(void)it;
	return n;
}

struct walk {
	harness_fn fn;
	void *arg;
	long inodes;
	int depth, error;
	char path[4096];
	struct inode *dir;
};

static void visit(struct walk *w, struct inode *inode);

static bool on_entry(void *arg, const char *name, u32 len, u64 ino, u32 dtype, i64 next)
{
	struct walk *w = arg;
	struct inode *inode, *dir = w->dir;
	size_t at = strlen(w->path);
	int err;

	(void)ino, (void)dtype, (void)next;
	if ((len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.'))
		return true;
	if (at + len + 2 > sizeof(w->path) || w->inodes > INODES_MAX)
		return false;
	err = erofs_lookup(dir, name, len, &inode);
	if (err) {
		w->error = err;
		return true;
	}
	w->path[at] = '/';
	memcpy(w->path + at + 1, name, len);
	w->path[at + 1 + len] = 0;
	visit(w, inode);
	w->path[at] = 0;
	w->dir = dir;
	inode_put(inode);
	return true;
}

static void visit_dir(struct walk *w, struct inode *inode)
{
	struct dentry dentry = {.inode = inode};
	struct file f = {.inode = inode};
	i64 pos = 0;
	int err;

	dentry.parent = &dentry;
	f.path.dentry = &dentry;
	if (w->depth >= DEPTH_MAX)
		return;
	w->depth++;
	w->dir = inode;
	err = erofs_dir_fops.readdir(&f, &pos, on_entry, w);
	if (err)
		w->error = err;
	w->depth--;
}

static void visit(struct walk *w, struct inode *inode)
{
	size_t want = inode->size < DATA_MAX ? inode->size : DATA_MAX;
	char *data = malloc(want + 1), names[512], value[512];
	ssize_t n = 0;
	long len;

	w->inodes++;
	if (S_ISREG(inode->mode) || S_ISLNK(inode->mode)) {
		n = erofs_read_kernel(inode, data, want, 0);
		if (n < 0)
			w->error = n;
	}
	len = inode->ops->listxattr(inode, names, sizeof(names));
	for (long i = 0; i < len; i += strlen(names + i) + 1)
		inode->ops->getxattr(inode, names + i, value, sizeof(value));
	if (w->fn)
		w->fn(w->arg, w->path, inode, data, n > 0 ? n : 0);
	free(data);
	if (S_ISDIR(inode->mode))
		visit_dir(w, inode);
}

long harness_walk(struct super *super, harness_fn fn, void *arg)
{
	struct walk *w = calloc(1, sizeof(*w));
	long ret;

	w->fn = fn;
	w->arg = arg;
	visit(w, super->root);
	ret = w->error ? w->error : w->inodes;
	free(w);
	return ret;
}

void harness_unmount(struct super *super)
{
	inode_put(super->root);
	free(super->priv);
	free(super);
}
