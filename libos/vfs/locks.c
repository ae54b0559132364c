/*
 * File locks: POSIX record locks (owned by a process), OFD locks (owned by an open file description), flock(2) (whole
 * file, owned by a description).  One lock, locks_lock, protects all lists; waiters sleep on the inode's queue.  On host
 * volumes the host is asked too (file_ops.lock), so that programs outside respect it: it holds the union of the list.
 *
 *   inode->locks -> | range, type, owner | -> | ... |      sorted by owner, then start; ranges of one owner are apart
 */
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/vfs/locks.h"
#include <linux/fcntl.h>

#define END ((u64)0x7fffffffffffffff)	/* inclusive: the largest offset */
#define HOST_RETRY_NS (20 * 1000000ll)

enum lock_class { CLASS_POSIX, CLASS_OFD, CLASS_FLOCK };

struct lock {
	struct list node;
	u64 start, end;		/* inclusive */
	const void *owner;	/* struct process or struct file */
	i32 pid;		/* for F_GETLK; -1 for OFD locks */
	u8 class;
	bool write;
};

struct flock_list {
	struct list locks;
	struct waitq waitq;
	struct mutex host;	/* volumes: held while list and host change together */
};

/* Processes that sleep for a POSIX lock, to find circles. */
struct blocked {
	struct list node;
	const void *owner, *for_owner;
};

static struct mutex locks_lock = MUTEX_INIT(RANK_OBJECT);
static struct list blocked_list = LIST_INIT(blocked_list);

static struct flock_list *list_of(struct inode *inode)
{
	struct flock_list *l = READ_ONCE(inode->locks), *fresh;

	if (l)
		return l;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return NULL;
	list_init(&fresh->locks);
	waitq_init(&fresh->waitq);
	mutex_init(&fresh->host, RANK_LOCKS);
	mutex_lock(&locks_lock);
	if (!inode->locks) {
		inode->locks = fresh;
		fresh = NULL;
	}
	mutex_unlock(&locks_lock);
	kfree(fresh);
	return inode->locks;
}

/* flock locks and record locks do not see each other (flock(2), NOTES). */
static bool same_space(const struct lock *a, const struct lock *b)
{
	return (a->class == CLASS_FLOCK) == (b->class == CLASS_FLOCK);
}

static struct lock *find_conflict(struct flock_list *l, const struct lock *want)
{
	struct lock *k;

	list_for_each(k, &l->locks, node)
		if (same_space(k, want) && (k->owner != want->owner || k->class != want->class) &&
		    (k->write || want->write) && k->start <= want->end && want->start <= k->end)
			return k;
	return NULL;
}

static struct lock *lock_copy(const struct lock *k)
{
	struct lock *n = kmalloc(sizeof(*n));

	if (n)
		*n = *k;
	return n;
}

static bool mine(const struct lock *k, const struct lock *want)
{
	return k->owner == want->owner && k->class == want->class;
}

/* Remove [want->start, want->end] from what the owner holds.  *spare: memory for a split. */
static void cut(struct flock_list *l, const struct lock *want, struct lock **spare)
{
	struct lock *k, *tmp;

	list_for_each_safe(k, tmp, &l->locks, node) {
		if (!mine(k, want) || k->start > want->end || k->end < want->start)
			continue;
		if (k->start < want->start && k->end > want->end) {
			struct lock *right = *spare;

			*spare = NULL;
			*right = *k;
			right->start = want->end + 1;
			k->end = want->start - 1;
			list_add(&right->node, &k->node);
			return;
		}
		if (k->start < want->start) {
			k->end = want->start - 1;
		} else if (k->end > want->end) {
			k->start = want->end + 1;
		} else {
			list_del(&k->node);
			kfree(k);
		}
	}
}

/* The order in which F_GETLK finds locks: each owner's together, by start; a new owner's last. */
static void place(struct flock_list *l, struct lock *n)
{
	struct list *behind = l->locks.prev;
	struct lock *k;

	list_for_each(k, &l->locks, node) {
		if (!mine(k, n))
			continue;
		if (k->start > n->start) {
			behind = k->node.prev;
			break;
		}
		behind = &k->node;
	}
	list_add(&n->node, behind);
}

