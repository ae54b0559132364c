/*
 * Name resolution, path_resolution(7): components, links, mounts, `..`, the restrictions of openat2(2).  A walk keeps the
 * rest of the name in a heap buffer that a symbolic link's text is put in front of; dentries on the way are referenced
 * one at a time.
 */
#include "libos/vfs/fileattr.h"
#include "libos/vfs/walk.h"
#include <linux/capability.h>

#define LINKS_MAX 40

void path_get(struct path *p)
{
	if (p->dentry)
		dentry_get(p->dentry);
}

void path_put(struct path *p)
{
	dentry_put(p->dentry);
	p->dentry = NULL;
}

static void path_set(struct path *p, struct mount *m, struct dentry *d)
{
	dentry_put(p->dentry);
	p->mount = m;
	p->dentry = d;
}

static bool same_path(const struct path *a, const struct path *b)
{
	return a->dentry == b->dentry && a->mount == b->mount;
}

struct dentry *child_lookup_locked(struct dentry *dir, const char *name, u32 len)
{
	struct inode *inode = NULL;
	struct dentry *d;
	int err;

	if (len > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	d = dcache_find(dir, name, len);
	if (d) {
		if (!dir->inode->ops->revalidate || dir->inode->ops->revalidate(d))
			return d;
		dcache_unhash(d);
		dentry_put(d);
	}
	if (!dir->inode->ops->lookup)
		return ERR_PTR(-ENOTDIR);
	err = dir->inode->ops->lookup(dir->inode, name, len, &inode);
	if (err && err != -ENOENT)
		return ERR_PTR(err);
	d = dentry_alloc(dir, name, len, err ? NULL : inode);
	if (!d) {
		if (!err)
			inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	d->stamp = dir->inode->dir_version;
	if (!err || !(dir->sb->flags & SB_NOCACHE))
		dcache_insert(d);
	return d;
}

struct dentry *child_lookup(struct dentry *dir, const char *name, u32 len)
{
	struct dentry *d = dcache_find(dir, name, len);

	if (d && (!dir->inode->ops->revalidate || dir->inode->ops->revalidate(d)))
		return d;
	if (d)
		dentry_put(d);
	mutex_lock(&dir->inode->lock);
	d = child_lookup_locked(dir, name, len);
	mutex_unlock(&dir->inode->lock);
	return d;
}

void path_enter_mounts(struct path *p)
{
	while (p->dentry->mounted) {
		struct mount *m = p->dentry->mounted;

		path_set(p, m, dentry_get(m->root));
	}
}

static int go_up(struct walk *w)
{
	while (!same_path(&w->at, &w->root)) {
		if (w->at.dentry == w->at.mount->root) {
			if (!w->at.mount->parent || w->at.mount->parent == w->at.mount)
				break;
			if (w->flags & LOOKUP_NO_XDEV)
				return -EXDEV;
			path_set(&w->at, w->at.mount->parent, dentry_get(w->at.mount->at));
			continue;
		}
		path_set(&w->at, w->at.mount, dentry_get(w->at.dentry->parent));
		path_enter_mounts(&w->at);
		return 0;
	}
	return w->flags & LOOKUP_BENEATH ? -EXDEV : 0;
}

/* Put a link's text in front of what is left of the name. */
static int push_link(struct walk *w, struct inode *link)
{
	size_t rest = strlen(w->rest);
	char *text;
	long n;

	if (!link->ops->readlink)
		return -EINVAL;
	text = kmalloc(PATH_MAX + rest + 2);
	if (!text)
		return -ENOMEM;
	n = link->ops->readlink(link, text, PATH_MAX);
	if (n <= 0) {
		kfree(text);
		return n ? n : -ENOENT;
	}
	if (n >= PATH_MAX) {
		kfree(text);
		return -ENAMETOOLONG;
	}
	memcpy(text + n, w->rest, rest + 1);
	kfree(w->buf);
	w->buf = text;
	w->rest = text;
	if (*text == '/') {
		if (w->flags & LOOKUP_BENEATH)
			return -EXDEV;
		path_set(&w->at, w->root.mount, dentry_get(w->root.dentry));
	}
	return 0;
}

int walk_may_follow(const struct walk *w, const struct inode *link)
{
	const struct inode *dir = w->at.dentry->inode;

	if ((dir->mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH) || link->uid == dir->uid || !current)
		return 0;
	return current_cred()->fsuid == link->uid ? 0 : -EACCES;
}

int walk_follow(struct walk *w, struct inode *link)
{
	struct path to;
	int err;

	if (w->flags & LOOKUP_NO_SYMLINKS || ++w->links > LINKS_MAX)
		return -ELOOP;
	inode_touch_atime(link);
	if (link->ops->follow) {
		err = link->ops->follow(link, &to);
		if (err != -ENOSYS) {
			if (!err && (w->flags & (LOOKUP_NO_MAGICLINKS | LOOKUP_BENEATH | LOOKUP_IN_ROOT))) {
				path_put(&to);
				return w->flags & LOOKUP_NO_MAGICLINKS ? -ELOOP : -EXDEV;
			}
			if (!err)
				path_set(&w->at, to.mount, to.dentry);
			return err;
		}
	}
	return push_link(w, link);
}

static int check_directory(struct walk *w)
{
	struct inode *inode = w->at.dentry->inode;

	if (!inode)
		return -ENOENT;
	if (!S_ISDIR(inode->mode))
		return -ENOTDIR;
	return inode_permission(inode, 1);
}

/* A file system behind the monitor answers "what is it" and "open it" in one request, if it knows that both will come. */
static struct dentry *child_lookup_for(struct walk *w, const char *name, u32 n, bool last)
{
	struct thread *t = current;
	struct dentry *d;

	if (!last || !(w->flags & LOOKUP_OPEN) || !t)
		return child_lookup(w->at.dentry, name, n);
	t->lookup_open = true;
	d = child_lookup(w->at.dentry, name, n);
	t->lookup_open = false;
	return d;
}

/* One component, which is not the last that the caller keeps for itself.  `last`: nothing follows it. */
static int step(struct walk *w, const char *name, u32 n, bool last, bool slash)
{
	struct dentry *d;
	bool link;
	int err;

	if (n == 1 && name[0] == '.')
		return 0;
	if (is_dots(name, n))
		return go_up(w);
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	d = child_lookup_for(w, name, n, last && !slash);
	if (IS_ERR(d))
		return PTR_ERR(d);
	/* Who makes the file writes it down last. */
	if (!__atomic_load_n(&d->inode, __ATOMIC_ACQUIRE)) {
		dentry_put(d);
		return -ENOENT;
	}
	link = S_ISLNK(d->inode->mode) && (!last || slash || (w->flags & LOOKUP_FOLLOW));
	if (link) {
		err = last ? walk_may_follow(w, d->inode) : 0;
		if (!err)
			err = walk_follow(w, d->inode);
		dentry_put(d);
		return err;
	}
	if (d->mounted && (w->flags & LOOKUP_NO_XDEV)) {
		dentry_put(d);
		return -EXDEV;
	}
	path_set(&w->at, w->at.mount, d);
	path_enter_mounts(&w->at);
	return 0;
}

int walk_components(struct walk *w, bool parent)
{
	for (;;) {
		const char *name = skip_slashes(w->rest), *after;
		bool last, slash;
		u32 n;
		int err;

		if (!*name) {
			w->rest = name;
			return 0;
		}
		n = component_length(name);
		after = skip_slashes(name + n);
		last = !*after;
		slash = last && name[n] == '/';
		err = check_directory(w);
		if (err)
			return err;
		if (last && parent) {
			w->rest = name;
			return 0;
		}
		w->rest = name + n;
		err = step(w, name, n, last, slash);
		if (unlikely(err == -ENOENT))
			denied_note(&w->at, name);
		if (err)
			return err;
		/* A trailing slash asks for a directory. */
		if (slash && !*skip_slashes(w->rest) && !S_ISDIR(w->at.dentry->inode->mode))
			return -ENOTDIR;
	}
}

int walk_begin(struct walk *w, int dirfd, const char *name, u32 flags)
{
	struct fs_context *fs = current ? current->process->fs : NULL;
	struct file *f;

	*w = (struct walk){.flags = flags, .rest = name};
	if (!fs) {
		w->root = w->at = (struct path){root_mount, root_mount->root};
		path_get(&w->at);
		path_get(&w->root);
		return 0;
	}
	mutex_lock(&fs->lock);
	w->root = fs->root;
	path_get(&w->root);
	w->at = *name == '/' && !(flags & LOOKUP_IN_ROOT) ? fs->root : fs->cwd;
	path_get(&w->at);
	mutex_unlock(&fs->lock);
	if (*name == '/' && (flags & LOOKUP_BENEATH))
		return -EXDEV;
	if (dirfd == AT_FDCWD && !(flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)))
		return 0;
	if (*name != '/' || (flags & LOOKUP_IN_ROOT)) {
		struct path start = w->at;

		if (dirfd != AT_FDCWD) {
			f = fd_get_any(dirfd);
			if (!f)
				return -EBADF;
			if (!f->path.dentry || (*name && !S_ISDIR(f->inode->mode))) {
				file_put(f);
				return -ENOTDIR;
			}
			start = f->path;
			path_get(&start);
			file_put(f);
		} else {
			path_get(&start);
		}
		if (flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT)) {
			path_get(&start);
			path_set(&w->root, start.mount, start.dentry);
		}
		path_set(&w->at, start.mount, start.dentry);
	}
	return 0;
}

