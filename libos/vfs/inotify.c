/*
 * inotify(7): instances, watches and their event queues.  One lock, inotify_lock, protects all watches and queues: events
 * are rare where nobody watches (inode->marks is null then, and nothing is taken).
 *
 *   instance --- watches ---> mark <--- marks --- inode
 *       '------- events ----> event -> event -> ...
 *
 * A mark holds a reference to its inode; it goes with inotify_rm_watch, with the instance, or when the inode's last
 * name went (IN_DELETE_SELF, then IN_IGNORED).  Where a file system hears of changes that others make (INODE_TOLD), it hears
 * of those by guests too, and what guests did is told by its word alone.
 */
#include "libos/kernel/sysctl.h"
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/vfs/dcache.h"
#include "libos/vfs/owner.h"
#include <asm/ioctls.h>
#include <linux/inotify.h>

#define QUEUE_MAX 16384
#define INSTANCES_MAX 128

i64 inotify_max_user_instances = INSTANCES_MAX;
#define WATCHES_MAX 65536
#define PARENT_ONLY (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)
#define OPEN_EVENTS (IN_ACCESS | IN_MODIFY | IN_OPEN | IN_CLOSE) /* of files that may have lost their name: IN_EXCL_UNLINK */
#define SELF_ONLY (IN_DELETE_SELF | IN_MOVE_SELF)
/* The deletion itself is known better here, and so is what guests open and close. */
#define TOLD_EVENTS (IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVE_SELF)

struct event {
	struct list node;
	i32 wd;
	u32 mask, cookie, len;	/* len: of name with padding, 0 without */
	char name[];
};

struct instance {
	struct list watches, events;
	struct waitq waitq;
	u32 count, bytes, watch_count;
	i32 next_wd;
	bool overflowed;
};

struct mark {
	struct list of_inode, of_instance;
	struct instance *instance;
	struct inode *inode;
	u32 mask;
	i32 wd;
};

struct inotify_marks {
	struct list list;
};

static struct mutex inotify_lock = MUTEX_INIT(RANK_OBJECT);
static u32 instance_count, cookie_serial;
u32 fsnotify_watchers; /* all marks, those on the next list among them, and dnotify.c's */
static struct list dead_marks = LIST_INIT(dead_marks); /* by of_inode: fsnotify_reap lets go of their inodes */
void (*fsnotify_collect)(void);

static void queue_event(struct instance *in, i32 wd, u32 mask, u32 cookie, const char *name, u32 name_len)
{
	u32 len = name_len ? ROUND_UP(name_len + 1, (u32)sizeof(struct inotify_event)) : 0;
	struct event *e;

	if (!list_empty(&in->events)) {
		/* As Linux: an event equal to the one before it is not repeated. */
		e = list_entry(in->events.prev, struct event, node);
		if (e->wd == wd && e->mask == mask && e->cookie == cookie && e->len == len &&
		    (!len || (!memcmp(e->name, name, name_len) && !e->name[name_len])))
			return;
	}
	if (in->count >= QUEUE_MAX) {
		if (in->overflowed)
			return;
		in->overflowed = true;
		wd = -1;
		mask = IN_Q_OVERFLOW;
		cookie = len = name_len = 0;
	}
	e = kzalloc(sizeof(*e) + len);
	if (!e)
		return;
	e->wd = wd;
	e->mask = mask;
	e->cookie = cookie;
	e->len = len;
	memcpy(e->name, name, name_len);
	list_add_tail(&e->node, &in->events);
	in->count++;
	in->bytes += sizeof(struct inotify_event) + len;
	waitq_wake(&in->waitq, 1, EPOLLIN | EPOLLRDNORM);
}

static void collect(void)
{
	void (*f)(void) = READ_ONCE(fsnotify_collect);

	if (f)
		f();
}

u32 fsnotify_cookie(void)
{
	return __atomic_add_fetch(&cookie_serial, 1, __ATOMIC_RELAXED);
}

/* Take a mark off its lists; fsnotify_reap does the rest once the lock is free. */
static void mark_unlink(struct mark *m)
{
	struct inode *inode = m->inode;

	list_del(&m->of_inode);
	list_del(&m->of_instance);
	m->instance->watch_count--;
	if (list_empty(&inode->marks->list)) {
		kfree(inode->marks);
		inode->marks = NULL;
	}
	list_add_tail(&m->of_inode, &dead_marks);
}

