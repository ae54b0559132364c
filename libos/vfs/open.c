/* open(2), openat2(2), creat(2), mknod(2), truncate(2): files come into being and get their size. */
#include "libos/kernel/syscall.h"
#include "libos/landlock/landlock.h"
#include "libos/mm/mm.h"
#include "libos/signal/signal.h"
#include "libos/vfs/lease.h"
#include "libos/vfs/walk.h"
#include <linux/capability.h>
#include <linux/inotify.h>
#include <linux/openat2.h>

#define O_VALID (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_SYNC | 020000 | \
		 O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_PATH | O_TMPFILE)

/* --- finding and making what is opened --- */

static int open_flags_check(u32 flags, struct inode *inode, const struct path *p)
{
	u32 acc = flags & O_ACCMODE, mask = acc == O_RDONLY ? 4 : acc == O_WRONLY ? 2 : 6;
	int err;

	if (S_ISLNK(inode->mode))
		return -ELOOP;
	if (S_ISDIR(inode->mode) && (mask & 2 || flags & (O_CREAT | O_TRUNC)))
		return -EISDIR;
	if ((flags & O_DIRECTORY) && !S_ISDIR(inode->mode))
		return -ENOTDIR;
	if (S_ISREG(inode->mode) && (mask & 2 || flags & O_TRUNC)) {
		err = path_writable(p);
		if (err)
			return err;
	}
	if (flags & O_TRUNC)
		mask |= 2;
	err = inode_permission(inode, mask);
	if (err)
		return err;
	if ((inode->flags & INODE_APPEND) && (mask & 2) && (!(flags & O_APPEND) || (flags & O_TRUNC)))
		return -EPERM;
	if ((flags & O_NOATIME) && !inode_owner_or_capable(inode))
		return -EPERM;
	return 0;
}

/* The last component for O_CREAT: make it or take what is there.  *link: it is a link to be followed. */
static int open_create(struct walk *w, u32 flags, u32 mode, struct path *out, bool *created, struct inode **link)
{
	u32 n = component_length(w->rest);
	struct inode *dir = w->at.dentry->inode;
	struct dentry *d;
	int err = 0;

	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	if (w->rest[n] == '/')
		return -EISDIR;
	mutex_lock(&dir->lock);
	d = child_lookup_locked(w->at.dentry, w->rest, n);
	if (IS_ERR(d)) {
		mutex_unlock(&dir->lock);
		return PTR_ERR(d);
	}
	if (d->inode) {
		if (flags & O_EXCL)
			err = -EEXIST;
		else if (S_ISLNK(d->inode->mode)) {
			if (flags & O_NOFOLLOW) {
				err = -ELOOP;
			} else {
				*link = d->inode;
				inode_get(d->inode);
			}
		}
	} else {
		err = path_writable(&w->at);
		if (!err)
			err = landlock_may(&w->at, LANDLOCK_ACCESS_FS_MAKE_REG);
		if (!err)
			err = may_create(&w->at);
		if (!err)
			err = vfs_create(&w->at, d, S_IFREG | (mode & 07777), 0);
		*created = !err;
	}
	mutex_unlock(&dir->lock);
	if (err || *link) {
		dentry_put(d);
		return err;
	}
	out->mount = w->at.mount;
	out->dentry = d;
	if (!*created)
		path_enter_mounts(out);
	return 0;
}

static int resolve_create(struct walk *w, u32 flags, u32 mode, struct path *out, bool *created)
{
	for (;;) {
		struct inode *link = NULL;
		u32 n;
		int err = walk_components(w, true);

		if (err)
			return err;
		n = component_length(w->rest);
		if (n == 0 || is_dots(w->rest, n)) {
			/* A directory itself: walk on to it, and let the checks say EISDIR (or EEXIST). */
			if (flags & O_EXCL)
				return -EEXIST;
			err = walk_components(w, false);
			if (!err) {
				*out = w->at;
				path_get(out);
			}
			return err;
		}
		err = open_create(w, flags, mode, out, created, &link);
		if (err || !link)
			return err;
		w->rest += n;
		err = walk_may_follow(w, link);
		if (!err)
			err = walk_follow(w, link);
		inode_put(link);
		if (err)
			return err;
		if (!*skip_slashes(w->rest)) {
			/* A magic link led straight there. */
			*out = w->at;
			path_get(out);
			return 0;
		}
	}
}