/* Join a new range with neighbours of the same kind. */
static void insert(struct flock_list *l, struct lock *n)
{
	struct lock *k, *tmp;

	list_for_each_safe(k, tmp, &l->locks, node) {
		if (!mine(k, n) || k->write != n->write)
			continue;
		if ((k->end != END && k->end + 1 == n->start) || (n->end != END && n->end + 1 == k->start)) {
			n->start = min(n->start, k->start);
			n->end = max(n->end, k->end);
			list_del(&k->node);
			kfree(k);
		}
	}
	place(l, n);
}

static bool would_deadlock(const void *owner, const void *for_owner)
{
	struct blocked *b;
	int steps = 0;

	for (;;) {
		bool moved = false;

		if (for_owner == owner)
			return true;
		list_for_each(b, &blocked_list, node)
			if (b->owner == for_owner) {
				for_owner = b->for_owner;
				moved = true;
				break;
			}
		if (!moved || ++steps > 100)
			return false;
	}
}

/* One attempt: 0 done, -EAGAIN with *holder who is in the way, -ENOMEM. */
static int try_set(struct flock_list *l, const struct lock *want, bool unlock, const void **holder)
{
	struct lock *n = lock_copy(want), *spare = lock_copy(want), *k;
	int err = 0;

	if (!n || !spare) {
		kfree(n);
		kfree(spare);
		return -ENOMEM;
	}
	mutex_lock(&locks_lock);
	k = unlock ? NULL : find_conflict(l, want);
	if (k) {
		*holder = k->owner;
		err = -EAGAIN;
	} else {
		cut(l, want, &spare);
		if (!unlock) {
			insert(l, n);
			n = NULL;
		}
	}
	mutex_unlock(&locks_lock);
	kfree(n);
	kfree(spare);
	if (!err)
		waitq_wake_all(&l->waitq, ~0u);
	return err;
}

/* --- the host's part --- */

static int host_lock(struct file *f, const struct lock *want, bool unlock)
{
	struct bz_lock b = {.type = unlock ? 2 : want->write ? 1 : 0, .start = want->start};

	b.len = want->end == END ? 0 : want->end - want->start + 1;
	if (want->class == CLASS_FLOCK)
		b.flags = BZ_LOCK_WHOLE;
	return f->ops->lock(f, &b);
}

/* Narrow [gap->start, gap->end] to its first part that no lock covers.  False: there is none. */
static bool find_gap(struct flock_list *l, struct lock *gap)
{
	struct lock *k;
	bool moved;

	do {
		moved = false;
		list_for_each(k, &l->locks, node) {
			if (!same_space(k, gap) || k->start > gap->start || k->end < gap->start)
				continue;
			if (k->end >= gap->end)
				return false;
			gap->start = k->end + 1;
			moved = true;
		}
	} while (moved);
	list_for_each(k, &l->locks, node)
		if (same_space(k, gap) && k->start > gap->start && k->start <= gap->end)
			gap->end = k->start - 1;
	return true;
}

/* Let go on the host what nobody here holds any more. */
static void host_release(struct file *f, struct flock_list *l, const struct lock *was)
{
	struct lock gap = *was;
	bool found;

	for (;;) {
		mutex_lock(&locks_lock);
		found = find_gap(l, &gap);
		mutex_unlock(&locks_lock);
		if (!found)
			return;
		host_lock(f, &gap, true);
		if (gap.end == was->end)
			return;
		gap.start = gap.end + 1;
		gap.end = was->end;
	}
}

/* Ask those inside, then the host, and only then change anything here: a lock that is refused leaves the former one. */
static int ask_both(struct file *f, struct flock_list *l, const struct lock *want, const void **holder)
{
	const struct lock *k;
	int err;

	mutex_lock(&locks_lock);
	k = find_conflict(l, want);
	*holder = k ? k->owner : NULL;
	mutex_unlock(&locks_lock);
	err = k ? -EAGAIN : host_lock(f, want, false);
	if (err)
		return err;
	err = try_set(l, want, false, holder);
	if (err)
		host_release(f, l, want);
	return err;
}

