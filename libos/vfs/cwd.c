/* Working directory and root of a process: chdir(2), chroot(2), getcwd(2).  fs_context->lock protects both. */
#include "libos/kernel/syscall.h"
#include "libos/vfs/dcache.h"
#include "libos/vfs/namei.h"
#include <linux/capability.h>

static long set_path(struct path *field, struct path *to)
{
	struct fs_context *fs = current->process->fs;
	struct path old;

	mutex_lock(&fs->lock);
	old = *field;
	*field = *to;
	mutex_unlock(&fs->lock);
	path_put(&old);
	return 0;
}

SYSCALL(chdir, const char *path)
{
	struct path p;
	long err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = inode_permission(p.dentry->inode, 1);
	if (err) {
		path_put(&p);
		return err;
	}
	return set_path(&current->process->fs->cwd, &p);
}

SYSCALL(fchdir, int fd)
{
	struct file *f = fd_get_any(fd);
	struct path p;
	long err;

	if (!f)
		return -EBADF;
	err = !f->inode || !S_ISDIR(f->inode->mode) ? -ENOTDIR : inode_permission(f->inode, 1);
	if (!err) {
		p = f->path;
		path_get(&p);
		set_path(&current->process->fs->cwd, &p);
	}
	file_put(f);
	return err;
}

SYSCALL(chroot, const char *path)
{
	struct path p;
	long err = path_lookup_user(AT_FDCWD, path, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &p);

	if (err)
		return err;
	err = inode_permission(p.dentry->inode, 1);
	if (!err && !capable(CAP_SYS_CHROOT))
		err = -EPERM;
	if (err) {
		path_put(&p);
		return err;
	}
	return set_path(&current->process->fs->root, &p);
}

SYSCALL(getcwd, char *ubuf, unsigned long size)
{
	struct fs_context *fs = current->process->fs;
	char *buf = kmalloc(PATH_MAX), *s;
	struct path cwd, root;
	bool outside;
	long n;

	if (!buf)
		return -ENOMEM;
	mutex_lock(&fs->lock);
	cwd = fs->cwd;
	path_get(&cwd);
	root = fs->root;
	path_get(&root);
	mutex_unlock(&fs->lock);
	if (dentry_unhashed(cwd.dentry)) {
		n = -ENOENT;
	} else {
		s = dcache_path(&cwd, &root, buf, PATH_MAX, &outside);
		if (!IS_ERR(s) && outside)	/* getcwd(3): C libraries make ENOENT of it */
			s = s - buf < 13 ? ERR_PTR(-ENAMETOOLONG) : memcpy(s - 13, "(unreachable)", 13);
		n = IS_ERR(s) ? PTR_ERR(s) : (long)strlen(s) + 1;
		if (n > 0 && (unsigned long)n > size)
			n = -ERANGE;
		if (n > 0 && copy_to_user(ubuf, s, n))
			n = -EFAULT;
	}
	path_put(&root);
	path_put(&cwd);
	kfree(buf);
	return n;
}
