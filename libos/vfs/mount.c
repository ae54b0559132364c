/*
 * The mount tree, built once from the start information: the image or an empty tree as root, the operator's volumes, and
 * /proc, /dev, /sys, /tmp.  Mounts never go away, so a struct mount needs no reference.  Also struct fs_context.
 */
#include "libos/kernel/dispatch.h"
#include "libos/rewrite/rewrite.h"
#include "libos/vfs/namei.h"
#include <linux/capability.h>

struct mount *root_mount;
struct list all_mounts = LIST_INIT(all_mounts);
bool mounts_failed;
static u32 next_id = 20;
static u32 next_dev = 40;	/* anonymous device numbers, 0:N as Linux gives them */

static const char *text_at(u32 offset)
{
	return (const char *)boot + offset;
}

static struct mount *mount_new(struct super *sb, u32 flags)
{
	struct mount *m = kzalloc(sizeof(*m));

	if (!m)
		panic("no memory for a mount");
	if (!sb->dev)
		sb->dev = next_dev++;
	m->sb = sb;
	m->flags = flags;
	m->id = next_id++;
	inode_get(sb->root);
	m->root = dentry_alloc(NULL, "/", 1, sb->root);
	if (!m->root)
		panic("no memory for a mount");
	list_add_tail(&m->node, &all_mounts);
	return m;
}

/* The mount point, made in the file system above if it is missing and can be made. */
static int make_point(const char *path, u32 mode, struct path *out)
{
	char *copy = kstrdup(path), *s;
	int err = -ENOMEM;

	if (!copy)
		return err;
	for (s = copy + 1;; s++) {
		char c = *s;
		struct parent p;

		if (c && c != '/')
			continue;
		*s = 0;
		err = path_lookup(AT_FDCWD, copy, LOOKUP_FOLLOW, out);
		if (err == -ENOENT) {
			err = path_parent_kernel(AT_FDCWD, copy, 0, &p);
			if (!err) {
				struct dentry *d;

				mutex_lock(&p.dir.dentry->inode->lock);
				d = child_lookup_locked(p.dir.dentry, p.name, p.len);
				err = IS_ERR(d) ? PTR_ERR(d) :
				      vfs_create(&p.dir, d, c ? S_IFDIR | 0755 : mode, 0);
				mutex_unlock(&p.dir.dentry->inode->lock);
				if (!err) {
					*out = (struct path){p.dir.mount, d};
				} else if (!IS_ERR(d)) {
					dentry_put(d);
				}
				parent_put(&p);
			}
		}
		if (err || !c)
			break;
		path_put(out);
		*s = c;
	}
	kfree(copy);
	return err;
}

struct mount *mount_at(struct super *sb, const char *guest_path, u32 flags)
{
	struct mount *m;
	struct path at;
	int err;

	if (!sb)
		return NULL;
	m = mount_new(sb, flags);
	if (!root_mount) {
		m->parent = m;
		m->at = m->root;
		return root_mount = m;
	}
	err = make_point(guest_path, S_ISDIR(sb->root->mode) ? S_IFDIR | 0755 : S_IFREG | 0644, &at);
	if (err) {
		printk(BZ_LOG_WARN, "%s: cannot be mounted: %s", guest_path,
		       err == -EROFS ? "the directory is missing, and what is above it is read-only" : errno_name(-err));
		list_del(&m->node);
		mounts_failed = true;
		return NULL;
	}
	m->parent = at.mount;
	m->at = at.dentry;
	at.dentry->mounted = m;	/* keeps the reference for good */
	return m;
}

static void mount_text(const struct bz_mount *b, const char *path)
{
	struct file *f = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	struct bz_iov iov = {(char *)boot + b->option, b->option2};
	struct iov_iter it;
	struct path at;
	i64 pos = 0;

	/* Its directory first: a text may be the first thing in /etc. */
	if (IS_ERR(f)) {
		if (make_point(path, S_IFREG | 0644, &at))
			return;
		path_put(&at);
		f = file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	}
	if (IS_ERR(f)) {
		printk(BZ_LOG_WARN, "%s: cannot be made: %s", path, errno_name(-PTR_ERR(f)));
		return;
	}
	iov_iter_init(&it, &iov, 1, true);
	f->ops->write(f, &it, &pos);
	file_put(f);
}

