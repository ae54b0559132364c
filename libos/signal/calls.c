/* The system calls of signals: sigaction(2), sigprocmask(2), kill(2), sigtimedwait(2) and their kin. */
#include "libos/kernel/syscall.h"
#include "libos/signal/internal.h"
#include <linux/capability.h>
#include <linux/time_types.h>

#define SIGSET_SIZE sizeof(sigset_kernel)

struct user_sigaction {
	u64 handler, flags, restorer;
	sigset_kernel mask;
};

static bool valid(int sig)
{
	return sig >= 1 && sig <= NSIG_MAX;
}

/* Flags that Linux does not know read back as 0, so that programs can ask what it supports (sigaction(2)). */
#define SA_KNOWN                                                                                             \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_NODEFER | SA_RESETHAND |    \
	 SA_RESTORER | SA_EXPOSE_TAGBITS)

static void set_action(struct process *p, int sig, const struct user_sigaction *ua, struct user_sigaction *old)
{
	struct sigaction_kernel *a = &p->sighand->action[sig - 1];
	struct thread *t;

	mutex_lock(&p->lock);
	mutex_lock(&p->sighand->lock);
	*old = (struct user_sigaction){a->handler, a->flags, a->restorer, a->mask};
	*a = (struct sigaction_kernel){
		.handler = ua->handler, .flags = ua->flags & SA_KNOWN, .restorer = ua->restorer,
		.mask = ua->mask & ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP)),
	};
	/* What is pending and now ignored is forgotten (POSIX 2.4.3). */
	if (signal_ignored(p, sig)) {
		sigpending_drop(&p->shared_pending, SIG_BIT(sig));
		list_for_each(t, &p->threads, node)
			sigpending_drop(&t->pending, SIG_BIT(sig));
	}
	mutex_unlock(&p->sighand->lock);
	mutex_unlock(&p->lock);
}

SYSCALL(rt_sigaction, int sig, const struct user_sigaction *uact, struct user_sigaction *uold, size_t size)
{
	struct process *p = current->process;
	struct sigaction_kernel *a;
	struct user_sigaction ua, old;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (uact && copy_from_user(&ua, uact, sizeof(ua)))
		return -EFAULT;
	if (!valid(sig) || (uact && (sig == SIGKILL || sig == SIGSTOP)))
		return -EINVAL;
	a = &p->sighand->action[sig - 1];
	if (uact)
		set_action(p, sig, &ua, &old);
	else
		old = (struct user_sigaction){a->handler, a->flags, a->restorer, a->mask};
	return uold ? copy_to_user(uold, &old, sizeof(old)) : 0;
}

