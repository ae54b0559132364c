/* Numbers of threads and processes, process groups and sessions.  The tasklist lock protects the tree. */
#include "libos/proc/internal.h"
#include "libos/signal/signal.h"
#include "libos/tty/tty.h"

SYSCALL0(getpid)
{
	return current->process->pid;
}

SYSCALL0(gettid)
{
	return current->tid;
}

SYSCALL0(getppid)
{
	struct process *parent = READ_ONCE(current->process->parent);

	return parent ? parent->pid : 0;
}

SYSCALL0(getpgrp)
{
	return current->process->pgrp;
}

/* The process of a pid argument, 0 being the caller; tasklist locked, no reference. */
static struct process *target(i32 pid)
{
	return pid ? process_lookup(pid) : current->process;
}

SYSCALL(getpgid, int pid)
{
	struct process *p;
	long ret;

	mutex_lock(&tasklist_lock);
	p = target(pid);
	ret = p ? p->pgrp : -ESRCH;
	mutex_unlock(&tasklist_lock);
	return ret;
}

SYSCALL(getsid, int pid)
{
	struct process *p;
	long ret;

	mutex_lock(&tasklist_lock);
	p = target(pid);
	ret = p ? p->session : -ESRCH;
	mutex_unlock(&tasklist_lock);
	return ret;
}

static bool group_in_session(i32 pgid, i32 session)
{
	struct process *p;

	list_for_each(p, &all_processes, hash)
		if (p->pgrp == pgid && p->session == session)
			return true;
	return false;
}

static long setpgid_locked(i32 pid, i32 pgid)
{
	struct process *me = current->process, *p = process_lookup(pid);

	if (!p)
		return -ESRCH;
	if (p->parent == me) {
		if (p->session != me->session)
			return -EPERM;
		if (p->did_exec)
			return -EACCES;
	} else if (p != me) {
		return -ESRCH;
	}
	if (p->session == p->pid)
		return -EPERM;
	if (pgid != p->pid && !group_in_session(pgid, me->session))
		return -EPERM;
	p->pgrp = pgid;
	return 0;
}

SYSCALL(setpgid, int pid, int pgid)
{
	long ret;

	if (!pid)
		pid = current->process->pid;
	if (!pgid)
		pgid = pid;
	if (pgid < 0)
		return -EINVAL;
	mutex_lock(&tasklist_lock);
	ret = setpgid_locked(pid, pgid);
	mutex_unlock(&tasklist_lock);
	return ret;
}

SYSCALL0(setsid)
{
	struct process *me = current->process, *p;
	struct tty *tty = NULL;
	long ret = me->pid;

	mutex_lock(&tasklist_lock);
	list_for_each(p, &all_processes, hash)
		if (p->pgrp == me->pid)
			ret = -EPERM;
	if (ret > 0) {
		me->session = me->pgrp = me->pid;
		tty = me->tty;
		me->tty = NULL;
	}
	mutex_unlock(&tasklist_lock);
	tty_put(tty);
	return ret;
}

/* Give up p's terminal; for the leader of its session, everybody's.  Returns the group that is to hear of it, or 0. */
static i32 detach_tty(struct process *p)
{
	struct tty *tty = p->tty;
	struct process *q;
	i32 pgrp;

	if (!tty)
		return 0;
	p->tty = NULL;
	if (p->session != p->pid) {
		tty_put(tty);
		return 0;
	}
	pgrp = tty->pgrp;
	tty->session = tty->pgrp = 0;
	list_for_each(q, &all_processes, hash) {
		if (q->session != p->session || q->tty != tty)
			continue;
		q->tty = NULL;
		tty_put(tty);
	}
	tty_put(tty);
	return pgrp;
}

/* A process ends: the foreground of a session leader's terminal hears of it. */
void process_exit_session(struct process *p)
{
	i32 pgrp;

	mutex_lock(&tasklist_lock);
	pgrp = detach_tty(p);
	mutex_unlock(&tasklist_lock);
	if (pgrp > 0) {
		signal_send_pgrp(pgrp, SIGHUP, NULL);
		signal_send_pgrp(pgrp, SIGCONT, NULL);
	}
}
