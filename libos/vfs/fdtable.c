/*
 * Descriptor tables: descriptor -> open file description, in the arena, growing by doubling up to RLIMIT_NOFILE.
 * files->lock protects a table; a file that was found is referenced before the lock is dropped.
 */
#include "libos/vfs/fdtable.h"
#include "libos/kernel/syscall.h"
#include "libos/vfs/locks.h"
#include <linux/close_range.h>

#define FIRST_SIZE 64

struct files *files_create(void)
{
	struct files *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	fs->refs = 1;
	mutex_init(&fs->lock, RANK_PROCESS);
	return fs;
}

static int grow(struct files *fs, u32 need)
{
	u32 size = fs->size ? fs->size : FIRST_SIZE;
	struct file **file;
	u8 *cloexec;

	while (size <= need)
		size *= 2;
	if (size == fs->size)
		return 0;
	file = kzalloc(size * sizeof(*file));
	cloexec = kzalloc(size);
	if (!file || !cloexec) {
		kfree(file);
		kfree(cloexec);
		return -ENOMEM;
	}
	memcpy(file, fs->file, fs->size * sizeof(*file));
	memcpy(cloexec, fs->cloexec, fs->size);
	kfree(fs->file);
	kfree(fs->cloexec);
	fs->file = file;
	fs->cloexec = cloexec;
	fs->size = size;
	return 0;
}

struct files *files_copy(struct files *old)
{
	struct files *fs = files_create();
	u32 count;
	int err = 0;

	if (!fs)
		return NULL;
	mutex_lock(&old->lock);
	/* As far as descriptors are open: a table that was once large is no burden to every child. */
	count = old->size;
	while (count && !old->file[count - 1])
		count--;
	if (count)
		err = grow(fs, count - 1);
	for (u32 i = 0; !err && i < count; i++) {
		fs->file[i] = old->file[i];
		fs->cloexec[i] = old->cloexec[i];
		if (fs->file[i])
			file_get(fs->file[i]);
	}
	fs->first_free = old->first_free;
	fs->open = old->open;
	mutex_unlock(&old->lock);
	if (err) {
		files_put(fs);
		return NULL;
	}
	return fs;
}

static struct file *take_locked(struct files *fs, u32 fd)
{
	struct file *f = fd < fs->size ? fs->file[fd] : NULL;

	if (f) {
		fs->file[fd] = NULL;
		fs->cloexec[fd] = 0;
		fs->open--;
		fs->first_free = min(fs->first_free, fd);
	}
	return f;
}

static int close_file(struct file *f)
{
	int err = f->ops->flush && !(f->flags & O_PATH) ? f->ops->flush(f) : 0;

	if (f->inode && !(f->flags & O_PATH))
		locks_close(f);
	file_put(f);
	return err;
}

void files_get(struct files *fs)
{
	ref_get(&fs->refs);
}

void files_put(struct files *fs)
{
	if (!ref_put(&fs->refs))
		return;
	for (u32 i = 0; i < fs->size; i++)
		if (fs->file[i])
			close_file(fs->file[i]);
	kfree(fs->file);
	kfree(fs->cloexec);
	kfree(fs);
}

void files_close_on_exec(struct files *fs)
{
	for (u32 i = 0; i < fs->size; i++) {
		struct file *f = NULL;

		mutex_lock(&fs->lock);
		if (fs->cloexec[i])
			f = take_locked(fs, i);
		mutex_unlock(&fs->lock);
		if (f)
			close_file(f);
	}
}

int files_next(struct files *fs, int fd, struct file **f)
{
	int found = -1;

	*f = NULL;
	mutex_lock(&fs->lock);
	for (u32 i = max(fd, 0); i < fs->size; i++)
		if (fs->file[i]) {
			*f = fs->file[i];
			file_get(*f);
			found = i;
			break;
		}
	mutex_unlock(&fs->lock);
	return found;
}

u64 fd_limit(void)
{
	return min(rlimit_soft(RLIMIT_NOFILE), (u64)1 << 20);
}

struct file *fd_get_any(int fd)
{
	struct files *fs = current->process->files;
	struct file *f;

	mutex_lock(&fs->lock);
	f = (u32)fd < fs->size ? fs->file[fd] : NULL;
	if (f)
		file_get(f);
	mutex_unlock(&fs->lock);
	return f;
}

struct file *fd_get(int fd)
{
	struct file *f = fd_get_any(fd);

	if (f && (f->flags & O_PATH)) {
		file_put(f);
		return NULL;
	}
	return f;
}

/*
 * The table is written by threads of the processes that have it: one thread of one process is alone with it, and others
 * (/proc, pidfd_getfd) look into it under the lock and count what they take.
 */
struct fd_use fd_use_any(int fd)
{
	struct process *p = current->process;
	struct files *fs = p->files;

	if (likely(READ_ONCE(p->thread_count) == 1 && READ_ONCE(fs->refs) == 1))
		return (struct fd_use){(u32)fd < fs->size ? fs->file[fd] : NULL, false};
	struct file *f = fd_get_any(fd);

