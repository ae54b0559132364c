/*
 * process_vm_readv(2) and process_vm_writev(2).  Another address space is reached by a request that one of its own threads
 * serves (remote.c), a chunk at a time.
 */
#include "libos/kernel/syscall.h"
#include "libos/mm/mm.h"
#include "libos/proc/proc.h"
#include <linux/capability.h>
#include <linux/uio.h>

#define CHUNK 16384u

/* The process whose memory is meant; mm null: the caller's own. */
struct other {
	struct process *process;
	struct mm *mm;
};

struct side {
	const struct iovec *uiov;
	u64 count;
	struct iovec now;	/* what is left of the current entry */
};

/* The next entry with something in it: 1, 0 at the end, -EFAULT. */
static int side_next(struct side *s)
{
	while (!s->now.iov_len) {
		if (!s->count)
			return 0;
		if (copy_from_user(&s->now, s->uiov, sizeof(s->now)))
			return -EFAULT;
		s->uiov++;
		s->count--;
	}
	return 1;
}

static void side_advance(struct side *s, size_t n)
{
	s->now.iov_base = (char *)s->now.iov_base + n;
	s->now.iov_len -= n;
}

/* One chunk from or to the other side: bytes. */
static ssize_t move(const struct other *o, void *addr, void *buf, size_t n, bool write)
{
	if (o->mm)
		return mm_remote_copy(o->process, o->mm, (u64)addr, buf, n, write, false);
	return n - (write ? copy_to_user_partial(addr, buf, n) : copy_from_user_partial(buf, addr, n));
}

static ssize_t copy_all(const struct other *o, struct side *local, struct side *remote, bool write)
{
	const struct other own = {0};
	ssize_t done = 0, got, put;
	char *buf = kmalloc(CHUNK);
	int err = 0;

	if (!buf)
		return -ENOMEM;
	while ((err = side_next(local)) > 0 && (err = side_next(remote)) > 0) {
		size_t n = min(local->now.iov_len, remote->now.iov_len);

		n = min(n, (size_t)CHUNK);
		got = write ? move(&own, local->now.iov_base, buf, n, false) : move(o, remote->now.iov_base, buf, n, false);
		put = got <= 0 ? got : write ? move(o, remote->now.iov_base, buf, got, true) :
					       move(&own, local->now.iov_base, buf, got, true);
		if (put > 0)
			done += put;
		if (put < (ssize_t)n) {
			err = put < 0 ? put : -EFAULT;
			break;
		}
		side_advance(local, n);
		side_advance(remote, n);
	}
	kfree(buf);
	return done ? done : err < 0 ? err : 0;
}

/* Each entry can be read, and no length is negative. */
static int check_vector(const struct iovec *uiov, u64 count)
{
	struct iovec v;

	if (count > UIO_MAXIOV)
		return -EINVAL;
	for (u64 i = 0; i < count; i++) {
		if (copy_from_user(&v, uiov + i, sizeof(v)))
			return -EFAULT;
		if ((ssize_t)v.iov_len < 0)
			return -EINVAL;
	}
	return 0;
}

/* ptrace(2), "Ptrace access mode checking", with real credentials, as Linux does without a security module. */
static bool may_look(const struct process *p)
{
	const struct cred *mine = &current->process->cred, *c = &p->cred;

	if (capable(CAP_SYS_PTRACE))
		return true;
	return mine->uid == c->uid && mine->uid == c->euid && mine->uid == c->suid && mine->gid == c->gid && mine->gid == c->egid &&
	       mine->gid == c->sgid;
}

/* Its memory, referenced; null: it is gone, or a thread's that is a process no longer. */
static struct mm *memory_of(struct process *p)
{
	struct mm *mm;

	mutex_lock(&p->lock);
	mm = p->group_exit ? NULL : p->mm;
	if (mm)
		mm_get(mm);
	mutex_unlock(&p->lock);
	return mm;
}

static long vm_copy(i32 pid, struct side *local, struct side *remote, unsigned long flags, bool write)
{
	struct other o = {0};
	long ret;

	if (flags)
		return -EINVAL;
	ret = check_vector(local->uiov, local->count);
	if (!ret)
		ret = check_vector(remote->uiov, remote->count);
	if (ret)
		return ret;
	o.process = process_find(pid);
	if (!o.process)
		return -ESRCH;
	o.mm = o.process == current->process ? NULL : memory_of(o.process);
	if (o.process != current->process && !o.mm)
		ret = -ESRCH;
	else if (o.mm && !may_look(o.process))
		ret = -EPERM;
	else {
		struct other own = {0};

		ret = copy_all(o.mm == current->process->mm ? &own : &o, local, remote, write);
	}
	if (o.mm)
		mm_put(o.mm);
	process_put(o.process);
	return ret;
}

SYSCALL(process_vm_readv, int pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
	unsigned long remote_count, unsigned long flags)
{
	struct side l = {local, local_count, {0}}, r = {remote, remote_count, {0}};

	return vm_copy(pid, &l, &r, flags, false);
}

SYSCALL(process_vm_writev, int pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
	unsigned long remote_count, unsigned long flags)
{
	struct side l = {local, local_count, {0}}, r = {remote, remote_count, {0}};

	return vm_copy(pid, &l, &r, flags, true);
}
