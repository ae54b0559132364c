/*
 * process_vm_readv(2) and process_vm_writev(2) on the own process.  Another address space is reached by a request that its
 * own threads serve, which these calls do not make yet: they answer EPERM there, as under a Yama policy.
 */
#include "libos/kernel/syscall.h"
#include "libos/proc/proc.h"
#include <linux/uio.h>

#define CHUNK 4096

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

static ssize_t copy_all(struct side *from, struct side *to)
{
	char *buf = kmalloc(CHUNK);
	ssize_t done = 0;
	int err = 0;

	if (!buf)
		return -ENOMEM;
	while ((err = side_next(from)) > 0 && (err = side_next(to)) > 0) {
		size_t n = min(from->now.iov_len, to->now.iov_len), got, put;

		n = min(n, (size_t)CHUNK);

		got = n - copy_from_user_partial(buf, from->now.iov_base, n);
		put = got - copy_to_user_partial(to->now.iov_base, buf, got);
		done += put;
		if (put < n) {
			err = -EFAULT;
			break;
		}
		side_advance(from, n);
		side_advance(to, n);
	}
	kfree(buf);
	return done ? done : err < 0 ? err : 0;
}

static long vm_copy(i32 pid, struct side *from, struct side *to, unsigned long flags)
{
	struct process *p;
	bool own;

	if (flags || from->count > UIO_MAXIOV || to->count > UIO_MAXIOV)
		return -EINVAL;
	p = process_find(pid);
	if (!p)
		return -ESRCH;
	own = p == current->process;
	process_put(p);
	return own ? copy_all(from, to) : -EPERM;
}

SYSCALL(process_vm_readv, int pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
	unsigned long remote_count, unsigned long flags)
{
	struct side to = {local, local_count, {0}}, from = {remote, remote_count, {0}};

	return vm_copy(pid, &from, &to, flags);
}

SYSCALL(process_vm_writev, int pid, const struct iovec *local, unsigned long local_count, const struct iovec *remote,
	unsigned long remote_count, unsigned long flags)
{
	struct side from = {local, local_count, {0}}, to = {remote, remote_count, {0}};

	return vm_copy(pid, &from, &to, flags);
}
