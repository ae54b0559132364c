/*
 * clone(2), clone3(2), fork(2), vfork(2).  A thread is a host thread.  A process is one host clone of the picoprocess,
 * made under mm->lock so that the copied vma list is what the copied address space has (section 4 of the design).
 */
#include "libos/landlock/landlock.h"
#include "libos/keys/keys.h"
#include "libos/mm/mm.h"
#include "libos/proc/internal.h"
#include "libos/proc/vfork.h"
#include "libos/ptrace/ptrace.h"
#include "libos/seccomp/seccomp.h"
#include "libos/signal/signal.h"
#include "libos/tty/tty.h"
#include "libos/vfs/vfs.h"
#include <linux/ptrace.h>
#include <linux/sched.h>

#define CLONE_NS_FLAGS                                                                                       \
	(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |           \
	 CLONE_NEWCGROUP | CLONE_NEWTIME)

static int check_flags(const struct clone_args *a)
{
	u64 f = a->flags;

	if ((f & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS) ||
	    (f & (CLONE_NEWUSER | CLONE_FS)) == (CLONE_NEWUSER | CLONE_FS))
		return -EINVAL;
	if ((f & CLONE_THREAD) && !(f & CLONE_SIGHAND))
		return -EINVAL;
	if ((f & CLONE_SIGHAND) && !(f & CLONE_VM))
		return -EINVAL;
	if ((f & CLONE_THREAD) && (f & (CLONE_NEWUSER | CLONE_NEWPID)))
		return -EINVAL;
	if ((f & CLONE_PARENT) && !current->process->parent)
		return -EINVAL;
	if ((f & CLONE_PIDFD) && (f & CLONE_THREAD))
		return -EINVAL;
	if ((f & CLONE_CLEAR_SIGHAND) && (f & CLONE_SIGHAND))
		return -EINVAL;
	/* Namespaces are the sandbox's; there is none to make inside of it. */
	if (f & CLONE_NS_FLAGS)
		return -EPERM;
	/* No cgroup file system, hence no descriptor of one. */
	if (f & CLONE_INTO_CGROUP)
		return -EBADF;
	if ((f & CLONE_THREAD) && (!(f & CLONE_FILES) || !(f & CLONE_FS)))
		return -ENOSYS;
	return 0;
}

/* What both threads and processes inherit of the calling thread. */
static void inherit_thread(struct thread *t, const struct clone_args *a)
{
	struct thread *me = current;

	memcpy(t->comm, me->comm, sizeof(t->comm));
	t->blocked = me->blocked;
	t->personality = me->personality;
	t->nice = me->nice;
	t->ioprio = me->ioprio;
	t->sched_policy = me->sched_policy;
	t->sched_priority = me->sched_priority;
	sched_reset(t);
	landlock_inherit(t, me);
	t->cpu_affinity_set = me->cpu_affinity_set;
	t->cpu_affinity = me->cpu_affinity;
	t->mempolicy = me->mempolicy;
	t->request_keyring = me->request_keyring;
	t->timer_slack = t->timer_slack_default = me->timer_slack;
	if (a->flags & CLONE_CHILD_CLEARTID)
		t->clear_child_tid = (u32 *)a->child_tid;
	t->start_ctx = *me->ctx;
	t->start_ctx.rax = 0;
	if (a->stack)
		t->start_ctx.rsp = a->stack + a->stack_size;
	t->start_fs = a->flags & CLONE_SETTLS ? a->tls : read_fs_base();
}

static void forget_thread(struct thread *t)
{
	mutex_lock(&tasklist_lock);
	if (t->ptrace)
		ptrace_unlink(t->ptrace);
	thread_unhash(t);
	mutex_unlock(&tasklist_lock);
	ptrace_drain();
	thread_put(t);
}

