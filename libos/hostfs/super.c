/* Volumes of the host as file systems: mounting, inodes, attributes. */
#include "libos/hostfs/hostfs.h"

#define FRESH_READONLY (NSEC_PER_SEC)
#define FRESH_WRITABLE (10 * 1000000ll)

struct bz_name hostfs_name(const struct inode *inode)
{
	struct hostfs_node *n = hostfs_node(inode);

	return (struct bz_name){.scheme = BZ_VOLUME, .root = hostfs_sb(inode)->root, .path = n->path, .path_len = n->path_len};
}

char *hostfs_child_path(const struct inode *dir, const char *name, u32 len, u32 *path_len)
{
	struct hostfs_node *n = hostfs_node(dir);
	u32 at = n->path_len ? n->path_len + 1 : 0;
	char *path;

	if (at + len > BZ_PATH_MAX)
		return NULL;
	path = kmalloc(at + len + 1);
	if (!path)
		return NULL;
	memcpy(path, n->path, n->path_len);
	if (at)
		path[at - 1] = '/';
	memcpy(path + at, name, len);
	path[at + len] = 0;
	*path_len = at + len;
	return path;
}

static u32 mode_of(const struct bz_attr *a)
{
	switch (a->kind) {
	case BZ_KIND_DIR:
		return S_IFDIR | a->mode;
	case BZ_KIND_LINK:
		return S_IFLNK | 0777;
	case BZ_KIND_FIFO:
		return S_IFIFO | a->mode;
	case BZ_KIND_SOCKET:
		return S_IFSOCK | a->mode;
	case BZ_KIND_CHAR:
		return S_IFCHR | a->mode;
	case BZ_KIND_BLOCK:
		return S_IFBLK | a->mode;
	default:
		return S_IFREG | a->mode;
	}
}

void hostfs_set_attr(struct inode *inode, const struct bz_attr *a)
{
	inode->mode = mode_of(a);
	inode->uid = a->uid;
	inode->gid = a->gid;
	inode->nlink = a->nlink;
	inode->size = a->size;
	inode->blocks = a->blocks;
	inode->atime = a->atime;
	inode->mtime = a->mtime;
	inode->ctime = a->ctime;
	inode->btime = a->btime;
	inode->ino = a->ino;
	hostfs_node(inode)->checked = now_mono();
}

struct inode *hostfs_inode(struct super *sb, char *path, u32 path_len, const struct bz_attr *attr)
{
	struct hostfs_node *n = kzalloc(sizeof(*n));
	struct inode *inode = n ? inode_alloc(sb, mode_of(attr)) : NULL;

	if (!inode) {
		kfree(n);
		kfree(path);
		return NULL;
	}
	n->path = path;
	n->path_len = path_len;
	n->stream = -1;
	inode->priv = n;
	hostfs_set_attr(inode, attr);
	switch (inode->mode & S_IFMT) {
	case S_IFDIR:
		inode->ops = &hostfs_dir_iops;
		inode->fops = &hostfs_dir_fops;
		break;
	case S_IFLNK:
		inode->ops = &hostfs_link_iops;
		break;
	case S_IFREG:
		inode->ops = &hostfs_file_iops;
		inode->fops = &hostfs_file_fops;
		break;
	default:
		/* Devices, FIFOs and sockets of the host are seen, and opened never (section 3.5 of the design). */
		inode->ops = &hostfs_file_iops;
	}
	return inode;
}

int hostfs_refresh(struct inode *inode, bool force)
{
	struct hostfs_node *n = hostfs_node(inode);
	struct bz_name name = hostfs_name(inode);
	struct bz_attr a;
	int err;

	if (n->unlinked || (!force && now_mono() - n->checked < hostfs_sb(inode)->fresh_ns))
		return 0;
	err = host->stream_getattr(-1, &name, BZ_ATTR_BASIC, &a);
	if (err)
		return err;
	if (((mode_of(&a) ^ inode->mode) & S_IFMT) || a.ino != inode->ino)
		return -ENOENT;
	hostfs_set_attr(inode, &a);
	return 0;
}

static void hostfs_evict(struct inode *inode)
{
	struct hostfs_node *n = hostfs_node(inode);

	if (n->stream >= 0) {
		host->stream_close(n->stream);
		__atomic_sub_fetch(&hostfs_sb(inode)->open_streams, 1, __ATOMIC_RELAXED);
	}
	if (S_ISDIR(inode->mode))
		hostfs_dir_changed(inode);
	kfree(n->path);
	kfree(n);
}

static int hostfs_statfs(struct super *sb, struct kstatfs *st)
{
	struct bz_name name = hostfs_name(sb->root);
	struct bz_attr a = {0};
	int err = host->stream_getattr(-1, &name, BZ_ATTR_BASIC | BZ_ATTR_FS, &a);

	if (err)
		return err;
	st->type = 0xef53;
	st->bsize = PAGE_SIZE;
	st->blocks = a.fs_blocks;
	st->bfree = st->bavail = a.fs_free;
	st->files = a.fs_files;
	st->ffree = a.fs_files_free;
	st->namelen = NAME_MAX;
	return 0;
}

static const struct super_ops hostfs_super_ops = {.evict = hostfs_evict, .statfs = hostfs_statfs};

struct super *hostfs_create(u32 root, u32 flags, bool is_file)
{
	struct bz_name name = {.scheme = BZ_VOLUME, .root = root, .path = ""};
	struct super *sb = kzalloc(sizeof(*sb));
	struct hostfs_sb *h = kzalloc(sizeof(*h));
	struct bz_attr a;
	int err = -ENOMEM;

	if (!sb || !h)
		goto fail;
	err = host->stream_getattr(-1, &name, BZ_ATTR_BASIC, &a);
	if (err)
		goto fail;
	h->root = root;
	h->flags = flags;
	h->fresh_ns = flags & BZ_MOUNT_IMMUTABLE ? INT64_MAX / 2 : flags & BZ_MOUNT_READONLY ? FRESH_READONLY : FRESH_WRITABLE;
	sb->ops = &hostfs_super_ops;
	sb->fstype = "hostfs";
	sb->source = "volume";
	sb->flags = flags & BZ_MOUNT_READONLY ? SB_RDONLY : 0;
	sb->priv = h;
	mutex_init(&sb->rename_lock, RANK_RENAME);
	sb->root = hostfs_inode(sb, kstrdup(""), 0, &a);
	if (!sb->root) {
		err = -ENOMEM;
		goto fail;
	}
	return sb;
fail:
	kfree(h);
	kfree(sb);
	return ERR_PTR(err);
}