static struct file *open_tmpfile(const struct path *dir, u32 flags, u32 mode)
{
	struct inode *d = dir->dentry->inode, *inode;
	struct dentry *dentry;
	struct path p;
	struct file *f;
	int err;

	if (!S_ISDIR(d->mode))
		return ERR_PTR(-ENOTDIR);
	err = path_writable(dir);
	if (!err)
		err = may_create(dir);
	if (!err)
		err = d->ops->tmpfile ? d->ops->tmpfile(d, S_IFREG | (mode & 07777), &inode) : -EOPNOTSUPP;
	if (err)
		return ERR_PTR(err);
	/* Its name for /proc/PID/fd, as Linux prints it. */
	dentry = dentry_alloc(dir->dentry, "#tmpfile", 8, inode);
	if (!dentry) {
		inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	if (!(flags & O_EXCL))
		__atomic_or_fetch(&inode->flags, INODE_LINKABLE, __ATOMIC_RELAXED);
	p = (struct path){dir->mount, dentry};
	err = landlock_may_open(&p, flags, false);
	f = err ? ERR_PTR(err) : file_open_path(&p, flags & ~(O_TMPFILE | O_CREAT | O_TRUNC));
	dentry_put(dentry);
	return f;
}

struct file *do_open(int dirfd, const char *name, u32 flags, u32 mode, u32 resolve)
{
	struct path p = {0};
	struct file *f;
	bool created = false;
	struct walk w;
	int err;