static void mount_symlink(const struct bz_mount *b, const char *path)
{
	struct inode *inode;
	struct parent p;
	struct path dir;
	char *up = kstrdup(path), *slash;

	if (!up)
		return;
	slash = strrchr(up, '/');
	if (slash && slash != up) {
		*slash = 0;
		if (!make_point(up, S_IFDIR | 0755, &dir))
			path_put(&dir);
	}
	kfree(up);
	if (path_parent_kernel(AT_FDCWD, path, 0, &p))
		return;
	if (p.dir.dentry->inode->ops->symlink &&
	    !p.dir.dentry->inode->ops->symlink(p.dir.dentry->inode, p.name, p.len, text_at(b->option), &inode))
		inode_put(inode);
	parent_put(&p);
}

/* A volume as a file system: alone, or under an overlay in the arena. */
static struct super *volume_super(const struct bz_mount *b)
{
	struct super *sb = hostfs_create(b->root, b->flags, b->is_file, &b->attr), *upper;

	if (IS_ERR(sb) || !(b->flags & BZ_MOUNT_OVERLAY) || !S_ISDIR(sb->root->mode))
		return sb;
	upper = tmpfs_create(0, sb->root->mode & 07777);
	return upper ? overlay_create(sb, upper) : ERR_PTR(-ENOMEM);
}

static void mount_volume(const struct bz_mount *b, const char *path)
{
	struct super *sb = volume_super(b);
	u32 flags = MNT_NOSUID | MNT_NODEV;

	if ((b->flags & BZ_MOUNT_READONLY) && !(b->flags & BZ_MOUNT_OVERLAY))
		flags |= MNT_RDONLY;
	if (IS_ERR(sb)) {
		printk(BZ_LOG_WARN, "%s: cannot be mounted: %s", path, errno_name(-PTR_ERR(sb)));
		mounts_failed = true;
		return;
	}
	mount_at(sb, path, flags);
}

static void mount_tmpfs(const struct bz_mount *b, const char *path)
{
	u32 flags = MNT_NOSUID | MNT_NODEV;

	if (b->flags & BZ_MOUNT_READONLY)
		flags |= MNT_RDONLY;
	if (b->flags & BZ_MOUNT_NOEXEC)
		flags |= MNT_NOEXEC;
	mount_at(tmpfs_create(b->option, b->option2 ? b->option2 & 07777 : 01777), path, flags);
}

static struct super *upper_volume(const struct bz_mount *mounts)
{
	for (u32 i = 0; i < boot->mount_count; i++)
		if (mounts[i].flags & BZ_MOUNT_UPPER)
			return hostfs_create(mounts[i].root, mounts[i].flags, false, &mounts[i].attr);
	return NULL;
}

static bool is_root(const struct bz_mount *b)
{
	return !strcmp(text_at(b->guest_path), "/") && !(b->flags & (BZ_MOUNT_UPPER | BZ_MOUNT_TMPFS));
}

/* The root: a directory of the host (--rootfs), the image under an overlay, or an empty tree. */
static struct super *make_root(const struct bz_mount *mounts)
{
	struct super *lower, *upper = upper_volume(mounts);
	int err;

	if (upper && IS_ERR(upper))
		panic("the overlay's upper directory cannot be used: %s", errno_name(-PTR_ERR(upper)));
	for (u32 i = 0; i < boot->mount_count; i++) {
		if (!is_root(&mounts[i]))
			continue;
		if (!upper || !(mounts[i].flags & BZ_MOUNT_OVERLAY))
			return volume_super(&mounts[i]);
		lower = hostfs_create(mounts[i].root, mounts[i].flags, false, &mounts[i].attr);
		return IS_ERR(lower) ? lower : overlay_create(lower, upper);
	}
	if (!boot->image_size) {
		rewrite_image_mounted(BZ_IMAGE_BASE, 0);
		denied_watch();
		return upper ? upper : tmpfs_create(0, 0755);
	}
	/* There is more behind the file system, at least a footer: its patched text, perhaps. */
	err = host->stream_map(BZ_STREAM_IMAGE, BZ_IMAGE_BASE, PAGE_ALIGN(boot->image_size) + PAGE_SIZE, BZ_PROT_READ, 0, 0);
	if (err)
		panic("the image cannot be mapped: %s", errno_name(-err));
	rewrite_image_mounted(BZ_IMAGE_BASE, boot->image_size);
	lower = erofs_mount(BZ_IMAGE_BASE, boot->image_size);
	if (IS_ERR(lower))
		panic("the image's file system cannot be read: %s", errno_name(-PTR_ERR(lower)));
	if (!upper)
		upper = tmpfs_create(0, lower->root->mode & 07777);
	if (!upper)
		panic("no memory for the overlay");
	return overlay_create(lower, upper);
}