/* One attempt, as try_set, on the host too if the file is a volume's. */
static int attempt(struct file *f, struct flock_list *l, const struct lock *want, bool unlock, const void **holder)
{
	int err;

	if (!f->ops->lock)
		return try_set(l, want, unlock, holder);
	mutex_lock(&l->host);
	if (unlock) {
		err = try_set(l, want, true, holder);
		host_release(f, l, want);
	} else {
		err = ask_both(f, l, want, holder);
	}
	mutex_unlock(&l->host);
	return err;
}

/* --- setting --- */

/* flock(2): a conversion gives the old lock up first, and is not sure to get another.  True: it is held as wanted. */
static bool flock_convert(struct flock_list *l, const struct lock *want)
{
	struct lock *k, *own = NULL;
	bool held = false;

	mutex_lock(&locks_lock);
	list_for_each(k, &l->locks, node)
		if (mine(k, want))
			own = k;
	if (own) {
		held = own->write == want->write;
		if (!held) {
			list_del(&own->node);
			kfree(own);
		}
	}
	mutex_unlock(&locks_lock);
	if (own && !held)
		waitq_wake_all(&l->waitq, ~0u);
	return held;
}

static int wait_for(struct flock_list *l, const struct lock *want, const void *holder, i64 deadline)
{
	struct blocked b = {.owner = want->owner, .for_owner = holder}, *node = NULL;
	struct lock *k;
	int err;

	if (want->class == CLASS_POSIX && holder) {
		node = kmalloc(sizeof(*node));
		if (!node)
			return -ENOLCK;
		*node = b;
		mutex_lock(&locks_lock);
		if (would_deadlock(want->owner, holder)) {
			mutex_unlock(&locks_lock);
			kfree(node);
			return -EDEADLK;
		}
		list_add(&node->node, &blocked_list);
		mutex_unlock(&locks_lock);
	}
	err = WAIT_EVENT(&l->waitq, ({
				 mutex_lock(&locks_lock);
				 k = find_conflict(l, want);
				 mutex_unlock(&locks_lock);
				 !k && deadline == BZ_NO_DEADLINE;
			 }), deadline);
	if (node) {
		mutex_lock(&locks_lock);
		list_del(&node->node);
		mutex_unlock(&locks_lock);
		kfree(node);
	}
	return err == -ETIMEDOUT ? 0 : err == -EINTR ? -ERESTARTSYS : err;
}

static int lock_set(struct file *f, const struct lock *want, bool unlock, bool block)
{
	struct flock_list *l = list_of(f->inode);
	const void *holder;
	int err;

	if (!l)
		return -ENOLCK;
	if (want->class == CLASS_FLOCK && !unlock && flock_convert(l, want))
		return 0;
	for (;;) {
		holder = NULL;
		err = attempt(f, l, want, unlock, &holder);
		if (err != -EAGAIN || !block)
			return err;
		/* Somebody outside holds it: nobody tells us when it is free, so ask again. */
		err = wait_for(l, want, holder, holder ? BZ_NO_DEADLINE : now_mono() + HOST_RETRY_NS);
		if (err)
			return err;
	}
}

