/*
 * Leases: who holds one is told by a signal that somebody wants to open the file otherwise, and has some time to give it up
 * (fcntl(2); what Linux does is in fs/locks.c).  A lease belongs to an open file description.
 * Owns inode->leases; one lock for all, since they are rare: where there is none, nothing is taken.
 */
#include "libos/vfs/lease.h"
#include "libos/vfs/owner.h"
#include "libos/kernel/sysctl.h"
#include "libos/proc/proc.h"
#include "libos/signal/signal.h"
#include <linux/capability.h>

struct lease {
	struct lease *next;
	struct file *file;	/* not referenced: lease_release comes before it goes */
	u32 type;		/* F_RDLCK or F_WRLCK */
	u32 target;		/* what it is to become; `type`: nobody asks */
	i64 deadline;		/* ... at the latest, monotonic */
};

i64 lease_break_time = 45;

static struct mutex lease_lock = MUTEX_INIT(RANK_OBJECT);
static struct waitq waiting = {.lock = MUTEX_INIT(RANK_WAITQ), .waiters = {&waiting.waiters, &waiting.waiters}};

static struct lease **find(struct file *f)
{
	struct lease **at = &f->inode->leases;

	while (*at && (*at)->file != f)
		at = &(*at)->next;
	return at;
}

static void drop(struct lease **at)
{
	struct lease *l = *at;

	WRITE_ONCE(*at, l->next);
	kfree(l);
}

/* Who does not answer in time loses what was asked for. */
static void expire(struct inode *inode)
{
	for (struct lease **at = &inode->leases; *at;) {
		struct lease *l = *at;

		if (l->target == l->type || now_mono() < l->deadline) {
			at = &l->next;
		} else if (l->target == F_UNLCK) {
			drop(at);
		} else {
			l->type = l->target;
			at = &l->next;
		}
	}
}

long lease_get(struct file *f)
{
	struct lease *l;
	u32 type;

	if (!f->inode || !READ_ONCE(f->inode->leases))
		return F_UNLCK;
	mutex_lock(&lease_lock);
	expire(f->inode);
	l = *find(f);
	type = l ? l->target : F_UNLCK;
	mutex_unlock(&lease_lock);
	return type;
}

/* Read leases want no writer, write leases nobody else at all. */
static bool is_open_otherwise(const struct file *f, u32 type)
{
	const struct inode *inode = f->inode;
	u32 writers = __atomic_load_n(&inode->writers, __ATOMIC_SEQ_CST);
	u32 readers = __atomic_load_n(&inode->readers, __ATOMIC_SEQ_CST);

	return type == F_RDLCK ? writers > 0 : writers != f->writer || readers != f->reader;
}

static long change(struct file *f, u32 type)
{
	struct lease **at = find(f), *l;

	if (is_open_otherwise(f, type))
		return -EAGAIN;
	for (l = f->inode->leases; l; l = l->next)
		if (l->file != f && (type == F_WRLCK || l->target == F_UNLCK))
			return -EAGAIN;
	l = *at;
	if (l) {
		if (l->target == l->type || l->target == type)
			l->target = type;
		l->type = type;
		return 0;
	}
	l = kmalloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	*l = (struct lease){.next = f->inode->leases, .file = f, .type = type, .target = type};
	__atomic_store_n(&f->inode->leases, l, __ATOMIC_SEQ_CST);
	/* Who opened it meanwhile was counted before it looked for leases, and may have seen none. */
	if (is_open_otherwise(f, type)) {
		drop(&f->inode->leases);
		return -EAGAIN;
	}
	if (!f->owner.pid)
		owner_set(f, F_OWNER_PID, current->process->pid);
	return 0;
}

long lease_set(struct file *f, u64 type)
{
	struct inode *inode = f->inode;
	long ret = -EAGAIN;

	if (!inode)
		return -EINVAL;
	if (current->process->cred.fsuid != inode->uid && !capable(CAP_LEASE))
		return -EACCES;
	if (!S_ISREG(inode->mode) || (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK))
		return -EINVAL;
	mutex_lock(&lease_lock);
	expire(inode);
	if (type != F_UNLCK) {
		ret = change(f, type);
	} else if (*find(f)) {
		drop(find(f));
		ret = 0;
	}
	mutex_unlock(&lease_lock);
	if (!ret)
		waitq_wake_all(&waiting, ~0u);
	return ret;
}

void lease_release(struct file *f)
{
	bool had;

	if (!READ_ONCE(f->inode->leases))
		return;
	mutex_lock(&lease_lock);
	had = *find(f);
	if (had)
		drop(find(f));
	mutex_unlock(&lease_lock);
	if (had)
		waitq_wake_all(&waiting, ~0u);
}

static bool conflicts(const struct lease *l, bool write)
{
	return write || l->type == F_WRLCK;
}

/* One that stands against it: whether there is, until when, and whom to tell if nobody did.  lease_lock held. */
static bool look(struct inode *inode, bool write, i64 *until, struct file_owner *owner)
{
	u32 target = write ? F_UNLCK : F_RDLCK;
	bool any = false;

	expire(inode);
	owner->pid = 0;
	for (struct lease *l = inode->leases; l; l = l->next) {
		if (!conflicts(l, write))
			continue;
		any = true;
		if (!owner->pid && l->target != target && l->target != F_UNLCK) {
			l->deadline = l->target == l->type ? now_mono() + READ_ONCE(lease_break_time) * (i64)NSEC_PER_SEC : l->deadline;
			l->target = target;
			*owner = l->file->owner;
		}
		*until = l->deadline;
	}
	return any;
}

static bool stands(struct inode *inode, bool write)
{
	bool any = false;

	mutex_lock(&lease_lock);
	expire(inode);
	for (struct lease *l = inode->leases; l; l = l->next)
		any |= conflicts(l, write);
	mutex_unlock(&lease_lock);
	return any;
}

int lease_break(struct inode *inode, bool write, u32 flags)
{
	i64 until = 0;
	struct file_owner owner;

	for (;;) {
		bool any;

		mutex_lock(&lease_lock);
		any = look(inode, write, &until, &owner);
		mutex_unlock(&lease_lock);
		if (!any)
			return 0;
		if (owner.pid) {
			owner_signal(&owner, POLL_MSG_CODE, -1);
			continue;
		}
		if (flags & O_NONBLOCK)
			return -EWOULDBLOCK;
		if (WAIT_EVENT(&waiting, !stands(inode, write), until) == -EINTR)
			return -ERESTARTSYS;
	}
}