void fsnotify_reap(void)
{
	while (!list_empty(&dead_marks)) {
		struct mark *m = NULL;

		mutex_lock(&inotify_lock);
		if (!list_empty(&dead_marks)) {
			m = list_first(&dead_marks, struct mark, of_inode);
			list_del(&m->of_inode);
		}
		mutex_unlock(&inotify_lock);
		if (!m)
			return;
		if (m->inode->ops && m->inode->ops->watch)
			m->inode->ops->watch(m->inode, false);
		inode_put(m->inode);
		kfree(m);
		__atomic_sub_fetch(&fsnotify_watchers, 1, __ATOMIC_RELAXED);
	}
}

/* Deliver to the marks of one inode; `name` null for events about the inode itself. */
static void notify_marks(struct inode *inode, u32 mask, u32 cookie, const char *name, u32 len, bool gone)
{
	struct mark *m, *tmp;

	if (unlikely(READ_ONCE(inode->dnotify)) && S_ISDIR(inode->mode))
		dnotify_event(inode, mask);
	mask &= ~IN_RENAMED_HERE;
	if (!READ_ONCE(inode->marks))
		return;
	mutex_lock(&inotify_lock);
	if (inode->marks) {
		list_for_each_safe(m, tmp, &inode->marks->list, of_inode) {
			bool last = m->of_inode.next == &inode->marks->list;

			if (gone && (m->mask & IN_EXCL_UNLINK)) {
				if (last)
					break;
				continue;
			}
			if ((mask & m->mask & IN_ALL_EVENTS) || (mask & IN_UNMOUNT))
				queue_event(m->instance, m->wd, mask & (m->mask | ~IN_ALL_EVENTS), cookie, name, len);
			if ((mask & (IN_DELETE_SELF | IN_UNMOUNT)) ||
			    ((m->mask & IN_ONESHOT) && (mask & m->mask & IN_ALL_EVENTS))) {
				queue_event(m->instance, m->wd, IN_IGNORED, 0, "", 0);
				mark_unlink(m);
			}
			if (last)
				break;
		}
	}
	mutex_unlock(&inotify_lock);
}

void fsnotify_outside(struct inode *inode, u32 mask, u32 cookie, const char *name, u32 len)
{
	notify_marks(inode, mask, cookie, name, len, false);
}

void fsnotify_lost(struct inode *inode)
{
	struct mark *m;

	mutex_lock(&inotify_lock);
	if (inode->marks)
		list_for_each(m, &inode->marks->list, of_inode)
			queue_event(m->instance, -1, IN_Q_OVERFLOW, 0, "", 0);
	mutex_unlock(&inotify_lock);
}

static void notify_own(struct inode *inode, u32 mask, u32 cookie, const char *name, u32 len, bool gone)
{
	if (!READ_ONCE(inode->marks) && !READ_ONCE(inode->dnotify))
		return;
	if (READ_ONCE(inode->flags) & INODE_TOLD) {
		if (mask & TOLD_EVENTS)
			return;
		collect();	/* what came before it is told before it */
	}
	notify_marks(inode, mask, cookie, name, len, gone);
}

static void notify_directory(struct dentry *dentry, u32 mask, u32 cookie, bool gone)
{
	char name[NAME_MAX + 1];
	struct inode *dir = dentry_directory(dentry, name);

	if (!dir)
		return;
	if (dir != dentry->inode)
		notify_own(dir, mask, cookie, name, strlen(name), gone);
	inode_put(dir);
}

void fsnotify(struct inode *inode, struct dentry *dentry, u32 mask, u32 cookie)
{
	u32 dir = inode && S_ISDIR(inode->mode) ? IN_ISDIR : 0;
	bool gone;

	if (!READ_ONCE(fsnotify_watchers))
		return;
	gone = dentry && (mask & OPEN_EVENTS) && dentry_unhashed(dentry);
	if (dentry && !(mask & SELF_ONLY))
		notify_directory(dentry, mask | dir, cookie, gone);
	/* The deletion of a directory itself does not carry IN_ISDIR; its opening does. */
	if (inode && !(mask & PARENT_ONLY))
		notify_own(inode, mask & SELF_ONLY ? mask : mask | dir, cookie, "", 0, gone);
	fsnotify_reap();
}

static size_t event_size(const struct event *e)
{
	return sizeof(struct inotify_event) + e->len;
}

static struct event *next_event(struct instance *in)
{
	return list_empty(&in->events) ? NULL : list_first(&in->events, struct event, node);
}