	return (struct fd_use){f, f};
}

struct fd_use fd_use(int fd)
{
	struct fd_use u = fd_use_any(fd);

	if (u.file && unlikely(u.file->flags & O_PATH)) {
		fd_unuse(u);
		return (struct fd_use){NULL, false};
	}
	return u;
}

int fd_alloc(struct file *f, u32 from, bool cloexec)
{
	struct files *fs = current->process->files;
	u64 limit = fd_limit();
	u32 fd;
	int err;

	mutex_lock(&fs->lock);
	fd = max(from, fs->first_free);
	while (fd < fs->size && fs->file[fd])
		fd++;
	err = fd >= limit ? -EMFILE : fd >= fs->size ? grow(fs, fd) : 0;
	if (!err) {
		fs->file[fd] = f;
		fs->cloexec[fd] = cloexec;
		fs->open++;
		if (from <= fs->first_free)
			fs->first_free = fd + 1;
	}
	mutex_unlock(&fs->lock);
	return err ? err : (int)fd;
}

int fd_publish(struct file *f, bool cloexec)
{
	int fd;

	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = fd_alloc(f, 0, cloexec);
	if (fd < 0)
		file_put(f);
	return fd;
}

int fd_install_at(int fd, struct file *f, bool cloexec)
{
	struct files *fs = current->process->files;
	struct file *old = NULL;
	int err;

	if (fd < 0 || (u64)fd >= fd_limit())
		return -EBADF;
	mutex_lock(&fs->lock);
	err = (u32)fd >= fs->size ? grow(fs, fd) : 0;
	if (!err) {
		old = take_locked(fs, fd);
		fs->file[fd] = f;
		fs->cloexec[fd] = cloexec;
		fs->open++;
	}
	mutex_unlock(&fs->lock);
	if (old)
		close_file(old);
	return err ? err : fd;
}

int fd_close(int fd)
{
	struct files *fs = current->process->files;
	struct file *f;

	mutex_lock(&fs->lock);
	f = fd < 0 ? NULL : take_locked(fs, fd);
	mutex_unlock(&fs->lock);
	return f ? close_file(f) : -EBADF;
}

bool fd_cloexec_get(int fd)
{
	struct files *fs = current->process->files;
	bool on;

	mutex_lock(&fs->lock);
	on = (u32)fd < fs->size && fs->cloexec[fd];
	mutex_unlock(&fs->lock);
	return on;
}

void fd_cloexec_set(int fd, bool on)
{
	struct files *fs = current->process->files;

	mutex_lock(&fs->lock);
	if ((u32)fd < fs->size && fs->file[fd])
		fs->cloexec[fd] = on;
	mutex_unlock(&fs->lock);
}

SYSCALL(close, int fd)
{
	int err = fd_close(fd);

	/* The descriptor is gone whatever happened, so a restart would close another's: EINTR as Linux says. */
	return err == -ERESTARTSYS ? -EINTR : err;
}

int files_unshare(void)
{
	struct process *p = current->process;
	struct files *old = p->files, *copy = files_copy(old);

	if (!copy)
		return -ENOMEM;
	p->files = copy;
	files_put(old);
	return 0;
}

SYSCALL(close_range, unsigned int first, unsigned int last, unsigned int flags)
{
	struct files *fs = current->process->files;

	int err;

	if (flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) || first > last)
		return -EINVAL;
	/* Threads of a process share one table here: it is taken from other processes alone. */
	if ((flags & CLOSE_RANGE_UNSHARE) && READ_ONCE(fs->refs) > 1) {
		err = files_unshare();
		if (err)
			return err;
		fs = current->process->files;
	}
	last = min(last, READ_ONCE(fs->size) ? fs->size - 1 : 0);
	for (u64 fd = first; fd <= last; fd++) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			fd_cloexec_set(fd, true);
		else
			fd_close(fd);
	}
	return 0;
}

SYSCALL(dup, int fd)
{
	struct file *f = fd_get_any(fd);
	int ret;

	if (!f)
		return -EBADF;
	ret = fd_alloc(f, 0, false);
	if (ret < 0)
		file_put(f);
	return ret;
}

static long dup_to(int oldfd, int newfd, bool cloexec)
{
	struct file *f;
	int ret;

	if (newfd < 0 || (u64)newfd >= fd_limit())
		return -EBADF;
	f = fd_get_any(oldfd);
	if (!f)
		return -EBADF;
	ret = fd_install_at(newfd, f, cloexec);
	if (ret < 0)
		file_put(f);
	return ret;
}

SYSCALL(dup2, int oldfd, int newfd)
{
	struct file *f;

	if (oldfd == newfd) {
		f = fd_get_any(oldfd);
		if (!f)
			return -EBADF;
		file_put(f);
		return newfd;
	}
	return dup_to(oldfd, newfd, false);
}

SYSCALL(dup3, int oldfd, int newfd, int flags)
{
	if ((flags & ~O_CLOEXEC) || oldfd == newfd)
		return -EINVAL;
	return dup_to(oldfd, newfd, flags & O_CLOEXEC);
}