	if (!*name)
		return ERR_PTR(-ENOENT);
	if (!(flags & (O_ACCMODE | O_CREAT | O_TRUNC | O_PATH | O_DIRECTORY)))
		resolve |= LOOKUP_OPEN;
	resolve |= flags & O_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	if ((flags & O_CREAT) && !(flags & O_PATH)) {
		err = walk_begin(&w, dirfd, name, resolve);
		if (!err) {
			if (current && !(mode & ~07777u))
				mode &= ~current->process->fs->umask;
			err = resolve_create(&w, flags, mode, &p, &created);
		}
		walk_end(&w);
	} else {
		err = path_lookup(dirfd, name, resolve, &p);
	}
	if (!err && (flags & O_TMPFILE) == O_TMPFILE) {
		f = open_tmpfile(&p, flags, current ? mode & ~current->process->fs->umask : mode);
	} else {
		if (!err && (flags & O_PATH) && (flags & O_DIRECTORY) && !S_ISDIR(p.dentry->inode->mode))
			err = -ENOTDIR;
		if (!err && !created && !(flags & O_PATH))
			err = open_flags_check(flags, p.dentry->inode, &p);
		if (!err)
			err = landlock_may_open(&p, flags, false);
		f = err ? ERR_PTR(err) : file_open_path(&p, created ? flags & ~O_TRUNC : flags);
	}
	path_put(&p);
	return f;
}

struct file *file_open(int dirfd, const char *name, u32 flags, u32 mode)
{
	return do_open(dirfd, name, flags, mode, 0);
}

/* --- calls --- */

static long open_fd(int dirfd, const char *uname, u32 flags, u32 mode, u32 resolve)
{
	struct user_name u;
	struct file *f;
	int err;

	if ((flags & O_TMPFILE) == O_TMPFILE && (flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	err = user_name_get(&u, uname);
	if (err)
		return err;
	f = do_open(dirfd, u.name, flags | O_LARGEFILE, mode, resolve);
	user_name_put(&u);
	return fd_publish(f, flags & O_CLOEXEC);
}

SYSCALL(open, const char *path, int flags, u32 mode)
{
	return open_fd(AT_FDCWD, path, flags & O_VALID, mode & 07777, 0);
}

SYSCALL(openat, int dirfd, const char *path, int flags, u32 mode)
{
	return open_fd(dirfd, path, flags & O_VALID, mode & 07777, 0);
}

SYSCALL(creat, const char *path, u32 mode)
{
	return open_fd(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode & 07777, 0);
}

SYSCALL(openat2, int dirfd, const char *path, struct open_how *uhow, size_t size)
{
	static const struct {
		u64 resolve;
		u32 lookup;
	} map[] = {
		{RESOLVE_BENEATH, LOOKUP_BENEATH}, {RESOLVE_IN_ROOT, LOOKUP_IN_ROOT},
		{RESOLVE_NO_SYMLINKS, LOOKUP_NO_SYMLINKS}, {RESOLVE_NO_MAGICLINKS, LOOKUP_NO_MAGICLINKS},
		{RESOLVE_NO_XDEV, LOOKUP_NO_XDEV}, {RESOLVE_CACHED, 0},
	};
	struct open_how how = {0};
	u32 lookup = 0;
	u64 known = 0;

	if (size < sizeof(how))
		return -EINVAL;
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(&how, uhow, sizeof(how)))
		return -EFAULT;
	/* A larger structure is fine while what we do not know is zero (openat2(2), Extensibility). */
	for (size_t i = sizeof(how); i < size; i++) {
		u8 byte;

		if (get_user(byte, (u8 *)uhow + i))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	for (u32 i = 0; i < ARRAY_SIZE(map); i++) {
		known |= map[i].resolve;
		if (how.resolve & map[i].resolve)
			lookup |= map[i].lookup;
	}
	if ((how.flags & ~(u64)O_VALID) || (how.resolve & ~known) ||
	    (how.resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	if (how.flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) ? how.mode & ~07777ull : how.mode)
		return -EINVAL;
	if ((how.flags & O_PATH) && (how.flags & ~(u64)(O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)))
		return -EINVAL;
	if ((how.resolve & RESOLVE_CACHED) && (how.flags & (O_TRUNC | O_CREAT | O_TMPFILE)))
		return -EAGAIN;
	return open_fd(dirfd, path, how.flags, how.mode, lookup);
}

int vfs_create(const struct path *dir, struct dentry *d, u32 mode, u64 rdev)
{
	struct inode *parent = dir->dentry->inode, *inode;
	int err;

	if (!parent->ops->create)
		return -EPERM;
	/* A set-group-id directory hands its group on (inode(7)). */
	err = parent->ops->create(parent, d->name, d->name_len, mode, rdev, &inode);
	if (err)
		return err;
	dcache_instantiate(d, inode);
	fsnotify(inode, d, IN_CREATE, 0);
	return 0;
}

/* made: where it is then, referenced; may be null. */
static int make_node(struct parent *p, u32 mode, u64 dev, struct path *made)
{
	struct dentry *d;
	int err;

	mode &= ~current->process->fs->umask;
	mutex_lock(&p->dir.dentry->inode->lock);
	d = p->special ? ERR_PTR(-EEXIST) : child_lookup_locked(p->dir.dentry, p->name, p->len);
	if (IS_ERR(d)) {
		err = PTR_ERR(d);
	} else {
		err = d->inode ? -EEXIST : p->slash ? -ENOENT : path_writable(&p->dir);
		if (!err)
			err = landlock_may(&p->dir, landlock_make(mode));
		if (!err)
			err = may_create(&p->dir);
		if (!err)
			err = vfs_create(&p->dir, d, mode, dev);
		if (!err && made)
			*made = (struct path){p->dir.mount, dentry_get(d)};
		dentry_put(d);
	}
	mutex_unlock(&p->dir.dentry->inode->lock);
	parent_put(p);
	return err;
}

int vfs_make_socket(const char *name, u32 mode, struct path *made)
{
	struct parent p;
	int err = path_parent_kernel(AT_FDCWD, name, 0, &p);

	return err ? err : make_node(&p, mode, 0, made);
}

static long do_mknod(int dirfd, const char *upath, u32 mode, u64 dev)
{
	struct parent p;
	int err;

	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	case S_IFCHR:
	case S_IFBLK:
		if (!capable(CAP_MKNOD))
			return -EPERM;
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	err = path_parent(dirfd, upath, 0, &p);
	return err ? err : make_node(&p, mode, dev, NULL);
}

SYSCALL(mknod, const char *path, u32 mode, unsigned int dev)
{
	return do_mknod(AT_FDCWD, path, mode, dev);
}

SYSCALL(mknodat, int dirfd, const char *path, u32 mode, unsigned int dev)
{
	return do_mknod(dirfd, path, mode, dev);
}

/* Set-user-id and set-group-id bits go when others change the content (as Linux's file_remove_privs). */
int vfs_truncate(struct inode *inode, struct file *f, u64 size)
{
	struct iattr attr = {.valid = ATTR_SIZE | ATTR_MTIME | ATTR_CTIME, .size = size, .mtime = now_real()};
	bool shrink = size < inode->size;
	int err;

	if (!inode->ops->setattr || (inode->flags & INODE_APPEND))
		return -EPERM;
	attr.ctime = attr.mtime;
	if ((inode->mode & (S_ISUID | S_ISGID)) && !capable(CAP_FSETID)) {
		attr.valid |= ATTR_MODE;
		attr.mode = inode->mode & ~(S_ISUID | (inode->mode & 010 ? S_ISGID : 0));
	}
	if (shrink)
		mm_truncate_notify(inode, size);
	mutex_lock(&inode->lock);
	err = inode->ops->setattr(inode, &attr);
	mutex_unlock(&inode->lock);
	return err;
}

/* RLIMIT_FSIZE: a signal, and EFBIG (setrlimit(2)). */
static int size_allowed(i64 size)
{
	if (size < 0)
		return -EINVAL;
	if ((u64)size > rlimit_soft(RLIMIT_FSIZE)) {
		signal_send_thread(current, SIGXFSZ, NULL);
		return -EFBIG;
	}
	return 0;
}

SYSCALL(truncate, const char *path, long size)
{
	struct inode *inode;
	struct path p;
	long err;

	if (size < 0)
		return -EINVAL;
	err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	inode = p.dentry->inode;
	if (S_ISDIR(inode->mode))
		err = -EISDIR;
	else if (!S_ISREG(inode->mode))
		err = -EINVAL;
	if (!err)
		err = path_writable(&p);
	if (!err)
		err = inode_permission(inode, 2);
	if (!err && (u64)size > inode->size)
		err = size_allowed(size);
	if (!err) {
		/* Counted as if it were open, which is what a lease's holder finds who wants to keep something. */
		__atomic_fetch_add(&inode->writers, 1, __ATOMIC_SEQ_CST);
		if (unlikely(READ_ONCE(inode->leases)))
			err = lease_break(inode, true, 0);
		if (!err)
			err = vfs_truncate(inode, NULL, size);
		__atomic_fetch_sub(&inode->writers, 1, __ATOMIC_RELAXED);
	}
	if (!err)
		fsnotify(inode, p.dentry, IN_MODIFY, 0);
	path_put(&p);
	return err;
}

SYSCALL(ftruncate, int fd, long size)
{
	struct file *f;
	long err = 0;

	if (size < 0)
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	if (!f->inode || !S_ISREG(f->inode->mode) || !FMODE_CAN_WRITE(f))
		err = -EINVAL;
	if (!err && (u64)size > f->inode->size)
		err = size_allowed(size);
	if (!err)
		err = vfs_truncate(f->inode, f, size);
	if (!err && f->path.dentry)
		fsnotify(f->inode, f->path.dentry, IN_MODIFY, 0);
	file_put(f);
	return err;
}