SYSCALL(rt_sigprocmask, int how, const sigset_kernel *uset, sigset_kernel *uold, size_t size)
{
	sigset_kernel set, old = current->blocked;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (uset) {
		if (get_user(set, uset))
			return -EFAULT;
		switch (how) {
		case SIG_BLOCK:
			set |= old;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		signal_set_blocked(set);
	}
	return uold ? put_user(old, uold) : 0;
}

SYSCALL(rt_sigpending, sigset_kernel *uset, size_t size)
{
	struct thread *t = current;
	sigset_kernel set = (READ_ONCE(t->pending.set) | READ_ONCE(t->process->shared_pending.set)) & t->blocked;

	if (size > SIGSET_SIZE)
		return -EINVAL;
	return copy_to_user(uset, &set, size);
}

static long sleep_for_signal(void)
{
	for (;;) {
		u32 seq = thread_wake_seq();

		if (signal_is_pending())
			return -ERESTARTNOHAND;
		thread_sleep(seq, BZ_NO_DEADLINE);
	}
}

SYSCALL(rt_sigsuspend, const sigset_kernel *uset, size_t size)
{
	int err;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (!uset)
		return -EFAULT;
	err = signal_temp_mask(uset, size);
	return err ? err : sleep_for_signal();
}

SYSCALL0(pause)
{
	return sleep_for_signal();
}

SYSCALL0(restart_syscall)
{
	struct thread *t = current;
	long (*fn)(struct thread *t) = t->restart;

	return fn ? fn(t) : -EINTR;
}

/* Wait with `set` unblocked, so that a signal of it wakes us; then block it again and take it from the queue. */
static long timed_wait(sigset_kernel set, i64 deadline, struct siginfo_kernel *info)
{
	struct thread *t = current;
	sigset_kernel blocked = t->blocked;
	bool timed_out = false;
	int sig;

	for (;;) {
		sig = signal_dequeue(set, info);
		if (sig || timed_out)
			return sig ? sig : -EAGAIN;
		/* A signal that is ignored by default is kept for us all the same (sigwait(3) for SIGCHLD). */
		t->real_blocked = blocked;
		signal_set_blocked(blocked & ~set);
		for (;;) {
			u32 seq = thread_wake_seq();

			if (signal_is_pending())
				break;
			timed_out = thread_sleep(seq, deadline) == -ETIMEDOUT;
			if (timed_out)
				break;
		}
		signal_set_blocked(blocked);
		t->real_blocked = 0;
		if (timed_out)
			continue;
		sig = signal_dequeue(set, info);
		if (sig)
			return sig;
		if (signal_is_pending())
			return -EINTR;
	}
}

SYSCALL(rt_sigtimedwait, const sigset_kernel *uset, struct siginfo_kernel *uinfo, const struct __kernel_timespec *uts,
	size_t size)
{
	struct __kernel_timespec ts;
	i64 deadline = BZ_NO_DEADLINE;
	struct siginfo_kernel info;
	sigset_kernel set;
	long sig;

	if (size != SIGSET_SIZE)
		return -EINVAL;
	if (get_user(set, uset))
		return -EFAULT;
	if (uts) {
		if (get_user(ts, uts))
			return -EFAULT;
		if (ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= NSEC_PER_SEC)
			return -EINVAL;
		if (ts.tv_sec < 1ll << 32)
			deadline = now_mono() + ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
	}
	sig = timed_wait(set & ~(SIG_BIT(SIGKILL) | SIG_BIT(SIGSTOP)), deadline, &info);
	if (sig > 0 && uinfo && copy_to_user(uinfo, &info, sizeof(info)))
		return -EFAULT;
	return sig;
}

/* --- sending --- */

static void fill_user(struct siginfo_kernel *info, int sig, int code)
{
	*info = (struct siginfo_kernel){.si_signo = sig, .si_code = code};
	info->kill.pid = current->process->pid;
	info->kill.uid = current->process->cred.uid;
}

/* kill(2): same real or saved uid, or CAP_KILL; SIGCONT within the session. */
static bool may_kill(const struct process *p, int sig)
{
	const struct cred *me = &current->process->cred, *c = &p->cred;

	if (p == current->process || me->euid == c->suid || me->euid == c->uid || me->uid == c->suid || me->uid == c->uid)
		return true;
	return capable(CAP_KILL) || (sig == SIGCONT && p->session == current->process->session);
}

static int kill_one(struct process *p, int sig, const struct siginfo_kernel *info)
{
	/* Linux looks for the process first: a bad number for nobody is ESRCH (check_kill_permission). */
	if (sig && !valid(sig))
		return -EINVAL;
	/* Its last thread may still be on its way out when somebody has waited for it already. */
	if (list_empty(&p->pid_hash))
		return -ESRCH;
	if (!may_kill(p, sig))
		return -EPERM;
	return sig ? signal_send_process(p, sig, info) : 0;
}

static long kill_pid(i32 pid, int sig, const struct siginfo_kernel *info)
{
	/* Any thread's number stands for its process, as on Linux. */
	struct thread *t = thread_find(pid);
	struct process *p = t ? NULL : process_find(pid);
	int err;

	if (!t && !p)
		return -ESRCH;
	err = kill_one(t ? t->process : p, sig, info);
	if (t)
		thread_put(t);
	else
		process_put(p);
	return err;
}

static long kill_many(i32 pgrp, int sig, const struct siginfo_kernel *info)
{
	struct process *p;
	int found = 0, ok = 0, err = -ESRCH;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash) {
		int e;

		/* -1: everybody but init and ourselves. */
		if (pgrp == -1 ? p == init_process || p == current->process : p->pgrp != pgrp)
			continue;
		found++;
		e = kill_one(p, sig, info);
		if (!e)
			ok++;
		else
			err = e;
	}
	mutex_unlock(&tasklist_lock);
	if (ok || !found)
		return ok ? 0 : -ESRCH;
	/* kill(-1) reports what went wrong, but not that some may not be signalled. */
	return pgrp == -1 && err == -EPERM ? 0 : err;
}

SYSCALL(kill, int pid, int sig)
{
	struct siginfo_kernel info;

	fill_user(&info, sig, SI_USER);
	if (pid > 0)
		return kill_pid(pid, sig, &info);
	if (pid == (i32)0x80000000)
		return -ESRCH;
	return kill_many(pid == -1 ? -1 : pid ? -pid : current->process->pgrp, sig, &info);
}

static long send_thread(i32 tgid, i32 tid, int sig, const struct siginfo_kernel *info)
{
	struct thread *t = thread_find(tid);
	long err = 0;

	if (!t)
		return -ESRCH;
	if (tgid > 0 && t->process->pid != tgid)
		err = -ESRCH;
	else if (sig && !valid(sig))
		err = -EINVAL;
	else if (!may_kill(t->process, sig))
		err = -EPERM;
	else if (sig)
		err = signal_send_thread(t, sig, info);
	thread_put(t);
	return err;
}

SYSCALL(tgkill, int tgid, int tid, int sig)
{
	struct siginfo_kernel info;

	if (tgid <= 0 || tid <= 0)
		return -EINVAL;
	fill_user(&info, sig, SI_TKILL);
	return send_thread(tgid, tid, sig, &info);
}

SYSCALL(tkill, int tid, int sig)
{
	struct siginfo_kernel info;

	if (tid <= 0)
		return -EINVAL;
	fill_user(&info, sig, SI_TKILL);
	return send_thread(0, tid, sig, &info);
}

/* Only the kernel may claim to be the kernel, or to be kill(2) (rt_sigqueueinfo(2)). */
static int load_info(int sig, const struct siginfo_kernel *uinfo, struct siginfo_kernel *info, i32 pid)
{
	if (get_user(*info, uinfo))
		return -EFAULT;
	info->si_signo = sig;
	if ((info->si_code >= 0 || info->si_code == SI_TKILL) && pid != current->tid)
		return -EPERM;
	return 0;
}

SYSCALL(rt_sigqueueinfo, int pid, int sig, const struct siginfo_kernel *uinfo)
{
	struct siginfo_kernel info;
	int err = load_info(sig, uinfo, &info, pid);

	return err ? err : kill_pid(pid, sig, &info);
}

SYSCALL(rt_tgsigqueueinfo, int tgid, int tid, int sig, const struct siginfo_kernel *uinfo)
{
	struct siginfo_kernel info;
	int err = load_info(sig, uinfo, &info, tid);

	if (err)
		return err;
	return tgid <= 0 || tid <= 0 ? -EINVAL : send_thread(tgid, tid, sig, &info);
}