/* Copy whole events while they fit: bytes, 0 if there is none, -EINVAL if not even one fits. */
static ssize_t take_events(struct instance *in, struct iov_iter *it)
{
	struct event *e;
	ssize_t done = 0;

	mutex_lock(&inotify_lock);
	while ((e = next_event(in))) {
		struct inotify_event head = {.wd = e->wd, .mask = e->mask, .cookie = e->cookie, .len = e->len};

		if (it->left < event_size(e)) {
			done = done ? done : -EINVAL;
			break;
		}
		if (iov_copy_to(it, &head, sizeof(head)) < sizeof(head) || iov_copy_to(it, e->name, e->len) < e->len) {
			done = done ? done : -EFAULT;
			break;
		}
		done += event_size(e);
		in->count--;
		in->bytes -= event_size(e);
		if (e->mask == IN_Q_OVERFLOW)
			in->overflowed = false;
		list_del(&e->node);
		kfree(e);
	}
	mutex_unlock(&inotify_lock);
	return done;
}

static ssize_t inotify_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct instance *in = f->priv;
	ssize_t n;
	int err;

	collect();
	for (;;) {
		n = take_events(in, it);
		if (n)
			return n;
		if (io_flags(f, it) & O_NONBLOCK)
			return -EAGAIN;
		err = WAIT_EVENT(&in->waitq, READ_ONCE(in->count), BZ_NO_DEADLINE);
		if (err)
			return -ERESTARTSYS;
	}
}

static u32 inotify_poll(struct file *f, struct poll_table *pt)
{
	struct instance *in = f->priv;

	poll_wait(pt, f, &in->waitq);
	collect();
	return READ_ONCE(in->count) ? EPOLLIN | EPOLLRDNORM : 0;
}

static long inotify_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct instance *in = f->priv;

	if (cmd != FIONREAD)
		return -ENOTTY;
	collect();
	return put_user((int)READ_ONCE(in->bytes), (int *)arg);
}

static void inotify_release(struct file *f)
{
	struct instance *in = f->priv;
	struct event *e;

	mutex_lock(&inotify_lock);
	while (!list_empty(&in->watches))
		mark_unlink(list_first(&in->watches, struct mark, of_instance));
	mutex_unlock(&inotify_lock);
	fsnotify_reap();
	while ((e = next_event(in))) {
		list_del(&e->node);
		kfree(e);
	}
	__atomic_fetch_sub(&instance_count, 1, __ATOMIC_RELAXED);
	kfree(in);
}

static void inotify_fdinfo(struct file *f, char *buf, size_t size)
{
	struct instance *in = f->priv;
	struct mark *m;
	size_t n = 0;

	mutex_lock(&inotify_lock);
	list_for_each(m, &in->watches, of_instance)
		if (n + 80 < size)
			n += snprintf(buf + n, size - n, "inotify wd:%x ino:%lx sdev:%lx mask:%x ignored_mask:0\n", m->wd,
				      (unsigned long)m->inode->ino, (unsigned long)m->inode->sb->dev, m->mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK));
	mutex_unlock(&inotify_lock);
}

static const struct file_ops inotify_fops = {
	.read = inotify_read, .poll = inotify_poll, .ioctl = inotify_ioctl, .release = inotify_release,
	.show_fdinfo = inotify_fdinfo};

static long inotify_create(int flags)
{
	struct instance *in;
	struct file *f;

	if (flags & ~(IN_CLOEXEC | IN_NONBLOCK))
		return -EINVAL;
	if (__atomic_add_fetch(&instance_count, 1, __ATOMIC_RELAXED) > READ_ONCE(inotify_max_user_instances)) {
		__atomic_fetch_sub(&instance_count, 1, __ATOMIC_RELAXED);
		return -EMFILE;
	}
	in = kzalloc(sizeof(*in));
	f = in ? file_alloc_anon(&inotify_fops, "anon_inode:inotify", O_RDONLY | (flags & IN_NONBLOCK), in) : NULL;
	if (!f) {
		kfree(in);
		__atomic_fetch_sub(&instance_count, 1, __ATOMIC_RELAXED);
		return -ENOMEM;
	}
	list_init(&in->watches);
	list_init(&in->events);
	waitq_init(&in->waitq);
	in->next_wd = 1;
	return fd_publish(f, flags & IN_CLOEXEC);
}

SYSCALL0(inotify_init)
{
	return inotify_create(0);
}