void walk_end(struct walk *w)
{
	path_put(&w->root);
	dentry_put(w->at.dentry);
	kfree(w->buf);
}

int path_walk(int dirfd, const char *name, u32 flags, struct path *out)
{
	struct walk w;
	int err = walk_begin(&w, dirfd, name, flags);

	if (!err)
		err = walk_components(&w, false);
	if (!err && (flags & LOOKUP_DIRECTORY) && !S_ISDIR(w.at.dentry->inode->mode))
		err = -ENOTDIR;
	if (!err) {
		*out = w.at;
		path_get(out);
	}
	walk_end(&w);
	return err;
}

static void parent_fill(struct walk *w, struct parent *out)
{
	u32 n = component_length(w->rest);

	/* A name that is too long keeps its length, so that looking it up says so, in its turn. */
	out->len = n;
	n = min(n, (u32)NAME_MAX);
	memcpy(out->name, w->rest, n);
	out->name[n] = 0;
	n = out->len;
	out->slash = w->rest[n] == '/';
	out->special = n == 0 || is_dots(w->rest, n);
	out->dir = w->at;
	path_get(&out->dir);
}

int path_parent_kernel(int dirfd, const char *name, u32 flags, struct parent *out)
{
	struct walk w;
	int err;

	if (!*name)
		return -ENOENT;
	err = walk_begin(&w, dirfd, name, flags | LOOKUP_FOLLOW);
	if (!err)
		err = walk_components(&w, true);
	if (!err)
		parent_fill(&w, out);
	walk_end(&w);
	return err;
}

