/*
 * Mounting an EROFS image that is mapped in memory, and reading its inodes.  Owns struct erofs_sb and struct
 * erofs_inode.  The image never changes, so nothing here needs a lock.
 */
#include "libos/erofs/erofs.h"

#define EROFS_SUPER_MAGIC_V1 0xe0f5e1e2

int erofs_copy(const struct erofs_sb *sb, void *dst, u64 off, size_t n)
{
	if (off > sb->size || n > sb->size - off)
		return -EIO;
	return copy_fault_safe(dst, sb->base + off, n) ? -EIO : 0;
}

struct raw_inode {
	u64 size, mtime;
	u32 mode, nlink, uid, gid, u, format, icount, isize;
};

static int read_raw(const struct erofs_sb *sb, u64 off, struct raw_inode *r)
{
	union {
		u16 format;
		struct erofs_inode_compact c;
		struct erofs_inode_extended e;
	} d;

	if (erofs_copy(sb, &d.c, off, sizeof(d.c)))
		return -EIO;
	*r = (struct raw_inode){.format = d.format, .icount = d.c.xattr_icount, .mode = d.c.mode};
	if (!(d.format & 1)) {
		r->isize = sizeof(d.c);
		r->size = d.c.size;
		r->nlink = d.c.nlink;
		r->uid = d.c.uid;
		r->gid = d.c.gid;
		r->u = d.c.u;
		r->mtime = sb->build_time;
		return 0;
	}
	if (erofs_copy(sb, &d.e, off, sizeof(d.e)))
		return -EIO;
	r->isize = sizeof(d.e);
	r->size = d.e.size;
	r->nlink = d.e.nlink;
	r->uid = d.e.uid;
	r->gid = d.e.gid;
	r->u = d.e.u;
	r->mtime = d.e.mtime * NSEC_PER_SEC + d.e.mtime_nsec;
	return 0;
}

static void set_ops(struct inode *inode)
{
	switch (inode->mode & S_IFMT) {
	case S_IFDIR:
		inode->ops = &erofs_dir_inode_ops;
		inode->fops = &erofs_dir_fops;
		break;
	case S_IFLNK:
		inode->ops = &erofs_link_inode_ops;
		break;
	default:
		inode->ops = &erofs_file_inode_ops;
		inode->fops = &erofs_file_fops;
	}
}

static bool type_ok(u32 mode)
{
	u32 t = mode & S_IFMT;

	return t == S_IFREG || t == S_IFDIR || t == S_IFLNK || t == S_IFCHR || t == S_IFBLK || t == S_IFIFO ||
	       t == S_IFSOCK;
}

int erofs_inode_get(struct super *super, u64 nid, struct inode **out)
{
	struct erofs_sb *sb = erofs_sb(super);
	struct erofs_inode *n;
	struct raw_inode r;
	struct inode *inode;
	u64 off = sb->meta + (nid << EROFS_SLOT_BITS);

	if (nid > sb->size >> EROFS_SLOT_BITS || read_raw(sb, off, &r))
		return -EIO;
	n = kzalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->layout = r.format >> 1 & 7;
	n->start = r.u;
	n->xattr = off + r.isize;
	n->xattr_size = r.icount ? sizeof(struct erofs_xattr_header) + (r.icount - 1) * 4 : 0;
	n->body = n->xattr + n->xattr_size;
	/* A file cannot be longer than the image unless it has holes, and only chunk-based ones have. */
	if (!type_ok(r.mode) || (n->layout != EROFS_FLAT_PLAIN && n->layout != EROFS_FLAT_INLINE &&
				 n->layout != EROFS_CHUNK_BASED) ||
	    r.size > (1ull << 62) || (n->layout != EROFS_CHUNK_BASED && r.size > sb->size)) {
		kfree(n);
		return type_ok(r.mode) ? -EOPNOTSUPP : -EIO;
	}
	inode = inode_alloc(super, r.mode);
	if (!inode) {
		kfree(n);
		return -ENOMEM;
	}
	inode->priv = n;
	inode->ino = nid;
	inode->nlink = r.nlink;
	inode->uid = r.uid;
	inode->gid = r.gid;
	inode->size = r.size;
	inode->blocks = (r.size + 511) / 512;
	inode->atime = inode->mtime = inode->ctime = inode->btime = r.mtime;
	if (S_ISCHR(r.mode) || S_ISBLK(r.mode))
		inode->rdev = r.u;	/* on disk as stat(2) encodes it */
	set_ops(inode);
	*out = inode;
	return 0;
}

static void erofs_evict(struct inode *inode)
{
	if (erofs_node(inode)->tail)
		pages_free(erofs_node(inode)->tail, 0);
	kfree(inode->priv);
}

static int erofs_statfs(struct super *super, struct kstatfs *st)
{
	struct erofs_sb *sb = erofs_sb(super);

	st->type = EROFS_SUPER_MAGIC_V1;
	st->bsize = EROFS_BLOCK_SIZE;
	st->blocks = sb->size >> EROFS_BLOCK_BITS;
	st->files = sb->inos;
	st->namelen = NAME_MAX;
	return 0;
}

static const struct super_ops erofs_super_ops = {.evict = erofs_evict, .statfs = erofs_statfs};

static int check_super(const struct erofs_super *d, u64 size)
{
	if (d->magic != EROFS_MAGIC) {
		printk(BZ_LOG_WARN, "image: no EROFS superblock");
		return -EINVAL;
	}
	if (d->blkszbits != EROFS_BLOCK_BITS) {
		printk(BZ_LOG_WARN, "image: EROFS block size 2^%u is not 4096; build it with mkfs.erofs -b4096", d->blkszbits);
		return -EINVAL;
	}
	if (d->feature_incompat & ~EROFS_INCOMPAT_KNOWN) {
		printk(BZ_LOG_WARN, "image: EROFS features %#x are not supported (compressed, deduplicated or on several devices)",
		       d->feature_incompat & ~EROFS_INCOMPAT_KNOWN);
		return -EOPNOTSUPP;
	}
	if ((u64)d->meta_blkaddr << EROFS_BLOCK_BITS >= size || (u64)d->xattr_blkaddr << EROFS_BLOCK_BITS > size)
		return -EINVAL;
	return 0;
}

struct super *erofs_mount(u64 base, u64 size)
{
	struct super *super = kzalloc(sizeof(*super));
	struct erofs_sb *sb = kzalloc(sizeof(*sb));
	struct erofs_super d;
	int err = -ENOMEM;

	if (!super || !sb)
		goto fail;
	sb->base = (const u8 *)base;
	sb->size = size;
	err = erofs_copy(sb, &d, EROFS_SUPER_OFFSET, sizeof(d));
	if (!err)
		err = check_super(&d, size);
	if (err)
		goto fail;
	sb->meta = (u64)d.meta_blkaddr << EROFS_BLOCK_BITS;
	sb->xattrs = (u64)d.xattr_blkaddr << EROFS_BLOCK_BITS;
	sb->build_time = d.build_time * NSEC_PER_SEC + d.build_time_nsec;
	sb->inos = d.inos;
	super->ops = &erofs_super_ops;
	super->fstype = super->source = "erofs";
	super->flags = SB_RDONLY;
	super->priv = sb;
	mutex_init(&super->rename_lock, RANK_RENAME);
	err = erofs_inode_get(super, d.root_nid, &super->root);
	if (!err && !S_ISDIR(super->root->mode)) {
		inode_put(super->root);
		err = -EIO;
	}
	if (!err)
		return super;
fail:
	kfree(sb);
	kfree(super);
	return ERR_PTR(err);
}