static bool nproc_reached(const struct process *p)
{
	u64 limit = p->rlimit[RLIMIT_NPROC].soft, n = 0;
	struct process *q;

	if (limit == ~0ull || !p->cred.uid || capable(21 /* CAP_SYS_ADMIN */) || capable(24 /* CAP_SYS_RESOURCE */))
		return false;
	mutex_lock(&tasklist_lock);
	list_for_each(q, &all_processes, hash)
		if (q->cred.uid == p->cred.uid)
			n += max(q->thread_count, 1u);
	mutex_unlock(&tasklist_lock);
	return n >= limit;
}

/* --- threads --- */

/* On p's list, unless p is ending. */
static int thread_attach(struct process *p, struct thread *t)
{
	int err = 0;

	mutex_lock(&p->lock);
	if (thread_must_exit(current)) {
		err = -ERESTARTNOINTR;
	} else {
		seccomp_inherit(t, current); /* here, where who sets filters for all threads finds it or is found */
		list_add_tail(&t->node, &p->threads);
		p->thread_count++;
	}
	mutex_unlock(&p->lock);
	return err;
}

static void thread_detach(struct process *p, struct thread *t)
{
	mutex_lock(&p->lock);
	list_del(&t->node);
	p->thread_count--;
	mutex_unlock(&p->lock);
}

static long clone_thread(const struct clone_args *a)
{
	struct process *p = current->process;
	struct thread *t = thread_create_struct(p);
	i32 tid;
	int ret;

	if (!t)
		return -EAGAIN;
	inherit_thread(t, a);
	ptrace_child(t, PTRACE_EVENT_CLONE, a->flags & CLONE_PTRACE);
	tid = t->tid;
	ret = thread_attach(p, t);
	if (ret) {
		forget_thread(t);
		return ret;
	}
	/* Both are written before the thread runs, as libcs expect; a bad address is the guest's loss, as on Linux. */
	if (a->flags & CLONE_PARENT_SETTID)
		put_user(tid, (i32 *)a->parent_tid);
	if (a->flags & CLONE_CHILD_SETTID)
		put_user(tid, (i32 *)a->child_tid);
	ref_get(&t->refs);
	ret = host->thread_create(t);
	if (ret < 0) {
		thread_detach(p, t);
		thread_put(t);
		forget_thread(t);
		return ret == -ENOMEM ? ret : -EAGAIN;
	}
	/* It may have begun, and ended, by now; it sets the same number itself. */
	WRITE_ONCE(t->host_tid, ret);
	thread_put(t);
	if (ptraced(current))
		ptrace_event(PTRACE_EVENT_CLONE, tid);
	return tid;
}

/* --- processes --- */

static char *blob_copy(const char *s, size_t n)
{
	char *d = s ? kmalloc(n) : NULL;

	if (d)
		memcpy(d, s, n);
	return d;
}

/* The parts that can fail; what was made is undone by process_undo. */
static int process_inherit(struct process *p, struct process *parent, u64 flags)
{
	if (flags & CLONE_FILES) {
		files_get(parent->files);
		p->files = parent->files;
	} else {
		p->files = files_copy(parent->files);
	}
	if (flags & CLONE_FS) {
		ref_get(&parent->fs->refs);
		p->fs = parent->fs;
	} else {
		p->fs = fs_context_copy(parent->fs);
	}
	if (flags & CLONE_SIGHAND) {
		ref_get(&parent->sighand->refs);
		p->sighand = parent->sighand;
	} else {
		p->sighand = sighand_copy(parent->sighand);
	}
	if (!p->files || !p->fs || !p->sighand)
		return -ENOMEM;
	mutex_lock(&parent->lock);
	p->cmdline = blob_copy(parent->cmdline, parent->cmdline_len);
	p->cmdline_len = p->cmdline ? parent->cmdline_len : 0;
	p->environ = blob_copy(parent->environ, parent->environ_len);
	p->environ_len = p->environ ? parent->environ_len : 0;
	p->exe_path = parent->exe_path ? kstrdup(parent->exe_path) : NULL;
	memcpy(p->auxv, parent->auxv, sizeof(p->auxv));
	p->auxv_len = parent->auxv_len;
	p->exe = parent->exe ? dentry_get(parent->exe) : NULL;
	p->tty = parent->tty;
	if (p->tty)
		ref_get(&p->tty->refs);
	p->loaded = true;
	mutex_unlock(&parent->lock);
	process_hold_exe(p, parent->exe_inode);
	keys_fork(p, parent);
	return 0;
}