int path_parent(int dirfd, const char *uname, u32 flags, struct parent *out)
{
	int err;
	char *name = user_path(uname, &err);

	if (!name)
		return err;
	err = path_parent_kernel(dirfd, name, flags, out);
	kfree(name);
	return err;
}

void parent_put(struct parent *p)
{
	path_put(&p->dir);
}

int path_writable(const struct path *p)
{
	return (p->mount && (p->mount->flags & MNT_RDONLY)) || (p->dentry->sb->flags & SB_RDONLY) ? -EROFS : 0;
}

int may_create(const struct path *dir)
{
	if (dentry_unhashed(dir->dentry))
		return -ENOENT;
	return inode_permission(dir->dentry->inode, 3);
}

int may_delete(const struct path *dir, struct inode *victim, bool is_dir)
{
	struct inode *d = dir->dentry->inode;
	int err = inode_permission(d, 3);

	if (err)
		return err;
	if ((d->flags & INODE_APPEND) || inode_is_fixed(victim))
		return -EPERM;
	if ((d->mode & S_ISVTX) && current && current->process->cred.fsuid != d->uid &&
	    current->process->cred.fsuid != victim->uid && !capable(CAP_FOWNER))
		return -EPERM;
	if (is_dir && !S_ISDIR(victim->mode))
		return -ENOTDIR;
	if (!is_dir && S_ISDIR(victim->mode))
		return -EISDIR;
	return 0;
}
