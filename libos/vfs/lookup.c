/*
 * From a name to a path: by the cache alone where that knows the name from end to end (dcache_walk), else by a walk
 * (namei.c).  Names of the guest's are copied first.
 */
#include "libos/vfs/namei.h"

/* The common case first: a name that the cache knows from end to end. */
static bool walk_cached(int dirfd, const char *name, u32 flags, struct path *out)
{
	struct process *p = current ? current->process : NULL;
	struct fs_context *fs = p ? p->fs : NULL;
	struct path at = {0};
	bool alone, found;

	if (!fs || !*name || (flags & ~(u32)(LOOKUP_FOLLOW | LOOKUP_EMPTY | LOOKUP_DIRECTORY | LOOKUP_OPEN)))
		return false;
	if (*name != '/' && dirfd != AT_FDCWD) {
		struct fd_use use = fd_use_any(dirfd);

		if (use.file)
			at = use.file->path;
		found = at.dentry && dcache_walk(&at, name, flags & LOOKUP_FOLLOW);
		fd_unuse(use);
	} else {
		alone = READ_ONCE(p->thread_count) == 1 && READ_ONCE(fs->refs) == 1;
		if (!alone)
			mutex_lock(&fs->lock);
		at = *name == '/' ? fs->root : fs->cwd;
		found = dcache_walk(&at, name, flags & LOOKUP_FOLLOW);
		if (!alone)
			mutex_unlock(&fs->lock);
	}
	if (found)
		*out = at;
	return found;
}

int path_lookup(int dirfd, const char *name, u32 flags, struct path *out)
{
	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (walk_cached(dirfd, name, flags, out)) {
		if (!(flags & LOOKUP_DIRECTORY) || S_ISDIR(out->dentry->inode->mode))
			return 0;
		path_put(out);
		return -ENOTDIR;
	}
	return path_walk(dirfd, name, flags, out);
}

char *user_path(const char *uname, int *err)
{
	char *buf = kmalloc(PATH_MAX);
	long n;

	if (!buf) {
		*err = -ENOMEM;
		return NULL;
	}
	n = strncpy_from_user(buf, uname, PATH_MAX);
	*err = n < 0 ? n : 0;
	if (*err) {
		kfree(buf);
		return NULL;
	}
	return buf;
}

int user_name_get(struct user_name *u, const char *uname)
{
	long n = strncpy_from_user(u->small, uname, sizeof(u->small));
	int err;

	u->name = u->small;
	if (likely(n >= 0))
		return 0;
	u->name = user_path(uname, &err);
	return u->name ? 0 : err;
}

void user_name_put(struct user_name *u)
{
	if (u->name != u->small)
		kfree(u->name);
}

int path_lookup_user(int dirfd, const char *uname, u32 flags, struct path *out)
{
	struct user_name u;
	int err = user_name_get(&u, uname);

	if (err)
		return err;
	err = path_lookup(dirfd, u.name, flags, out);
	user_name_put(&u);
	return err;
}