static int range_from(struct file *f, const struct flock *fl, struct lock *out)
{
	i64 base, start, end;

	switch (fl->l_whence) {
	case 0:
		base = 0;
		break;
	case 1:
		base = f->pos;
		break;
	case 2:
		base = f->inode->size;
		break;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, (i64)fl->l_start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	if (fl->l_len > 0) {
		if (__builtin_add_overflow(start, (i64)fl->l_len - 1, &end))
			return -EOVERFLOW;
	} else if (fl->l_len < 0) {
		end = start - 1;
		start += fl->l_len;
		if (start < 0)
			return -EINVAL;
	} else {
		end = END;
	}
	out->start = start;
	out->end = end;
	return 0;
}

static long get_lock(struct file *f, struct flock *fl, struct lock *want)
{
	struct flock_list *l = list_of(f->inode);
	struct lock *k;
	struct bz_lock b = {.type = want->write, .flags = BZ_LOCK_TEST, .start = want->start,
			    .len = want->end == END ? 0 : want->end - want->start + 1};

	if (!l)
		return -ENOLCK;
	mutex_lock(&locks_lock);
	k = find_conflict(l, want);
	if (k) {
		fl->l_type = k->write ? F_WRLCK : F_RDLCK;
		fl->l_whence = 0;
		fl->l_start = k->start;
		fl->l_len = k->end == END ? 0 : k->end - k->start + 1;
		fl->l_pid = k->pid;
	}
	mutex_unlock(&locks_lock);
	if (k)
		return 0;
	fl->l_type = F_UNLCK;
	if (f->ops->lock && f->ops->lock(f, &b) == 0 && b.type != 2) {
		fl->l_type = b.type == 1 ? F_WRLCK : F_RDLCK;
		fl->l_whence = 0;
		fl->l_start = b.start;
		fl->l_len = b.len;
		fl->l_pid = -1;
	}
	return 0;
}

long locks_fcntl(struct file *f, u32 cmd, u64 arg)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	bool get = cmd == F_GETLK || cmd == F_OFD_GETLK;
	struct lock want = {.class = ofd ? CLASS_OFD : CLASS_POSIX};
	struct flock fl;
	long err;

	if (get_user(fl, (struct flock *)arg))
		return -EFAULT;
	if (!f->inode)
		return -EBADF;
	if (ofd && fl.l_pid)
		return -EINVAL;
	want.owner = ofd ? (void *)f : (void *)current->process;
	want.pid = ofd ? -1 : current->process->pid;
	want.write = fl.l_type == F_WRLCK;
	if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK && (fl.l_type != F_UNLCK || get))
		return -EINVAL;
	err = range_from(f, &fl, &want);
	if (err)
		return err;
	if (get) {
		err = get_lock(f, &fl, &want);
		return err ? err : put_user(fl, (struct flock *)arg);
	}
	if ((fl.l_type == F_RDLCK && !FMODE_CAN_READ(f)) || (fl.l_type == F_WRLCK && !FMODE_CAN_WRITE(f)))
		return -EBADF;
	return lock_set(f, &want, fl.l_type == F_UNLCK, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
}

static void drop_all(struct file *f, const void *owner, u8 class)
{
	struct lock want = {.start = 0, .end = END, .owner = owner, .class = class};
	struct flock_list *l = f->inode ? READ_ONCE(f->inode->locks) : NULL;
	struct lock was = {.start = END, .class = class};
	bool held = false, on_host = f->ops->lock;
	struct lock *k;

	if (!l)
		return;
	if (on_host)
		mutex_lock(&l->host);
	mutex_lock(&locks_lock);
	list_for_each(k, &l->locks, node)
		if (mine(k, &want)) {
			held = true;
			was.start = min(was.start, k->start);
			was.end = max(was.end, k->end);
		}
	if (held)
		cut(l, &want, NULL);
	mutex_unlock(&locks_lock);
	if (held && on_host)
		host_release(f, l, &was);
	if (on_host)
		mutex_unlock(&l->host);
	if (held)
		waitq_wake_all(&l->waitq, ~0u);
}

void locks_close(struct file *f)
{
	if (current)
		drop_all(f, current->process, CLASS_POSIX);
}

void locks_release(struct file *f)
{
	drop_all(f, f, CLASS_OFD);
	drop_all(f, f, CLASS_FLOCK);
}

void locks_free(struct inode *inode)
{
	struct lock *k, *tmp;

	if (!inode->locks)
		return;
	list_for_each_safe(k, tmp, &inode->locks->locks, node)
		kfree(k);
	kfree(inode->locks);
	inode->locks = NULL;
}

SYSCALL(flock, int fd, unsigned int op)
{
	struct lock want = {.start = 0, .end = END, .class = CLASS_FLOCK};
	struct file *f = fd_get(fd);
	unsigned int what = op & ~4u;	/* LOCK_NB */
	long err = -EINVAL;

	if (!f)
		return -EBADF;
	want.owner = f;
	want.pid = current->process->pid;
	want.write = what == 2;
	if (f->inode && (what == 1 || what == 2 || what == 8))
		err = lock_set(f, &want, what == 8, !(op & 4));
	file_put(f);
	return err;
}
