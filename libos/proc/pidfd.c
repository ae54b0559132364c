/* Descriptors of processes: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2); kcmp(2).  A pidfd holds a reference. */
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/procfs/procfs.h"
#include "libos/signal/signal.h"
#include <asm/siginfo.h>
#include <linux/capability.h>
#include <linux/kcmp.h>

#define PIDFD_NONBLOCK O_NONBLOCK

static u32 pidfd_poll(struct file *f, struct poll_table *pt)
{
	struct process *p = f->priv;

	poll_wait(pt, f, &p->pidfd_waitq);
	return READ_ONCE(p->zombie) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void pidfd_release(struct file *f)
{
	process_put(f->priv);
}

static void pidfd_fdinfo(struct file *f, char *buf, size_t size)
{
	struct process *p = f->priv;
	i32 pid = p->zombie && list_empty(&p->pid_hash) ? -1 : p->pid;

	snprintf(buf, size, "Pid:\t%d\nNSpid:\t%d\n", pid, pid);
}

static const struct file_ops pidfd_ops = {
	.poll = pidfd_poll, .release = pidfd_release, .show_fdinfo = pidfd_fdinfo,
};

/* A descriptor of p, whose reference it takes on success. */
int pidfd_create(struct process *p, u32 flags)
{
	struct file *f = file_alloc_anon(&pidfd_ops, "anon_inode:[pidfd]", O_RDWR | flags, p);
	int fd;

	if (!f)
		return -ENOMEM;
	fd = fd_alloc(f, 0, true);
	if (fd < 0) {
		/* The caller keeps its reference. */
		ref_get(&p->refs);
		file_put(f);
	}
	return fd;
}

SYSCALL(pidfd_open, int pid, unsigned int flags)
{
	struct process *p;
	struct thread *t;
	int fd;

	if (flags & ~PIDFD_NONBLOCK || pid <= 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p) {
		/* A thread that is not its group's leader has none. */
		t = thread_find(pid);
		if (t)
			thread_put(t);
		return t ? -EINVAL : -ESRCH;
	}
	fd = pidfd_create(p, flags);
	if (fd < 0)
		process_put(p);
	return fd;
}

/* The process of a pidfd: referenced, or an ERR_PTR. */
struct process *pidfd_process(int fd, u32 *flags)
{
	struct file *f = fd_get(fd);
	struct process *p = ERR_PTR(-EBADF);

	if (!f)
		return p;
	if (f->ops == &pidfd_ops) {
		p = f->priv;
		ref_get(&p->refs);
		if (flags)
			*flags = f->flags;
	}
	file_put(f);
	return p;
}

static bool may_signal(const struct process *p, int sig)
{
	const struct cred *me = &current->process->cred, *him = &p->cred;

	if (me->euid == him->uid || me->euid == him->suid || me->uid == him->uid || me->uid == him->suid)
		return true;
	return capable(CAP_KILL) || (sig == SIGCONT && p->session == current->process->session);
}

/* A directory /proc/PID serves as well, from before there were pidfds. */
static struct process *signal_target(int fd)
{
	struct process *p = pidfd_process(fd, NULL);
	struct inode *inode;
	struct file *f;

	if (p != ERR_PTR(-EBADF))
		return p;
	f = fd_get(fd);
	if (!f)
		return p;
	inode = f->inode;
	if (inode && inode->sb && !strcmp(inode->sb->fstype, "proc") && S_ISDIR(inode->mode) &&
	    pseudo_node(inode)->entry == &proc_pid_dir) {
		p = pnode_process(pseudo_node(inode));
		if (!p)
			p = ERR_PTR(-ESRCH);
	}
	file_put(f);
	return p;
}

SYSCALL(pidfd_send_signal, int fd, int sig, const struct siginfo_kernel *uinfo, unsigned int flags)
{
	struct siginfo_kernel info = {.si_signo = sig, .si_code = SI_USER};
	struct process *p;
	long ret = 0;

	if (flags)
		return -EINVAL;
	p = signal_target(fd);
	if (IS_ERR(p))
		return PTR_ERR(p);
	info.kill.pid = current->process->pid;
	info.kill.uid = current->process->cred.uid;
	if (uinfo) {
		if (copy_from_user(&info, uinfo, sizeof(info)))
			ret = -EFAULT;
		else if (info.si_signo != sig)
			ret = -EINVAL;
		/* Only to itself may a process pretend to be the kernel or kill(2). */
		else if ((info.si_code >= 0 || info.si_code == SI_TKILL) && p != current->process)
			ret = -EPERM;
	}
	if (!ret && (sig < 0 || sig > NSIG_MAX))
		ret = -EINVAL;
	if (!ret && (p->zombie && list_empty(&p->pid_hash)))
		ret = -ESRCH;
	if (!ret && !may_signal(p, sig))
		ret = -EPERM;
	if (!ret && sig && !p->zombie)
		ret = signal_send_process(p, sig, &info);
	process_put(p);
	return ret;
}

SYSCALL(pidfd_getfd, int pidfd, int fd, unsigned int flags)
{
	struct file *f = NULL;
	struct process *p;
	int ret;

	if (flags)
		return -EINVAL;
	p = pidfd_process(pidfd, NULL);
	if (IS_ERR(p))
		return PTR_ERR(p);
	if (p != current->process && p->cred.uid != current->process->cred.euid && !capable(CAP_SYS_PTRACE))
		ret = -EPERM;
	else if (!p->files)
		ret = -ESRCH;
	else
		ret = fd < 0 || files_next(p->files, fd, &f) != fd ? -EBADF : 0;
	process_put(p);
	if (!ret) {
		ret = fd_alloc(f, 0, true);
		if (ret >= 0)
			return ret;
	}
	if (f)
		file_put(f);
	return ret;
}

/* Order of two kernel pointers, as kcmp tells it: 0 equal, 1 less, 2 greater. */
static long order(const void *a, const void *b)
{
	return a == b ? 0 : a < b ? 1 : 2;
}

static struct file *file_at(struct process *p, unsigned long fd)
{
	struct file *f = NULL;

	if (!p->files || fd > 0x7fffffff)
		return NULL;
	if (files_next(p->files, fd, &f) == (int)fd)
		return f;
	if (f)
		file_put(f);
	return NULL;
}

static long kcmp_files(struct process *a, struct process *b, unsigned long fd1, unsigned long fd2)
{
	struct file *f1 = file_at(a, fd1), *f2 = file_at(b, fd2);
	long ret = f1 && f2 ? order(f1, f2) : -EBADF;

	if (f1)
		file_put(f1);
	if (f2)
		file_put(f2);
	return ret;
}

SYSCALL(kcmp, int pid1, int pid2, int type, unsigned long idx1, unsigned long idx2)
{
	struct thread *t1 = thread_find(pid1), *t2 = thread_find(pid2);
	long ret = -ESRCH;

	if (t1 && t2) {
		struct process *a = t1->process, *b = t2->process;

		switch (type) {
		case KCMP_FILE:
			ret = kcmp_files(a, b, idx1, idx2);
			break;
		case KCMP_VM:
			ret = order(a->mm, b->mm);
			break;
		case KCMP_FILES:
			ret = order(a->files, b->files);
			break;
		case KCMP_FS:
			ret = order(a->fs, b->fs);
			break;
		case KCMP_SIGHAND:
			ret = order(a->sighand, b->sighand);
			break;
		case KCMP_IO:	/* who set no priority has none of its own */
			ret = t1->ioprio || t2->ioprio ? order(a, b) : 0;
			break;
		case KCMP_SYSVSEM:	/* ... and who has nothing to undo no list */
			ret = a->exit_undo || b->exit_undo ? order(a, b) : 0;
			break;
		default:
			ret = -EINVAL;
		}
	}
	if (t1)
		thread_put(t1);
	if (t2)
		thread_put(t2);
	return ret;
}