void process_undo(struct process *p)
{
	keys_process_exit(p);
	if (p->files)
		files_put(p->files);
	if (p->fs)
		fs_context_put(p->fs);
	if (p->mm)
		mm_put(p->mm);
	tty_put(p->tty);
}

/* The caller passes for the child by now, and has its context. */
static void begin_as_child(struct thread *t, const struct clone_args *a)
{
	if (a->stack)
		t->ctx->rsp = t->start_ctx.rsp;
	if (a->flags & CLONE_SETTLS)
		write_fs_base(a->tls);
	if (a->flags & CLONE_CHILD_SETTID)
		put_user(t->tid, (i32 *)a->child_tid);
	t->orig_rax = __NR_clone;
}

/* Runs in the child, on its copy of the stack, as its first thread. */
static void child_begin(struct thread *t, const struct clone_args *a)
{
	struct bz_tcb *tcb = current_tcb();

	tcb->libos = t;
	tcb->resume_flag = (u64)&t->in_guest;
	t->begun = 1;
	WRITE_ONCE(t->host_tid, tcb->tid);
	WRITE_ONCE(t->process->host_pid, tcb->tid);
	t->ctx = tcb->ctx;
	mm_fork_child(t->process->mm);
	process_limit_cpu(t->process);
	begin_as_child(t, a);
}

/* Signals wait until the child lets go, but for the end of this process. */
static void wait_for_vfork(struct process *p)
{
	while (!__atomic_load_n(&p->vfork_done, __ATOMIC_SEQ_CST) && !thread_must_exit(current))
		host->wait(&p->vfork_done, 0, ~0u, BZ_WAIT_SHARED | BZ_WAIT_UNINTERRUPTIBLE, BZ_CLOCK_MONOTONIC,
			   now_mono() + NSEC_PER_SEC / 10);
}

bool process_attach(struct process *p, struct thread *t, struct process *parent, u64 flags)
{
	struct process *up = parent;

	if (flags & CLONE_PARENT)
		up = parent->parent;
	return process_publish(p, t, up, current);
}

void process_unattach(struct process *p, struct thread *t)
{
	mutex_lock(&tasklist_lock);
	process_unhash(p);
	list_del(&t->node);
	mutex_unlock(&tasklist_lock);
}

/* The parent's descriptor of the child, made before there is one, so that failure costs nothing. */
static int give_pidfd(struct process *p, const struct clone_args *a)
{
	int fd;

	ref_get(&p->refs);
	fd = pidfd_create(p, 0);
	if (fd < 0) {
		process_put(p);
		return fd;
	}
	if (put_user(fd, (int *)a->pidfd)) {
		fd_close(fd);
		return -EFAULT;
	}
	return fd;
}

/* The child runs on this thread, in this memory, until it ends or executes a program. */
static int share_memory(struct process *p, struct thread *t, struct process *parent, struct vfork *v,
			const struct clone_args *a)
{
	mm_get(parent->mm);
	p->mm = parent->mm;
	if (!process_attach(p, t, parent, a->flags))
		return -ERESTARTNOINTR;
	if (a->flags & CLONE_PARENT_SETTID)
		put_user(t->tid, (i32 *)a->parent_tid);
	vfork_begin(v, t, t->tid);
	begin_as_child(t, a);
	return 0;
}

/* A child that its parent waits for runs on the parent's host thread, but for one whose parent may have to stop for a tracer. */
static bool borrows_thread(const struct clone_args *a)
{
	return (a->flags & (CLONE_VM | CLONE_VFORK)) == (CLONE_VM | CLONE_VFORK) && !ptraced(current);
}

