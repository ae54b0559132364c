/*
 * F_NOTIFY: who has a directory open is told by a signal that something happens in it; by the same events as inotify.c, which calls
 * here.  Owns inode->dnotify; one lock for all, since they are rare: where there is none, nothing is taken.
 */
#include "libos/vfs/owner.h"
#include <linux/inotify.h>

struct dnotify {
	struct dnotify *next;
	struct file *file;	/* not referenced: dnotify_release comes before it goes */
	int fd;
	u32 mask;		/* IN_* bits, DN_MULTISHOT */
};

static struct mutex dnotify_lock = MUTEX_INIT(RANK_OBJECT);

#define DN_KNOWN (DN_ACCESS | DN_MODIFY | DN_CREATE | DN_DELETE | DN_RENAME | DN_ATTRIB | (u32)DN_MULTISHOT)

static u32 wanted(u32 dn)
{
	return (dn & DN_ACCESS ? IN_ACCESS : 0) | (dn & DN_MODIFY ? IN_MODIFY : 0) | (dn & DN_ATTRIB ? IN_ATTRIB : 0) |
	       (dn & DN_CREATE ? IN_CREATE | IN_MOVED_TO : 0) | (dn & DN_DELETE ? IN_DELETE | IN_MOVED_FROM : 0) |
	       (dn & DN_RENAME ? IN_RENAMED_HERE : 0) | (dn & (u32)DN_MULTISHOT);
}

static struct dnotify **find(struct file *f)
{
	struct dnotify **at = &f->inode->dnotify;

	while (*at && (*at)->file != f)
		at = &(*at)->next;
	return at;
}

static void drop(struct dnotify **at)
{
	struct dnotify *d = *at;

	WRITE_ONCE(*at, d->next);
	__atomic_sub_fetch(&fsnotify_watchers, 1, __ATOMIC_RELAXED);
	kfree(d);
}

/* The file system tells of what others do there, as for inotify. */
static int watch(struct inode *inode, bool on)
{
	return inode->ops->watch ? inode->ops->watch(inode, on) : 0;
}

long dnotify_set(struct file *f, int fd, u32 dn)
{
	struct dnotify *fresh, *d;
	int err;

	if (!f->inode || !S_ISDIR(f->inode->mode))
		return -ENOTDIR;
	if (!(dn & ~(u32)DN_MULTISHOT)) {
		dnotify_release(f);
		return 0;
	}
	if (dn & ~DN_KNOWN)
		return -EINVAL;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	err = watch(f->inode, true);
	if (err) {
		kfree(fresh);
		return err;
	}
	if (!f->owner.pid)
		owner_set(f, F_OWNER_PID, current->process->pid);
	*fresh = (struct dnotify){.file = f, .fd = fd, .mask = wanted(dn)};
	mutex_lock(&dnotify_lock);
	d = *find(f);
	if (d) {
		d->mask |= fresh->mask;
	} else {
		fresh->next = f->inode->dnotify;
		__atomic_add_fetch(&fsnotify_watchers, 1, __ATOMIC_RELAXED);
		WRITE_ONCE(f->inode->dnotify, fresh);
		fresh = NULL;
	}
	mutex_unlock(&dnotify_lock);
	if (fresh)
		watch(f->inode, false);
	kfree(fresh);
	return 0;
}

void dnotify_release(struct file *f)
{
	bool had;

	if (likely(!READ_ONCE(f->inode->dnotify)))
		return;
	mutex_lock(&dnotify_lock);
	had = *find(f);
	if (had)
		drop(find(f));
	mutex_unlock(&dnotify_lock);
	if (had)
		watch(f->inode, false);
}

/* What is told once is forgotten then; the host's watch on a volume stays until the description is closed. */
void dnotify_event(struct inode *dir, u32 mask)
{
	mutex_lock(&dnotify_lock);
	for (struct dnotify *d = dir->dnotify; d; d = d->next) {
		u32 once = d->mask & mask & (IN_ALL_EVENTS | IN_RENAMED_HERE);

		if (!once)
			continue;
		owner_signal(&d->file->owner, POLL_MSG_CODE, d->fd);
		if (!(d->mask & (u32)DN_MULTISHOT))
			d->mask &= ~once;
	}
	mutex_unlock(&dnotify_lock);
}