SYSCALL(inotify_init1, int flags)
{
	return inotify_create(flags);
}

static struct mark *find_mark(struct instance *in, const struct inode *inode)
{
	struct mark *m;

	if (inode->marks)
		list_for_each(m, &inode->marks->list, of_inode)
			if (m->instance == in)
				return m;
	return NULL;
}

/* With the lock held; `fresh` and `marks` are memory for what may have to be made, set to null when used. */
static long add_locked(struct instance *in, struct inode *inode, u32 mask, struct mark **fresh,
		       struct inotify_marks **marks)
{
	struct mark *m = find_mark(in, inode);

	if (m) {
		if (mask & IN_MASK_CREATE)
			return -EEXIST;
		m->mask = mask & IN_MASK_ADD ? m->mask | mask : mask;
		return m->wd;
	}
	if (in->watch_count >= WATCHES_MAX || in->next_wd == 0x7fffffff)
		return -ENOSPC;
	if (!inode->marks) {
		list_init(&(*marks)->list);
		inode->marks = *marks;
		*marks = NULL;
	}
	m = *fresh;
	*fresh = NULL;
	m->instance = in;
	m->inode = inode;
	m->mask = mask;
	m->wd = in->next_wd++;
	__atomic_add_fetch(&fsnotify_watchers, 1, __ATOMIC_RELAXED);
	inode_get(inode);
	in->watch_count++;
	list_add_tail(&m->of_inode, &inode->marks->list);
	list_add_tail(&m->of_instance, &in->watches);
	return m->wd;
}

static struct file *inotify_file(int fd, int *err)
{
	struct file *f = fd_get(fd);

	*err = f ? 0 : -EBADF;
	if (f && f->ops != &inotify_fops) {
		file_put(f);
		*err = -EINVAL;
		f = NULL;
	}
	return f;
}

SYSCALL(inotify_add_watch, int fd, const char *path, u32 mask)
{
	int (*watch)(struct inode *inode, bool on);
	struct inotify_marks *marks;
	struct mark *fresh;
	struct path p;
	struct file *f;
	int err;
	long ret;

	if (!(mask & IN_ALL_EVENTS) ||
	    mask & ~(IN_ALL_EVENTS | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_ADD | IN_MASK_CREATE |
		     IN_ONESHOT | IN_ISDIR | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED))
		return -EINVAL;
	f = fd_get(fd);
	if (!f)
		return -EBADF;
	file_put(f);
	if ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE))
		return -EINVAL;
	f = inotify_file(fd, &err);
	if (!f)
		return err;
	ret = path_lookup_user(AT_FDCWD, path, (mask & IN_DONT_FOLLOW ? 0 : LOOKUP_FOLLOW) |
			       (mask & IN_ONLYDIR ? LOOKUP_DIRECTORY : 0), &p);
	if (ret) {
		file_put(f);
		return ret;
	}
	fresh = kzalloc(sizeof(*fresh));
	marks = kzalloc(sizeof(*marks));
	ret = inode_permission(p.dentry->inode, 4);
	if (!ret && (!fresh || !marks))
		ret = -ENOMEM;
	watch = p.dentry->inode->ops ? p.dentry->inode->ops->watch : NULL;
	if (!ret && watch)
		ret = watch(p.dentry->inode, true);
	if (!ret) {
		mutex_lock(&inotify_lock);
		ret = add_locked(f->priv, p.dentry->inode, mask, &fresh, &marks);
		mutex_unlock(&inotify_lock);
		/* It counts by marks, and no mark was made. */
		if (watch && fresh)
			watch(p.dentry->inode, false);
	}
	kfree(fresh);
	kfree(marks);
	path_put(&p);
	file_put(f);
	return ret;
}

SYSCALL(inotify_rm_watch, int fd, int wd)
{
	struct instance *in;
	struct mark *m;
	bool found = false;
	struct file *f;
	int err;

	f = inotify_file(fd, &err);
	if (!f)
		return err;
	in = f->priv;
	mutex_lock(&inotify_lock);
	list_for_each(m, &in->watches, of_instance) {
		if (m->wd != wd)
			continue;
		queue_event(in, wd, IN_IGNORED, 0, "", 0);
		mark_unlink(m);
		found = true;
		break;
	}
	mutex_unlock(&inotify_lock);
	file_put(f);
	fsnotify_reap();
	return found ? 0 : -EINVAL;
}