static long clone_process(const struct clone_args *a)
{
	struct process *parent = current->process, *p = process_create_struct(parent);
	struct vfork *v = NULL;
	struct thread *t;
	int ret, pidfd = -1;
	u32 event;
	i32 pid;

	if (!p)
		return -ENOMEM;
	ret = process_inherit(p, parent, a->flags);
	t = ret ? NULL : thread_create_struct(p);
	if (!t) {
		process_undo(p);
		process_put(p);
		return ret ? ret : -EAGAIN;
	}
	inherit_thread(t, a);
	seccomp_inherit(t, current);
	event = ptrace_clone_event(a->flags, a->exit_signal);
	if (ptraced(current) && !(a->flags & CLONE_UNTRACED))
		ptrace_child(t, event, a->flags & CLONE_PTRACE);
	if ((a->flags & (CLONE_VM | CLONE_VFORK)) != CLONE_VM) {
		t->altstack_sp = current->altstack_sp;
		t->altstack_size = current->altstack_size;
		t->altstack_flags = current->altstack_flags;
	}
	p->vfork_waits = a->flags & CLONE_VFORK;
	p->exit_signal = a->flags & CLONE_PARENT ? parent->exit_signal : a->exit_signal;
	if (a->flags & CLONE_CLEAR_SIGHAND)
		sighand_exec(p);
	pid = t->tid;
	ref_get(&p->refs);
	ref_get(&t->refs);
	if (borrows_thread(a)) {
		ret = -ENOMEM;
		v = vfork_new();
		if (!v)
			goto fail;
	}
	if (a->flags & CLONE_PIDFD) {
		ret = pidfd = give_pidfd(p, a);
		if (ret < 0)
			goto fail;
	}
	if (v) {
		ret = share_memory(p, t, parent, v, a);
		if (ret)
			goto fail;
		thread_put(t);
		process_put(p);
		return 0; /* as the child; to the parent vfork_end gives pid */
	}
	if (a->flags & CLONE_VM) {
		ret = tenants_begin(p, t, parent, a);
		if (ret)
			goto fail;
		goto begun;
	}
	mutex_lock(&parent->mm->lock);
	p->mm = mm_copy(parent->mm);
	if (!p->mm || !process_attach(p, t, parent, a->flags)) {
		mutex_unlock(&parent->mm->lock);
		ret = p->mm ? -ERESTARTNOINTR : -ENOMEM;
		goto fail;
	}
	/* An interrupt that hits the child before it knows itself must not be counted with this thread, which may be gone by then.
	 * Nobody waits to see it counted meanwhile: who holds threads has the map locked. */
	current_tcb()->resume_flag = 0;
	ret = host->process_clone();
	if (ret == 0) {
		child_begin(t, a);
		return 0;
	}
	current_tcb()->resume_flag = (u64)&current->in_guest;
	mutex_unlock(&parent->mm->lock);
	if (ret < 0) {
		process_unattach(p, t);
		ret = -EAGAIN;
		goto fail;
	}
	WRITE_ONCE(t->host_tid, ret);
	if (a->flags & CLONE_PARENT_SETTID)
		put_user(pid, (i32 *)a->parent_tid);
begun:
	if (ptraced(current) && !(a->flags & CLONE_UNTRACED))
		ptrace_event(event, pid);
	if (a->flags & CLONE_VFORK)
		wait_for_vfork(p);
	if ((a->flags & CLONE_VFORK) && ptraced(current))
		ptrace_event(PTRACE_EVENT_VFORK_DONE, pid);
	thread_put(t);
	process_put(p);
	return pid;
fail:
	if (pidfd >= 0)
		fd_close(pidfd);
	if (v)
		vfork_free(v);
	thread_put(t);
	forget_thread(t);
	process_undo(p);
	p->mm = NULL;
	process_put(p);
	process_put(p);
	return ret;
}

