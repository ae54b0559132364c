/* signalfd(2): pending signals, read as records.  The mask is the file's own; queues are signal/'s. */
#include "libos/kernel/syscall.h"
#include "libos/signal/signal.h"
#include "libos/vfs/vfs.h"
#include <linux/signalfd.h>

struct signalfd {
	sigset_kernel mask;
};

static void fill(const struct siginfo_kernel *i, struct signalfd_siginfo *s)
{
	memset(s, 0, sizeof(*s));
	s->ssi_signo = i->si_signo;
	s->ssi_errno = i->si_errno;
	s->ssi_code = i->si_code;
	if (i->si_code == SI_TIMER) {
		s->ssi_tid = i->timer.tid;
		s->ssi_overrun = i->timer.overrun;
		s->ssi_ptr = i->timer.value;
		s->ssi_int = i->timer.value;
		return;
	}
	if (i->si_code > 0 && (i->si_signo == SIGSEGV || i->si_signo == SIGBUS || i->si_signo == SIGILL ||
			       i->si_signo == SIGFPE)) {
		s->ssi_addr = i->fault.addr;
		return;
	}
	s->ssi_pid = i->kill.pid;
	s->ssi_uid = i->kill.uid;
	if (i->si_signo == SIGCHLD && i->si_code > 0) {
		s->ssi_status = i->chld.status;
		s->ssi_utime = i->chld.utime;
		s->ssi_stime = i->chld.stime;
	} else {
		s->ssi_ptr = i->kill.value;
		s->ssi_int = i->kill.value;
	}
}

static bool ready(const struct signalfd *s)
{
	struct thread *t = current;

	return (READ_ONCE(t->pending.set) | READ_ONCE(t->process->shared_pending.set)) & READ_ONCE(s->mask);
}

static ssize_t signalfd_read(struct file *f, struct iov_iter *it, i64 *pos)
{
	struct signalfd *s = f->priv;
	struct signalfd_siginfo rec;
	struct siginfo_kernel info;
	ssize_t done = 0;

	if (it->left < sizeof(rec))
		return -EINVAL;
	while (it->left >= sizeof(rec)) {
		if (signal_dequeue(s->mask, &info)) {
			fill(&info, &rec);
			if (iov_copy_to(it, &rec, sizeof(rec)) != sizeof(rec))
				return done ? done : -EFAULT;
			done += sizeof(rec);
			continue;
		}
		if (done)
			break;
		if (io_flags(f, it) & O_NONBLOCK)
			return -EAGAIN;
		if (WAIT_EVENT(&signalfd_waitq, ready(s), BZ_NO_DEADLINE))
			return -ERESTARTSYS;
	}
	return done;
}

static u32 signalfd_poll(struct file *f, struct poll_table *pt)
{
	struct signalfd *s = f->priv;

	poll_wait(pt, f, &signalfd_waitq);
	return ready(s) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void signalfd_release(struct file *f)
{
	kfree(f->priv);
}

static void signalfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct signalfd *s = f->priv;

	snprintf(buf, size, "sigmask:\t%016lx\n", (unsigned long)s->mask);
}

static const struct file_ops signalfd_fops = {
	.read = signalfd_read, .poll = signalfd_poll, .release = signalfd_release, .show_fdinfo = signalfd_fdinfo};

static long change(int fd, sigset_kernel mask)
{
	struct file *f = fd_get(fd);
	struct signalfd *s;
	long err = 0;

	if (!f)
		return -EBADF;
	if (f->ops != &signalfd_fops) {
		err = -EINVAL;
	} else {
		s = f->priv;
		s->mask = mask;
		waitq_wake_all(&signalfd_waitq, EPOLLIN | EPOLLRDNORM);
	}
	file_put(f);
	return err ? err : fd;
}

static long create(int fd, const sigset_kernel *umask, size_t size, int flags)
{
	struct signalfd *s;
	sigset_kernel mask;
	struct file *f;

	if (size != sizeof(mask) || (flags & ~(SFD_CLOEXEC | SFD_NONBLOCK)))
		return -EINVAL;
	if (get_user(mask, umask))
		return -EFAULT;
	mask &= ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP));
	if (fd != -1)
		return change(fd, mask);
	s = kzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->mask = mask;
	f = file_alloc_anon(&signalfd_fops, "anon_inode:[signalfd]", O_RDONLY | (flags & SFD_NONBLOCK), s);
	if (!f) {
		kfree(s);
		return -ENOMEM;
	}
	return fd_publish(f, flags & SFD_CLOEXEC);
}

SYSCALL(signalfd, int fd, const sigset_kernel *mask, size_t size)
{
	return create(fd, mask, size, 0);
}

SYSCALL(signalfd4, int fd, const sigset_kernel *mask, size_t size, int flags)
{
	return create(fd, mask, size, flags);
}