/* Programs expect /tmp, whatever the image has forgotten. */
static void make_tmp(void)
{
	struct iattr sticky = {.valid = ATTR_MODE, .mode = S_IFDIR | 01777};
	struct path p;

	if (!path_lookup(AT_FDCWD, "/tmp", LOOKUP_FOLLOW, &p)) {
		path_put(&p);
		return;
	}
	if (make_point("/tmp", S_IFDIR | 0755, &p))
		return;
	mutex_lock(&p.dentry->inode->lock);
	p.dentry->inode->ops->setattr(p.dentry->inode, &sticky);
	mutex_unlock(&p.dentry->inode->lock);
	path_put(&p);
}

/* --- sockets of the host's: a name each, by which unix(7) finds which one it is --- */

#define HOST_SOCKETS 64
static const struct inode *host_sockets[HOST_SOCKETS]; /* referenced */

static void make_host_sockets(void)
{
	const struct bz_port *ports = (const void *)((const char *)boot + boot->ports);
	struct path p;

	for (u32 i = 0; i < min(boot->port_count, (u32)HOST_SOCKETS); i++) {
		if (ports[i].scheme != BZ_UNIX)
			continue;
		if (make_point(text_at(ports[i].guest), S_IFSOCK | 0777, &p) || !S_ISSOCK(p.dentry->inode->mode))
			printk(BZ_LOG_WARN, "%s: cannot be made: something is there, or its directory cannot be written",
			       text_at(ports[i].guest));
		else
			host_sockets[i] = p.dentry->inode;
	}
}

int host_socket_number(const struct inode *inode)
{
	for (int i = 0; i < HOST_SOCKETS; i++)
		if (host_sockets[i] == inode)
			return i;
	return -1;
}

static void mount_all(void)
{
	const struct bz_mount *mounts = (const void *)((const char *)boot + boot->mounts);
	struct super *root, *tmp;

	root = make_root(mounts);
	if (!root || IS_ERR(root))
		panic("no root file system");
	mount_at(root, "/", 0);
	mount_at(procfs_create(), "/proc", MNT_NOSUID | MNT_NODEV | MNT_NOEXEC);
	mount_at(sysfs_create(), "/sys", MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_RDONLY);
	mount_at(devfs_create(), "/dev", MNT_NOSUID | MNT_NOEXEC);
	mount_at(devpts_create(), "/dev/pts", MNT_NOSUID | MNT_NOEXEC);
	tmp = tmpfs_create(0, 01777);
	mount_at(tmp, "/dev/shm", MNT_NOSUID | MNT_NODEV);
	make_tmp();
	for (u32 i = 0; i < boot->mount_count; i++) {
		const struct bz_mount *b = &mounts[i];
		const char *path = text_at(b->guest_path);

		if ((b->flags & BZ_MOUNT_UPPER) || is_root(b))
			continue;
		if (b->flags & BZ_MOUNT_TEXT)
			mount_text(b, path);
		else if (b->flags & BZ_MOUNT_SYMLINK)
			mount_symlink(b, path);
		else if (b->flags & BZ_MOUNT_TMPFS)
			mount_tmpfs(b, path);
		else
			mount_volume(b, path);
	}
	make_host_sockets();
	if (boot->flags & BZ_START_ROOT_READONLY)
		root_mount->flags |= MNT_RDONLY;
}
INITCALL(INIT_FS, mount_all);

/* --- what a process sees of it --- */

struct fs_context *fs_context_create(void)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	fs->refs = 1;
	mutex_init(&fs->lock, RANK_PROCESS);
	fs->root = fs->cwd = (struct path){root_mount, root_mount->root};
	path_get(&fs->root);
	path_get(&fs->cwd);
	fs->umask = boot->umask & 0777;
	return fs;
}

struct fs_context *fs_context_copy(struct fs_context *old)
{
	struct fs_context *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	mutex_lock(&old->lock);
	*fs = *old;
	path_get(&fs->root);
	path_get(&fs->cwd);
	mutex_unlock(&old->lock);
	fs->refs = 1;
	mutex_init(&fs->lock, RANK_PROCESS);
	return fs;
}

void fs_context_put(struct fs_context *fs)
{
	if (!ref_put(&fs->refs))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	kfree(fs);
}

/* Mounts are the operator's: the guest's root is not the sandbox's (threat model), so this is EPERM even for uid 0. */
SYSCALL(mount, const char *source, const char *target, const char *type, unsigned long flags, const void *data)
{
	return -EPERM;
}

SYSCALL(umount2, const char *target, int flags)
{
	return -EPERM;
}

SYSCALL(pivot_root, const char *new_root, const char *put_old)
{
	return -EPERM;
}

SYSCALL(swapon, const char *path, int flags)
{
	return -EPERM;
}

SYSCALL(swapoff, const char *path)
{
	return -EPERM;
}