static long do_clone(const struct clone_args *a)
{
	int err = check_flags(a);

	if (err)
		return err;
	if (signal_is_pending())
		return -ERESTARTNOINTR;
	/* It has its host thread only until its parent goes on. */
	if ((current->sched_policy & ~SCHED_RESET_ON_FORK) == SCHED_DEADLINE && !(current->sched_policy & SCHED_RESET_ON_FORK))
		return -EAGAIN;
	if (current->vfork && (a->flags & CLONE_THREAD))
		return -EAGAIN;
	/* Asked before any lock is taken: those who try again and again are not to keep others from ending. */
	if (threads_full() || nproc_reached(current->process))
		return -EAGAIN;
	if (a->flags & CLONE_THREAD)
		return clone_thread(a);
	return clone_process(a);
}

SYSCALL(clone, unsigned long flags, unsigned long stack, int *parent_tid, int *child_tid, unsigned long tls)
{
	struct clone_args a = {
		.flags = (flags & 0xffffffff) & ~(u64)CSIGNAL,
		.exit_signal = flags & CSIGNAL,
		.pidfd = (u64)parent_tid,
		.parent_tid = (u64)parent_tid,
		.child_tid = (u64)child_tid,
		.stack = stack,
		.tls = tls,
	};

	if ((a.flags & CLONE_PIDFD) && (a.flags & CLONE_PARENT_SETTID))
		return -EINVAL;
	return do_clone(&a);
}

SYSCALL0(fork)
{
	struct clone_args a = {.exit_signal = SIGCHLD};

	return do_clone(&a);
}

SYSCALL0(vfork)
{
	struct clone_args a = {.flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD};

	return do_clone(&a);
}

SYSCALL(clone3, const struct clone_args *uargs, size_t size)
{
	struct clone_args a = {0};
	u64 extra;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_SIZE_VER0)
		return -EINVAL;
	if (copy_from_user(&a, uargs, min(size, sizeof(a))))
		return -EFAULT;
	for (size_t at = sizeof(a); at < size; at += sizeof(extra)) {
		extra = 0;
		if (copy_from_user(&extra, (const char *)uargs + at, min(sizeof(extra), size - at)))
			return -EFAULT;
		if (extra)
			return -E2BIG;
	}
	if (a.set_tid_size > 32 || (!a.set_tid && a.set_tid_size) || (a.set_tid && !a.set_tid_size))
		return -EINVAL;
	if (a.set_tid_size)
		return -EPERM;
	if ((a.exit_signal & ~(u64)CSIGNAL) || a.exit_signal > NSIG_MAX)
		return -EINVAL;
	if ((a.flags & ~(u64)(0xffffffffull | CLONE_CLEAR_SIGHAND | CLONE_INTO_CGROUP)) ||
	    (a.flags & (CLONE_DETACHED | (CSIGNAL & ~CLONE_NEWTIME))))
		return -EINVAL;
	if ((a.flags & (CLONE_THREAD | CLONE_PARENT)) && a.exit_signal)
		return -EINVAL;
	if (!a.stack != !a.stack_size || !access_ok((void *)a.stack, a.stack_size))
		return -EINVAL;
	return do_clone(&a);
}

/* --- namespaces: one set a sandbox --- */

SYSCALL(unshare, unsigned long flags)
{
	struct process *p = current->process;

	if (flags & ~(unsigned long)(CLONE_NS_FLAGS | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_FILES |
				     CLONE_FS | CLONE_SYSVSEM))
		return -EINVAL;
	if ((flags & (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM)) && p->thread_count > 1)
		return -EINVAL;
	if (flags & CLONE_NS_FLAGS)
		return -EPERM;
	/* Threads of a process share both here; only processes that were cloned with CLONE_FS differ from fork. */
	if ((flags & (CLONE_FS | CLONE_FILES)) && p->thread_count > 1)
		return -ENOMEM;
	if ((flags & CLONE_FS) && READ_ONCE(p->fs->refs) > 1) {
		struct fs_context *old = p->fs, *copy = fs_context_copy(old);

		if (!copy)
			return -ENOMEM;
		p->fs = copy;
		fs_context_put(old);
	}
	return flags & CLONE_FILES ? files_unshare() : 0;
}

SYSCALL(setns, int fd, int type)
{
	struct file *f = fd_get(fd);

	if (!f)
		return -EBADF;
	file_put(f);
	return -EINVAL;
}
